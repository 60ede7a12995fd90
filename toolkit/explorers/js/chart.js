// Small charts below the map.

import { element } from "./dom.js";
import { FONT, sheet } from "./marks.js";
import { theme } from "./theme.js";

const INSIDE = 0.75; // a longer bar has room for its value

/** A small chart with a title; positions in the box for its data are shares of the width and the height. */
export class Chart {
  constructor(height, title, left = 30) {
    const { canvas, context, resize } = sheet({ role: "img", "aria-label": title });
    Object.assign(this, { height, canvas, context, stretch: resize });
    this.title = element("div", { class: "tk-title" }, title);
    this.node = element("div", { class: "tk-chart" }, this.title, canvas);
    this.box = { left, top: 8, right: left, bottom: height - 28 };
  }

  /** Fit a box of another width; what was drawn is gone. */
  resize(width) {
    this.width = width;
    this.box.right = width - 10;
    this.stretch(width, this.height);
  }

  /** Start an empty chart with a title that says what is seen, and labels of the axes by their positions. */
  begin(title, xlabel, [low, high], ylabels = {}) {
    const { context, box } = this;
    this.title.textContent = title;
    this.canvas.setAttribute("aria-label", `${title}; ${xlabel}`);
    context.clearRect(0, 0, this.width, this.height);
    this.line([this.point(0, 0), this.point(1, 0)], theme.soft, 1);
    this.text(xlabel, (box.left + box.right) / 2, this.height - 6, "center");
    this.text(low, box.left, box.bottom + 11, "left");
    this.text(high, box.right, box.bottom + 11, "right");
    for (const [text, share] of Object.entries(ylabels)) this.text(text, box.left - 4, this.y(share), "right");
  }

  x(share) {
    return this.box.left + share * (this.box.right - this.box.left);
  }

  y(share) {
    return this.box.bottom - share * (this.box.bottom - this.box.top);
  }

  point(x, y) {
    return [this.x(x), this.y(y)];
  }

  text(text, x, y, align, color = theme.soft) {
    const { context } = this;
    context.textAlign = align;
    context.textBaseline = "middle";
    context.fillStyle = color;
    context.font = FONT.replace("11px", "10px");
    context.fillText(text, x, y);
  }

  line(points, color, width, dash = []) {
    const { context } = this;
    context.setLineDash(dash);
    context.beginPath();
    for (const [x, y] of points) context.lineTo(x, y); // the first only moves there
    context.strokeStyle = color;
    context.lineWidth = width;
    context.stroke();
    context.setLineDash([]);
  }

  /** Draw counts as bars side by side over the whole width, the highest at `peak`. */
  bars(counts, color, alpha = 1, peak = Math.max(...counts, 1)) {
    const { context, box } = this;
    context.globalAlpha = alpha;
    context.fillStyle = color;
    const wide = (box.right - box.left) / counts.length;
    counts.forEach((count, k) => {
      const top = this.y(count / peak);
      context.fillRect(box.left + k * wide, top, Math.max(wide - 0.5, 0.5), box.bottom - top);
    });
    context.globalAlpha = 1;
  }

  /** Draw a share as a bar with its name in front and its value at the end. */
  share(name, value, color, y, height) {
    const end = this.x(Math.min(value, 1));
    this.context.fillStyle = color;
    this.context.fillRect(this.x(0), y - height / 2, end - this.x(0), height);
    this.text(name, this.x(0) - 4, y, "right", theme.ink);
    this.percentage(value, end, y, value > INSIDE ? "white" : theme.ink);
  }

  /** Write a share to the right of its position, or to the left where there is little room. */
  percentage(value, x, y, color) {
    const inside = value > INSIDE;
    this.text(`${Math.round(100 * value)} %`, x + (inside ? -4 : 4), y, inside ? "right" : "left", color);
  }
}
