// Parts of the explorers in the browser: typed data, elements, marks, thumbnails, small charts.

const INK = "#222222";
export const FAINT = "#999999";
export const FONT = "11px 'DejaVu Sans', Helvetica, Arial, sans-serif";

/** Return the bytes of a trait as a typed array of its own: views from the kernel need not be aligned. */
export function typed(Type, view) {
  return view ? new Type(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)) : new Type(0);
}

/** Make an element; an attribute "onclick" is a listener. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Make a button; the tooltip is also its name for screen readers. */
export function button(text, tooltip, onclick) {
  return element(
    "button",
    { type: "button", class: "tk-button", title: tooltip, "aria-label": tooltip, onclick },
    text,
  );
}

/** Make a canvas that is sharp on any screen; return it with its context, in CSS pixels. */
export function sheet(width, height, attributes = {}) {
  const ratio = window.devicePixelRatio || 1;
  const canvas = element("canvas", { width: width * ratio, height: height * ratio, ...attributes });
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.font = FONT;
  return { canvas, context };
}

/** Let the parts of a view be items of the explorer's grid: the boxes between vanish from the layout. */
export function dissolve(el) {
  for (let node = el; node && !node.classList.contains("tk-explorer"); node = node.parentElement) {
    node.style.display = "contents";
  }
}

/** Give sliders and boxes of ipywidgets the names beside them, for screen readers. */
export function nameControls(el) {
  for (const control of el.closest(".tk-explorer")?.querySelectorAll(".widget-hslider, .widget-inline-hbox") ?? []) {
    const label = control.querySelector(".widget-label")?.textContent;
    const part = control.querySelector(".noUi-handle");
    if (label && part && !part.hasAttribute("aria-label")) part.setAttribute("aria-label", label);
  }
}

/** Call `work` in the next frame, once however often it was asked for. */
export function coalesced(work) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      work();
    });
  };
}

/** Write text that can be read on top of points; a colour becomes a dot beside it. */
export function halo(context, text, x, y, color = null) {
  context.lineJoin = "round";
  context.lineWidth = 3.5;
  context.strokeStyle = "rgba(255,255,255,0.9)";
  context.strokeText(text, x, y);
  context.fillStyle = INK;
  context.fillText(text, x, y);
  if (!color) return;
  dot(context, x - context.measureText(text).width / 2 - 7, y, 4, color, "white", 1.2);
}

/** Draw a disc with an outline. */
export function dot(context, x, y, radius, fill, stroke = null, width = 1) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  if (fill) {
    context.fillStyle = fill;
    context.fill();
  }
  if (!stroke) return;
  context.strokeStyle = stroke;
  context.lineWidth = width;
  context.stroke();
}

/** Draw a star ringed in black: the seed. */
export function star(context, x, y, radius = 9) {
  context.beginPath();
  for (let k = 0; k < 10; k++) {
    const r = k % 2 ? radius * 0.45 : radius;
    const angle = (Math.PI * k) / 5 - Math.PI / 2;
    context[k ? "lineTo" : "moveTo"](x + r * Math.cos(angle), y + r * Math.sin(angle));
  }
  context.closePath();
  context.fillStyle = "#F0E442";
  context.fill();
  context.strokeStyle = "black";
  context.lineWidth = 1.6;
  context.stroke();
}

/** Pictures of instances, asked for when they are first shown and kept. */
export class Thumbnails {
  constructor(model, changed) {
    this.model = model;
    this.known = new Map();
    this.wanted = [];
    this.asked = false;
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

  /** Make a picture of `size` pixels, or an empty frame until it is there. */
  picture(index, size, name) {
    const source = this.known.get(index);
    const shape = `width:${size}px;height:${size}px`;
    if (source) return element("img", { src: source, alt: name, style: shape });
    return element("div", { class: "tk-empty", role: "img", "aria-label": name, style: shape }, `#${index}`);
  }
}

/** A small chart with a title; `draw` gets the context, the box for the data, and this chart. */
export class Chart {
  constructor(width, height, title) {
    Object.assign(this, { width, height, ...sheet(width, height, { role: "img", "aria-label": title }) });
    this.title = element("div", { class: "tk-title" }, title);
    this.node = element("div", { class: "tk-chart", style: `width:${width}px` }, this.title, this.canvas);
    this.box = { left: 30, top: 8, right: width - 10, bottom: height - 28 };
  }

  /** Start anew, with a title that says what is seen and axis labels. */
  begin(title, xlabel, [low, high], ylabels = []) {
    const { context, box } = this;
    this.title.textContent = title;
    this.canvas.setAttribute("aria-label", `${title}; ${xlabel}`);
    context.clearRect(0, 0, this.width, this.height);
    this.line(
      [
        [box.left, box.bottom],
        [box.right, box.bottom],
      ],
      "#666666",
      1,
    );
    this.text(xlabel, (box.left + box.right) / 2, this.height - 6, "center");
    this.text(low, box.left, box.bottom + 11, "left");
    this.text(high, box.right, box.bottom + 11, "right");
    for (const [text, share] of ylabels) this.text(text, box.left - 4, this.y(share), "right");
  }

  x(share) {
    return this.box.left + share * (this.box.right - this.box.left);
  }

  y(share) {
    return this.box.bottom - share * (this.box.bottom - this.box.top);
  }

  text(text, x, y, align, color = "#444444") {
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
}
