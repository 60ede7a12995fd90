// Pictures and texts of instances.

import { element } from "./dom.js";

/** Pictures of instances, asked for when they are first shown and kept. */
export class Thumbnails {
  constructor(model, changed) {
    this.model = model;
    this.known = new Map();
    this.wanted = [];
    this.asked = false;
    this.texts = model.get("item_kind") === "text";
    this.numbers = model.get("item_kind") === "number";
    model.on("msg:custom", (message) => {
      if (!message.thumbnails) return;
      for (const [index, source] of Object.entries(message.thumbnails)) this.known.set(Number(index), source);
      this.asked = false;
      this.ask(this.wanted);
      changed();
    });
  }

  /** Ask for what is missing, some at a time; what was asked for before and isn't wanted any more is dropped. */
  ask(indices) {
    if (!["image", "drawing"].includes(this.model.get("item_kind"))) return;
    this.wanted = indices.filter((i) => !this.known.has(i));
    if (this.asked || !this.wanted.length) return;
    this.asked = true;
    this.model.send({ want: this.wanted.slice(0, this.model.get("item_kind") === "drawing" ? 8 : 64) });
  }

  /** Return the picture of an instance, or an empty frame until it is there; nothing where there is none. */
  picture(index, size, name) {
    if (this.texts || this.numbers) return [];
    const source = this.known.get(index);
    const style = `width:${size}px;height:${size}px`;
    if (source) return [element("img", { src: source, alt: name, style })];
    return [element("div", { class: "tk-empty", role: "img", "aria-label": name, style }, `#${index}`)];
  }

  /** Return the head of a panel: an instance with a title and lines of text. */
  head(index, name, title, lines) {
    const words = [element("b", {}, title), ...lines.map((line) => element("div", {}, line))];
    return [...this.picture(index, 64, name), element("div", {}, ...words)];
  }

  /** Return a button for an instance: its text, its number, or its picture with captions. */
  item(index, { name, hint, marks, size, text, captions = [], ...listeners }) {
    const kind = this.texts ? "tk-text" : this.numbers ? "tk-number" : "";
    const shape = ["tk-item", kind, ...marks].filter(Boolean).join(" ");
    const attributes = { type: "button", class: shape, title: `${name}. ${hint}`, "aria-label": name, ...listeners };
    const lines = this.texts ? [text] : this.numbers ? [...new Set([`#${index}`, ...captions])] : captions;
    const words = lines.map((line) => element("span", {}, line));
    return element("button", attributes, ...this.picture(index, size, name), ...words);
  }
}
