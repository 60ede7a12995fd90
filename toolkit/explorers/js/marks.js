// What is drawn onto a canvas: discs, the star of the seed, text on top of points.

import { element } from "./dom.js";

const INK = "#222222";
export const GREY = "#7F7F7F";
export const FAINT = "#999999";
export const FONT = "11px 'DejaVu Sans', Helvetica, Arial, sans-serif";

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

/** Write text that can be read on top of points; a colour becomes a dot in front of it. */
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
