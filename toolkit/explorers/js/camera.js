// Where instances are on a sheet of any size: pan and zoom.

import { bounds } from "./grid.js";

const MARGIN = 20;
const FARTHEST = 0.5;
const NEAREST = 500;

export class Camera {
  constructor() {
    Object.assign(this, { width: 1, height: 1, zoom: 1, shift: [0, 0], unit: 1, middle: [0, 0], range: [1, 1] });
  }

  /** Look at points, given as x, y, x, y ... */
  cover(points) {
    const [low, high] = bounds(points);
    this.range = [high[0] - low[0] || 1, high[1] - low[1] || 1];
    this.middle = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
    this.resize(this.width, this.height);
  }

  /** Take a sheet of another size; what is in its middle stays there. */
  resize(width, height) {
    const before = this.unit;
    Object.assign(this, { width, height });
    const room = [width, height].map((length, axis) => Math.max(length - 2 * MARGIN, 1) / this.range[axis]);
    this.unit = Math.min(...room);
    this.shift = this.shift.map((part) => (part * this.unit) / before);
  }

  get scale() {
    return this.unit * this.zoom;
  }

  /** Where the middle of the points is on the sheet. */
  get centre() {
    return [this.width / 2 + this.shift[0], this.height / 2 + this.shift[1]];
  }

  /** Write where points are on the sheet into `x` and `y`. */
  project(points, x, y) {
    const [scale, [left, top], [u, v]] = [this.scale, this.centre, this.middle];
    for (let i = 0; i < x.length; i++) {
      x[i] = left + (points[2 * i] - u) * scale;
      y[i] = top - (points[2 * i + 1] - v) * scale;
    }
  }

  /** Return what lies at a position of the sheet, in the points' own coordinates. */
  back([x, y]) {
    const [left, top] = this.centre;
    return [this.middle[0] + (x - left) / this.scale, this.middle[1] - (y - top) / this.scale];
  }

  panBy(dx, dy) {
    this.shift = [this.shift[0] + dx, this.shift[1] + dy];
  }

  zoomBy(factor, [x, y] = [this.width / 2, this.height / 2]) {
    const zoom = Math.min(Math.max(this.zoom * factor, FARTHEST), NEAREST);
    const by = zoom / this.zoom;
    const [left, top] = this.centre;
    this.shift = [x - by * (x - left) - this.width / 2, y - by * (y - top) - this.height / 2];
    this.zoom = zoom;
  }

  fit() {
    this.zoom = 1;
    this.shift = [0, 0];
  }
}
