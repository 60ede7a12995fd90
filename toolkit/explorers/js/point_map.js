// The map of points that the explorers draw on, with pan and zoom.
import { button, coalesced, element, typed } from "./dom.js";
import { FAINT, FONT, halo, sheet, star } from "./marks.js";

const WIDTH = 540;
const HEIGHT = 380;

/** Points on two sheets: one that changes seldom, and one above it for what moves. */
export class PointMap {
  constructor(model, { name, paint, seed, keys }) {
    this.model = model;
    this.paint = paint;
    this.seed = seed;
    this.zoom = 1;
    this.shift = [0, 0];
    this.stale = true;
    this.request = coalesced(() => this.draw());
    this.base = sheet(WIDTH, HEIGHT, { class: "tk-base", "aria-hidden": "true" });
    this.top = sheet(WIDTH, HEIGHT, { class: "tk-top", tabindex: "0", role: "application", "aria-label": name });
    this.caption = element("div", { class: "tk-caption" });
    this.status = element("div", { class: "tk-status", role: "status" });
    this.legend = element("div", { class: "tk-legend" });
    const tools = element(
      "div",
      { class: "tk-tools" },
      button("+", "Zoom in (key +)", () => this.zoomBy(1.5)),
      button("−", "Zoom out (key −)", () => this.zoomBy(1 / 1.5)),
      button("fit", "Show the whole map (key 0)", () => this.fit()),
    );
    const layers = [this.base.canvas, this.top.canvas, this.caption, this.status, tools];
    this.node = element("div", { class: "tk-map" }, element("div", { class: "tk-layers" }, ...layers), this.legend);
    this.listen(keys);
    for (const trait of ["points", "groups"]) model.on(`change:${trait}`, () => this.load());
    for (const trait of ["shade", "palette", "legend", "edges"]) model.on(`change:${trait}`, () => this.redraw());
    model.on("change:status", () => this.showStatus());
    this.showStatus();
    this.load();
  }

  listen(keys) {
    const canvas = this.top.canvas;
    let from = null;
    let moved = false;
    const at = (event) => [
      event.offsetX * (WIDTH / canvas.clientWidth),
      event.offsetY * (HEIGHT / canvas.clientHeight),
    ];
    canvas.addEventListener("pointerdown", (event) => {
      from = at(event);
      moved = false;
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({ preventScroll: true });
    });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = at(event);
      if (!from) return this.hover(this.nearest(x, y, 8));
      if (!moved && Math.hypot(x - from[0], y - from[1]) < 4) return;
      moved = true;
      this.shift = [this.shift[0] + x - from[0], this.shift[1] + y - from[1]];
      from = [x, y];
      this.project();
    });
    canvas.addEventListener("pointerup", (event) => {
      const [x, y] = at(event);
      const found = moved ? -1 : this.nearest(x, y, 15);
      from = null;
      if (found >= 0) this.select(found);
    });
    canvas.addEventListener("pointerleave", () => this.hover(-1));
    canvas.addEventListener(
      "wheel",
      (event) => {
        if (document.activeElement !== canvas) return; // else the page could not be scrolled past the map
        event.preventDefault();
        this.zoomBy(Math.exp(-event.deltaY / 400), at(event));
      },
      { passive: false },
    );
    canvas.addEventListener("keydown", (event) => {
      const zooms = { "+": 1.5, "=": 1.5, "-": 1 / 1.5 };
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key in zooms) this.zoomBy(zooms[event.key]);
      else if (event.key === "0") this.fit();
      else if (!keys(event)) return;
      event.preventDefault();
      event.stopPropagation(); // or JupyterLab takes it for a shortcut of its own
    });
  }

  load() {
    this.points = typed(Float32Array, this.model.get("points"));
    this.groups = typed(Int32Array, this.model.get("groups"));
    this.n = this.points.length / 2;
    this.x = new Float32Array(this.n);
    this.y = new Float32Array(this.n);
    const low = [Infinity, Infinity];
    const high = [-Infinity, -Infinity];
    for (let i = 0; i < 2 * this.n; i++) {
      low[i % 2] = Math.min(low[i % 2], this.points[i]);
      high[i % 2] = Math.max(high[i % 2], this.points[i]);
    }
    const range = [high[0] - low[0] || 1, high[1] - low[1] || 1];
    this.unit = Math.min((WIDTH - 40) / range[0], (HEIGHT - 40) / range[1]);
    this.middle = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
    this.centres = this.groupCentres();
    this.project();
  }

  /** Return for each group the instance nearest to its mean, where its name goes. */
  groupCentres() {
    const sums = this.model.get("names").map(() => [0, 0, 0]);
    for (let i = 0; i < this.groups.length; i++) {
      const sum = sums[this.groups[i]];
      if (!sum) continue; // it has no label
      sum[0] += this.points[2 * i];
      sum[1] += this.points[2 * i + 1];
      sum[2] += 1;
    }
    const best = sums.map(() => [Infinity, -1]);
    for (let i = 0; i < this.groups.length; i++) {
      if (!best[this.groups[i]]) continue;
      const [x, y, count] = sums[this.groups[i]];
      const away = Math.hypot(this.points[2 * i] - x / count, this.points[2 * i + 1] - y / count);
      if (away < best[this.groups[i]][0]) best[this.groups[i]] = [away, i];
    }
    return best.map(([, i]) => i);
  }

  project() {
    const scale = this.unit * this.zoom;
    const [x, y] = [WIDTH / 2 + this.shift[0], HEIGHT / 2 + this.shift[1]];
    for (let i = 0; i < this.n; i++) {
      this.x[i] = x + (this.points[2 * i] - this.middle[0]) * scale;
      this.y[i] = y - (this.points[2 * i + 1] - this.middle[1]) * scale;
    }
    this.redraw();
  }

  redraw() {
    this.stale = true;
    this.request();
  }

  zoomBy(factor, [x, y] = [WIDTH / 2, HEIGHT / 2]) {
    const zoom = Math.min(Math.max(this.zoom * factor, 0.5), 60);
    const by = zoom / this.zoom;
    this.shift = [
      x - WIDTH / 2 - by * (x - WIDTH / 2 - this.shift[0]),
      y - HEIGHT / 2 - by * (y - HEIGHT / 2 - this.shift[1]),
    ];
    this.zoom = zoom;
    this.project();
  }

  fit() {
    this.zoom = 1;
    this.shift = [0, 0];
    this.project();
  }

  /** Select an instance, or the nearest number that there is. */
  select(index) {
    this.model.set("selected", Math.min(Math.max(index, 0), this.n - 1));
    this.model.save_changes();
    this.request();
  }

  nearest(x, y, within) {
    let [found, best] = [-1, within * within];
    for (let i = 0; i < this.n; i++) {
      const away = (this.x[i] - x) ** 2 + (this.y[i] - y) ** 2;
      if (away < best) [found, best] = [i, away];
    }
    return found;
  }

  /** Return the label of an instance; nothing if there are no labels. */
  label(i) {
    return this.groups.length ? (this.model.get("names")[this.groups[i]] ?? "no label") : "";
  }

  /** Return the number of an instance with its label, if there are labels. */
  describe(i) {
    return this.groups.length ? `#${i} · ${this.label(i)}` : `#${i}`;
  }

  hover(i) {
    this.caption.textContent = i < 0 ? "" : this.describe(i);
  }

  showStatus() {
    this.status.textContent = this.model.get("status");
  }

  draw() {
    if (this.stale) this.drawBase();
    const { context } = this.top;
    context.clearRect(0, 0, WIDTH, HEIGHT);
    this.paint(context);
    if (this.model.get("legend").named) this.writeNames(context);
    const seed = this.seed();
    if (seed !== undefined) star(context, this.x[seed], this.y[seed]);
  }

  drawBase() {
    this.stale = false;
    const { context } = this.base;
    const palette = this.model.get("palette");
    const shade = typed(Uint8Array, this.model.get("shade"));
    context.clearRect(0, 0, WIDTH, HEIGHT);
    this.drawEdges(context);
    const radius = (this.n <= 3000 ? 2.4 : this.n <= 15000 ? 1.7 : 1.1) * Math.min(Math.sqrt(this.zoom), 3);
    context.globalAlpha = 0.75;
    let last = -1;
    for (let i = 0; i < this.n; i++) {
      const [x, y] = [this.x[i], this.y[i]];
      if (x < -5 || y < -5 || x > WIDTH + 5 || y > HEIGHT + 5) continue;
      if (shade[i] !== last) context.fillStyle = palette[shade[i]] ?? FAINT;
      last = shade[i];
      if (this.n > 15000) context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
      else {
        context.beginPath();
        context.arc(x, y, radius, 0, 2 * Math.PI);
        context.fill();
      }
    }
    context.globalAlpha = 1;
    this.showLegend();
  }

  drawEdges(context) {
    const edges = typed(Int32Array, this.model.get("edges"));
    if (!edges.length) return;
    context.strokeStyle = FAINT;
    context.globalAlpha = Math.min(0.35, 1200 / edges.length);
    context.lineWidth = 0.6;
    this.connect(context, edges);
  }

  /** Draw lines between instances, given pair after pair; they are one path, so that overlaps are no darker. */
  connect(context, ends) {
    context.beginPath();
    for (let e = 0; e < ends.length; e += 2) {
      context.moveTo(this.x[ends[e]], this.y[ends[e]]);
      context.lineTo(this.x[ends[e + 1]], this.y[ends[e + 1]]);
    }
    context.stroke();
  }

  showLegend() {
    const { title, low, high, named } = this.model.get("legend");
    this.legend.replaceChildren(element("b", {}, title ?? ""));
    if (named || low === undefined) return;
    const stops = this.model.get("palette").filter((_, i, all) => i % 8 === 0 || i === all.length - 1);
    const bar = element("span", {
      class: "tk-bar",
      style: `background: linear-gradient(to right, ${stops.join(",")})`,
    });
    this.legend.append(element("span", {}, low), bar, element("span", {}, high));
  }

  /** Write the names of the groups onto the map, apart from each other. */
  writeNames(context) {
    const names = this.model.get("names");
    const taken = [];
    context.font = `bold ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    this.centres.forEach((i, group) => {
      if (i < 0) return;
      const wide = context.measureText(names[group]).width + 6;
      let [x, y] = [this.x[i], this.y[i]];
      while (taken.some(([u, v, w]) => Math.abs(u - x) < (w + wide) / 2 && Math.abs(v - y) < 13)) y += 4;
      taken.push([x, y, wide]);
      halo(context, names[group], x, y, this.model.get("palette")[group]);
    });
    context.font = FONT;
  }
}
