// A walk as the kernel sends it.

import { typed } from "./dom.js";

export const KIND = { new: 0, revisit: 1, restart: 2, reseed: 3 };

export class Walk {
  constructor(sent) {
    Object.assign(this, sent);
    this.nodes = typed(Int32Array, sent.nodes);
    this.kinds = typed(Uint8Array, sent.kinds);
    this.distances = typed(Float32Array, sent.distances);
    this.outside = typed(Uint8Array, sent.outside);
    this.batch = typed(Int32Array, sent.batch);
    this.same = typed(Uint8Array, sent.same);
    this.n = this.nodes.length;
    this.labelled = new Set(this.batch.filter((_, k) => this.same[k]));
  }

  /** Return how many members of the batch were found after a number of steps. */
  members(step) {
    return 1 + this.kinds.subarray(0, step).filter((kind) => kind === KIND.new || kind === KIND.reseed).length;
  }

  /** Return whether an instance has the seed's label; the seed has. */
  sharesLabel(node) {
    return this.labelled.has(node);
  }
}
