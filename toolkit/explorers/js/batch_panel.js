// The batch that a walk fills, member by member.

import { element } from "./dom.js";

const SHOWN = 300;

export class BatchPanel {
  constructor(map, thumbnails) {
    Object.assign(this, { map, thumbnails });
    this.head = element("div", { class: "tk-head" });
    this.items = element("div", { class: "tk-items" });
    this.more = element("div", { class: "tk-note" });
    const order = element("div", { class: "tk-note" }, "The batch in the order found");
    const attributes = { class: "tk-side", role: "region", "aria-label": "The batch" };
    this.node = element("div", attributes, this.head, order, this.items, this.more);
  }

  /** Forget the members listed, for another walk or new pictures. */
  clear() {
    this.items.replaceChildren();
  }

  ask(walk) {
    this.thumbnails.ask([...walk.batch.slice(0, SHOWN)]);
  }

  /** List the members found so far: only those that came or went are made or removed. */
  show(walk, members) {
    const { node, items } = this;
    const shown = Math.min(members, SHOWN);
    while (items.childElementCount > shown) items.lastChild.remove();
    const first = items.childElementCount;
    for (let k = first; k < shown; k++) items.append(this.member(walk, k));
    // What comes while the walk goes on is followed; a batch that is shown at once begins at its seed.
    if (shown > first && first) node.scrollTop = node.scrollHeight;
    this.more.textContent = members > shown ? `… and ${members - shown} more` : "";
    const name = this.map.describe(walk.start);
    const lines = [`${members} of ${walk.batch.length} members`, this.falseNegatives(walk, members)];
    this.head.replaceChildren(...this.thumbnails.head(walk.start, name, `Seed ${name}`, lines));
  }

  falseNegatives(walk, members) {
    if (!this.map.groups.length) return "No labels given: no member is framed as a false negative.";
    if (members === 1) return "";
    const same = walk.same.subarray(1, members).filter(Boolean).length;
    return `${same} (${Math.round((100 * same) / (members - 1))} %) framed: false negatives of the seed`;
  }

  member(walk, k) {
    const index = walk.batch[k];
    const same = walk.same[k] && k > 0;
    return this.thumbnails.item(index, {
      name: `${this.map.describe(index)}${same ? ", false negative" : k === 0 ? ", the seed" : ""}`,
      hint: "Click to walk from there.",
      marks: ["tk-small", same ? "tk-false" : "", k === 0 ? "tk-seed" : ""],
      size: 36,
      text: `${same ? "= " : ""}${walk.texts[k]}`,
      onclick: () => this.map.select(index),
    });
  }
}
