// The charts of the walk player: the distance from the seed, visits against PageRank, steps outside the region.

import { Chart } from "./chart.js";
import { typed } from "./dom.js";
import { dot } from "./marks.js";
import { theme, tone } from "./theme.js";
import { KIND } from "./walk.js";

const MOST_DOTS = 250;

export class DistanceChart extends Chart {
  constructor(color) {
    super(104, "Distance from the seed");
    this.node.classList.add("tk-wide");
    this.color = color;
    this.box.top = 14;
  }

  show(walk, step) {
    const top = Math.max(1, ...walk.distances);
    const x = (t) => t / Math.max(walk.n, 1);
    const points = [0, ...walk.distances].map((distance, t) => this.point(x(t), distance / top));
    this.begin(walk.distance_title, "step", [0, walk.n], { 0: 0, [top.toFixed(1)]: 1 });
    for (let t = 1; t <= walk.n; t++) {
      const restarted = walk.kinds[t - 1] === KIND.restart;
      if (restarted) this.line([this.point(x(t), 1), this.point(x(t), 0)], theme.faint, 0.5, [3, 3]);
    }
    this.line(points.slice(step), theme.faint, 1);
    this.line(points.slice(0, step + 1), tone(this.color), 1.5);
    for (let t = 1; t <= step && walk.n <= MOST_DOTS; t++) {
      const kind = walk.kinds[t - 1];
      const fill = kind === KIND.revisit ? theme.ground : tone(this.color);
      if (kind !== KIND.restart) dot(this.context, ...points[t], 2, fill, tone(this.color), 1);
    }
    dot(this.context, ...points[step], 4, null, theme.ink, 2);
    this.text("dashed: restarts", this.box.right, 5, "right");
  }
}

export class VisitChart extends Chart {
  constructor(color) {
    super(132, "Visits and PageRank", 36);
    this.color = color;
  }

  show(theory) {
    const [visits, rank] = [typed(Float32Array, theory.visits), typed(Float32Array, theory.rank)];
    const [low, high] = [Math.log10(theory.low) - 0.3, Math.log10(theory.high) + 0.1];
    const share = (value) => Math.min(Math.max((Math.log10(value || 1e-30) - low) / (high - low), 0), 1);
    const percent = (power) => `${Number((100 * 10 ** power).toPrecision(1))} %`;
    this.begin(theory.visit_title, "personalised PageRank", [percent(low), percent(high)], { visits: 0.9 });
    this.line([this.point(0, 0), this.point(1, 1)], theme.faint, 1, [3, 3]);
    this.context.globalAlpha = 0.5;
    rank.forEach((value, k) => {
      dot(this.context, ...this.point(share(value), share(visits[k])), 2, tone(this.color));
    });
    this.context.globalAlpha = 1;
    this.canvas.dataset.restart = theory.restart; // for tests: which walk the chart shows
  }
}

export class EscapeChart extends Chart {
  constructor(color) {
    super(132, "Outside the region", 96);
    this.color = color;
    this.node.title =
      "Steps outside the region: of this walk so far; of a long one; in the limit (personalised PageRank). " +
      "Proposition 2 bounds another walk, on undirected edges, lazy, averaged over its starts in the region.";
  }

  show(theory, walk, step) {
    this.begin(theory.escape_title, "share of steps", ["0 %", "100 %"]);
    const outside = walk.outside.subarray(0, step).filter(Boolean).length;
    const height = (row) => this.box.top + 9 + row * 19;
    const rows = [["this walk", step ? outside / step : 0, this.color], ...theory.rows];
    rows.forEach(([name, share, color], k) => {
      this.share(name, share, tone(color), height(k), 12);
    });
    const y = height(rows.length);
    this.text("its bound", this.x(0) - 4, y, "right", theme.ink);
    if (theory.bound >= 1) return this.text(`${theory.bound_text}: says nothing`, this.x(0) + 4, y, "left");
    const x = this.x(theory.bound);
    const ends = [y - 27, y + 8].map((end) => [x, end]);
    this.line(ends, theme.ink, 1.6, [2, 2]);
    this.percentage(theory.bound, x, y, theme.ink);
  }
}
