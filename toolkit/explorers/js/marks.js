// What is drawn onto a canvas: discs, the star of the seed, text on top of points.

import { element } from "./dom.js";
import { theme } from "./theme.js";

export const GREY = "#7F7F7F";
export const FONT = "11px 'DejaVu Sans', Helvetica, Arial, sans-serif";

/** Make a canvas that is sharp on any screen; sizes are CSS pixels. It is empty until it is given a size. */
export function sheet(attributes = {}, plain = true) {
  const canvas = element("canvas", attributes);
  const context = plain ? canvas.getContext("2d") : null;
  function resize(width, height) {
    const ratio = window.devicePixelRatio || 1;
    Object.assign(canvas, { width: width * ratio, height: height * ratio });
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    context?.scale(ratio, ratio);
    if (context) context.font = FONT;
  }
  return { canvas, context, resize };
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
  context.strokeStyle = theme.dark ? theme.ground : "black";
  context.lineWidth = 1.6;
  context.stroke();
}

/** Write text that can be read on top of points; a colour becomes a dot in front of it. */
export function halo(context, text, x, y, color = null) {
  context.lineJoin = "round";
  context.lineWidth = 3.5;
  context.strokeStyle = theme.ground;
  context.strokeText(text, x, y);
  context.fillStyle = theme.ink;
  context.fillText(text, x, y);
  if (!color) return;
  dot(context, x - context.measureText(text).width / 2 - 7, y, 4, color, theme.ground, 1.2);
}
