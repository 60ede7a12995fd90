// What the mouse, a pen or a finger does on a map.

const CLICK = 4; // pixels that a click may stray
const WHEEL = 400;

/** Call `actions` for what happens on a canvas: hover, click, pan, zoom, outline, enclose. */
export function followPointer(canvas, actions) {
  let from = null;
  let path = null; // of a lasso or a box
  let moved = false;
  const at = (event) => [event.offsetX, event.offsetY];

  canvas.addEventListener("pointerdown", (event) => {
    from = at(event);
    moved = false;
    const tool = event.shiftKey ? "lasso" : actions.tool();
    path = tool === "pan" ? null : { tool, points: [from] };
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (!from) return actions.hover([x, y]);
    if (!moved && Math.hypot(x - from[0], y - from[1]) < CLICK) return;
    if (!moved) actions.hover(null);
    moved = true;
    if (path) return actions.outline(extend(path, [x, y]));
    actions.pan(x - from[0], y - from[1]);
    from = [x, y];
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!from) return;
    const enclosed = path && moved ? path.points : null;
    from = path = null;
    if (!moved) return actions.click(at(event));
    if (!enclosed) return;
    actions.outline(null);
    actions.enclose(enclosed, event.ctrlKey || event.metaKey);
  });
  canvas.addEventListener("pointercancel", () => {
    from = path = null;
    actions.outline(null);
  });
  canvas.addEventListener("pointerleave", () => actions.hover(null));
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (document.activeElement !== canvas) return; // else the page could not be scrolled past the map
      event.preventDefault();
      actions.zoom(Math.exp(-event.deltaY / WHEEL), at(event));
    },
    { passive: false },
  );
}

/** Lengthen a lasso, or stretch a box, to a position; return its corners. */
function extend(path, [x, y]) {
  const [x0, y0] = path.points[0];
  if (path.tool === "lasso") path.points.push([x, y]);
  else
    path.points = [
      [x0, y0],
      [x, y0],
      [x, y],
      [x0, y],
    ];
  return path.points;
}
