// The map of points that the explorers draw on: pan and zoom, hover, a selection, classes that can be left out.
import { Camera } from "./camera.js";
import { button, coalesced, element, typed } from "./dom.js";
import { followPointer } from "./gestures.js";
import { Grid } from "./grid.js";
import { Legend } from "./legend.js";
import { sheet, star } from "./marks.js";
import { groupCentres, writeApart } from "./names.js";
import { CanvasPoints, GLPoints, MANY } from "./points.js";
import { theme, tone } from "./theme.js";
import { Tooltip } from "./tooltip.js";

const SHAPE = 0.7; // height of the map by its width
const HIGHEST = 640;
const REST = 200; // ms without a change, after which all points are drawn
const REACH = { hover: 8, click: 15 };
const TOOLS = [
  ["lasso", "Draw around instances to select them (key l, or hold Shift); with Ctrl, add to the selection"],
  ["box", "Draw a box to select instances (key b); with Ctrl, add to the selection"],
];

/** Sheets above each other: edges and points, which change seldom, and on top what moves. */
export class PointMap {
  constructor(model, { name, paint, seed, keys }) {
    Object.assign(this, { model, paint, seed, keys, tool: "pan", outline: null, stale: true });
    this.camera = new Camera();
    this.request = coalesced(() => this.draw());
    this.base = sheet({ class: "tk-base", "aria-hidden": "true" });
    this.top = sheet({ class: "tk-top", tabindex: "0", role: "application", "aria-label": name });
    this.status = element("div", { class: "tk-status", role: "status" });
    this.tip = new Tooltip(model);
    this.legend = new Legend((hidden) => this.save("hidden", hidden));
    this.chosen = element("button", { type: "button", class: "tk-button tk-chosen", onclick: () => this.choose([]) });
    this.tools = TOOLS.map(([tool, hint]) => button(tool, hint, () => this.use(tool)));
    const zooms = [
      button("+", "Zoom in (key +)", () => this.zoomBy(1.5)),
      button("−", "Zoom out (key −)", () => this.zoomBy(1 / 1.5)),
      button("fit", "Show the whole map (key 0)", () => this.fit()),
    ];
    const tools = element("div", { class: "tk-tools" }, this.chosen, ...this.tools, ...zooms);
    this.layers = element("div", { class: "tk-layers" }, this.base.canvas, this.top.canvas, this.status, tools);
    this.layers.append(this.tip.node);
    this.node = element("div", { class: "tk-map" }, this.layers, this.legend.node);
    this.listen();
    this.use("pan");
    this.load();
  }

  listen() {
    followPointer(this.top.canvas, {
      tool: () => this.tool,
      hover: (at) => this.hover(at ? this.nearest(at, REACH.hover) : -1),
      click: (at) => {
        const found = this.nearest(at, REACH.click);
        if (found >= 0) this.select(found);
      },
      pan: (dx, dy) => {
        this.camera.panBy(dx, dy);
        this.move();
      },
      zoom: (factor, at) => this.zoomBy(factor, at),
      outline: (points) => {
        this.outline = points;
        this.request();
      },
      enclose: (points, add) => this.enclose(points, add),
    });
    this.top.canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (!this.press(event) && !this.keys(event)) return;
      event.preventDefault();
      event.stopPropagation(); // or JupyterLab takes it for a shortcut of its own
    });
    const { model } = this;
    model.on("change:points", () => this.load());
    model.on("change:groups", () => this.load());
    for (const trait of ["shade", "palette", "legend", "edges"]) model.on(`change:${trait}`, () => this.redraw());
    for (const trait of ["chosen", "hidden"]) {
      model.on(`change:${trait}`, () => {
        this.thin();
        this.mark();
      });
    }
    model.on("change:status", () => this.showStatus());
  }

  /** Do what a key says, or return false. */
  press({ key, shiftKey }) {
    const step = this.camera.width / 8;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const zooms = { "+": 1.5, "=": 1.5, "-": 1 / 1.5 };
    if (shiftKey && key in moves) {
      this.camera.panBy(...moves[key]);
      this.move();
    } else if (key in zooms) this.zoomBy(zooms[key]);
    else if (key === "0") this.fit();
    else if (key === "l") this.use("lasso");
    else if (key === "b") this.use("box");
    else if (key === "a") this.enclose(this.corners(), false);
    else if (key === "Escape") this.choose([]);
    else return false;
    return true;
  }

  /** Take a tool, or lay it down if it is in hand. */
  use(tool) {
    this.tool = tool === this.tool ? "pan" : tool;
    this.tools.forEach((node, k) => {
      node.setAttribute("aria-pressed", String(TOOLS[k][0] === this.tool));
    });
    this.top.canvas.classList.toggle("tk-drawing", this.tool !== "pan");
  }

  save(trait, value) {
    this.model.set(trait, value);
    this.model.save_changes();
  }

  /** Fit a box of another width. */
  resize(width) {
    const height = Math.round(Math.min(SHAPE * width, HIGHEST));
    this.layers.style.height = `${height}px`;
    this.camera.resize(width, height);
    for (const layer of [this.base, this.top, this.cards]) layer?.resize(width, height);
    this.project();
  }

  load() {
    this.points = typed(Float32Array, this.model.get("points"));
    this.groups = typed(Int32Array, this.model.get("groups"));
    this.n = this.points.length / 2;
    this.x = new Float32Array(this.n);
    this.y = new Float32Array(this.n);
    this.camera.cover(this.points);
    this.grid = new Grid(this.points);
    this.centres = groupCentres(this.points, this.groups, this.model.get("names").length);
    this.mark();
    this.project();
    this.showStatus();
  }

  /** Find out which points are pale: those of classes left out, and those outside the selection. */
  mark() {
    const chosen = typed(Int32Array, this.model.get("chosen"));
    const hidden = new Set(this.model.get("hidden"));
    this.shade = typed(Uint8Array, this.model.get("shade"));
    this.out = hidden.size ? this.shade.map((shade) => (hidden.has(shade) ? 1 : 0)) : null;
    this.pale = this.out;
    if (chosen.length) {
      this.pale = new Uint8Array(this.n).fill(1);
      for (const i of chosen) this.pale[i] = this.out?.[i] ?? 0;
    }
    this.chosen.hidden = !chosen.length;
    this.chosen.textContent = `${chosen.length.toLocaleString("en")} selected ✕`;
    this.chosen.title = "Select nothing (Escape)";
    this.redraw();
  }

  project() {
    this.camera.project(this.points, this.x, this.y);
    this.tip.hide();
    this.redraw();
  }

  redraw() {
    this.stale = true;
    this.request();
  }

  zoomBy(factor, at) {
    this.camera.zoomBy(factor, at);
    this.move();
  }

  /** Follow the camera. */
  move() {
    this.thin();
    this.project();
  }

  /** Let some of very many points stand for all, until nothing has changed for a while. */
  thin() {
    clearTimeout(this.rest);
    this.moving = this.n > MANY;
    if (!this.moving) return;
    this.rest = setTimeout(() => {
      this.moving = false;
      this.redraw();
    }, REST);
  }

  fit() {
    this.camera.fit();
    this.project();
  }

  /** Show an instance, or the nearest number that there is. */
  select(index) {
    this.save("selected", Math.min(Math.max(index, 0), this.n - 1));
    this.request();
  }

  /** Select instances, in ascending order. */
  choose(indices) {
    this.save("chosen", new DataView(Int32Array.from(indices).buffer));
  }

  /** Select what a polygon on the sheet encloses, in addition to what is selected if `add`. */
  enclose(polygon, add) {
    const corners = polygon.map((corner) => this.camera.back(corner));
    const found = this.grid.inside(corners, this.counts);
    const before = add ? typed(Int32Array, this.model.get("chosen")) : [];
    this.choose(before.length ? [...new Set([...before, ...found])].sort((a, b) => a - b) : found);
  }

  corners() {
    const { width, height } = this.camera;
    return [
      [0, 0],
      [width, 0],
      [width, height],
      [0, height],
    ];
  }

  /** Return whether an instance's class is shown. */
  counts = (i) => !this.out?.[i];

  nearest(at, reach) {
    return this.grid.nearest(this.camera.back(at), reach / this.camera.scale, this.counts);
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
    if (i < 0) return this.tip.hide();
    this.tip.show(i, this.describe(i), [this.x[i], this.y[i]], this.camera.width);
  }

  showStatus() {
    this.status.textContent = this.model.get("status");
  }

  /** Return the present colours: the larger a number, the more it stands out from the ground. */
  palette() {
    const palette = this.model.get("palette").map(tone);
    return theme.dark && this.model.get("legend").low !== undefined ? palette.reverse() : palette;
  }

  draw() {
    if (this.stale) this.drawBase();
    const { context } = this.top;
    context.clearRect(0, 0, this.camera.width, this.camera.height);
    this.paint(context);
    if (this.model.get("legend").named) this.writeNames(context);
    const seed = this.seed();
    if (seed !== undefined) star(context, this.x[seed], this.y[seed]);
    if (this.outline) this.drawOutline(context);
  }

  drawBase() {
    this.stale = false;
    const { context } = this.base;
    const palette = this.palette();
    context.clearRect(0, 0, this.camera.width, this.camera.height);
    this.drawEdges(context);
    this.painter().draw(this, palette);
    this.legend.show(this.model.get("legend"), palette, this.model.get("hidden"));
  }

  /** Return what draws as many points as there are. */
  painter() {
    const wanted = this.n > MANY;
    if (this.drawer && wanted === this.drawer instanceof GLPoints) return this.drawer;
    this.cards?.canvas.remove();
    this.drawer = new CanvasPoints(this.base);
    if (!wanted) return this.drawer;
    this.cards = sheet({ class: "tk-points", "aria-hidden": "true" }, false);
    const card = GLPoints.on(this.cards.canvas);
    if (!card) return this.drawer;
    this.base.canvas.after(this.cards.canvas);
    this.cards.resize(this.camera.width, this.camera.height);
    this.drawer = card;
    return card;
  }

  drawEdges(context) {
    const edges = typed(Int32Array, this.model.get("edges"));
    if (!edges.length) return;
    context.strokeStyle = theme.faint;
    context.globalAlpha = Math.min(0.35, 1200 / edges.length);
    context.lineWidth = 0.6;
    this.connect(context, edges);
    context.globalAlpha = 1;
  }

  drawOutline(context) {
    context.beginPath();
    for (const [x, y] of this.outline) context.lineTo(x, y);
    context.closePath();
    context.lineWidth = 1.5;
    context.strokeStyle = theme.ink;
    context.setLineDash([5, 4]);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 0.08;
    context.fillStyle = theme.ink;
    context.fill();
    context.globalAlpha = 1;
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

  writeNames(context) {
    const palette = this.palette();
    const all = this.model.get("names").map((text, k) => ({ text, i: this.centres[k], color: palette[k], k }));
    const shown = all.filter(({ i, k }) => i >= 0 && !this.legend.hidden.has(k));
    writeApart(
      context,
      shown.map(({ text, i, color }) => ({ text, color, x: this.x[i], y: this.y[i] })),
    );
  }
}
