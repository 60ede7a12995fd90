// What an instance under the pointer is: its number and label at once, the rest as soon as the kernel tells.

import { element } from "./dom.js";

const AWAY = 14;

export class Tooltip {
  constructor(model) {
    this.model = model;
    this.known = new Map();
    this.shown = -1;
    this.node = element("div", { class: "tk-tip", hidden: "", role: "status" });
    model.on("msg:custom", ({ tip }) => {
      if (!tip) return;
      this.known.set(tip.index, tip);
      if (tip.index === this.shown) this.fill(tip);
    });
  }

  show(index, title, [x, y], width) {
    if (index !== this.shown) {
      this.shown = index;
      this.fill({ index, title, lines: [] });
      if (this.known.has(index)) this.fill(this.known.get(index));
      else this.model.send({ tip: index });
    }
    this.node.hidden = false;
    const left = x > width / 2;
    this.node.style.cssText = `top:${y + AWAY}px;${left ? `right:${width - x + AWAY}px` : `left:${x + AWAY}px`}`;
  }

  hide() {
    this.shown = -1;
    this.node.hidden = true;
  }

  fill({ title, pictures = [], lines }) {
    this.title = title ?? this.title;
    const words = element("div", {}, element("b", {}, this.title), ...lines.map((line) => element("div", {}, line)));
    this.node.replaceChildren(...pictures.map((src) => element("img", { src, alt: "" })), words);
  }
}
