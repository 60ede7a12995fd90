// A grid of cells over the points, in which those near a position are found without a look at all.

const PER_CELL = 4;

/** Return the least and the greatest x and y of points, given as x, y, x, y ... */
export function bounds(points) {
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let i = 0; i < points.length; i++) {
    const axis = i & 1;
    if (points[i] < low[axis]) low[axis] = points[i];
    if (points[i] > high[axis]) high[axis] = points[i];
  }
  return [low, high];
}

export class Grid {
  constructor(points) {
    this.points = points;
    const n = points.length / 2;
    const [low, high] = bounds(points);
    this.low = low;
    this.side = Math.max(1, Math.round(Math.sqrt(n / PER_CELL)));
    this.step = [0, 1].map((axis) => (high[axis] - low[axis]) / this.side || 1);
    const cells = new Uint32Array(n);
    this.first = new Uint32Array(this.side * this.side + 1);
    for (let i = 0; i < n; i++) {
      cells[i] = this.cell(points[2 * i], 0) + this.side * this.cell(points[2 * i + 1], 1);
      this.first[cells[i] + 1]++;
    }
    for (let cell = 0; cell < this.side * this.side; cell++) this.first[cell + 1] += this.first[cell];
    const next = this.first.slice();
    this.members = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.members[next[cells[i]]++] = i;
  }

  /** Return in which column (axis 0) or row (axis 1) a coordinate is, or the nearest one. */
  cell(value, axis) {
    return Math.min(Math.max(Math.floor((value - this.low[axis]) / this.step[axis]), 0), this.side - 1);
  }

  /** Call `visit` for each point in the cells that touch a box. */
  within([left, bottom], [right, top], visit) {
    const [first, last] = [this.cell(left, 0), this.cell(right, 0)];
    for (let row = this.cell(bottom, 1); row <= this.cell(top, 1); row++) {
      const [from, to] = [this.first[row * this.side + first], this.first[row * this.side + last + 1]];
      for (let k = from; k < to; k++) visit(this.members[k]);
    }
  }

  /** Return the point nearest to a position among those that `counts` accepts, or -1 if none is within `reach`. */
  nearest([x, y], reach, counts) {
    let [found, best] = [-1, reach * reach];
    this.within([x - reach, y - reach], [x + reach, y + reach], (i) => {
      const away = (this.points[2 * i] - x) ** 2 + (this.points[2 * i + 1] - y) ** 2;
      if (away < best && counts(i)) [found, best] = [i, away];
    });
    return found;
  }

  /** Return the points inside a polygon among those that `counts` accepts, in order. */
  inside(polygon, counts) {
    const found = [];
    const [xs, ys] = [polygon.map(([x]) => x), polygon.map(([, y]) => y)];
    this.within([Math.min(...xs), Math.min(...ys)], [Math.max(...xs), Math.max(...ys)], (i) => {
      if (isInside(polygon, this.points[2 * i], this.points[2 * i + 1]) && counts(i)) found.push(i);
    });
    return Int32Array.from(found).sort();
  }
}

/** Return whether a ray from a position to the right crosses the polygon's border an odd number of times. */
function isInside(polygon, x, y) {
  let inside = false;
  for (let k = 0, last = polygon.length - 1; k < polygon.length; last = k++) {
    const [[x1, y1], [x2, y2]] = [polygon[k], polygon[last]];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}
