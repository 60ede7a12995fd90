// What the colours of a map mean; classes can be left out.

import { element } from "./dom.js";

export class Legend {
  /** `colors` returns the present palette, `changed` is called with the hidden classes. */
  constructor(changed) {
    this.changed = changed;
    this.hidden = new Set();
    this.node = element("div", { class: "tk-legend" });
  }

  show({ title = "", low, high, entries = [] }, palette, hidden) {
    this.hidden = new Set(hidden);
    this.node.replaceChildren(element("b", {}, title));
    if (low !== undefined) this.node.append(element("span", { class: "tk-scale" }, low, bar(palette), high));
    entries.forEach((name, k) => {
      this.node.append(this.entry(name, k, palette[k], entries.length));
    });
  }

  entry(name, k, color, n) {
    const shown = !this.hidden.has(k);
    const hint = `${shown ? "Leave out" : "Show"} ${name} (with Shift: show only this)`;
    const dot = element("i", { style: `background:${color}` });
    const attributes = { type: "button", class: "tk-entry", title: hint, "aria-pressed": String(shown) };
    return element("button", { ...attributes, onclick: (event) => this.toggle(k, n, event.shiftKey) }, dot, name);
  }

  toggle(k, n, only) {
    const alone = this.hidden.size === n - 1 && !this.hidden.has(k);
    if (only) this.hidden = new Set(alone ? [] : [...Array(n).keys()].filter((other) => other !== k));
    else if (!this.hidden.delete(k)) this.hidden.add(k);
    this.changed([...this.hidden]);
  }
}

function bar(palette) {
  const stops = palette.filter((_, i) => i % 8 === 0 || i === palette.length - 1);
  return element("span", { class: "tk-bar", style: `background: linear-gradient(to right, ${stops.join(",")})` });
}
