// Where the parts of a view go in the explorer's grid.

import { coalesced, element } from "./dom.js";
import { settle } from "./surroundings.js";

/** Show a map, a panel and charts, which `redraw` draws again at another size or theme; return how to stop. */
export function arrange(el, map, panel, charts, redraw) {
  el.append(map.node, panel, element("div", { class: "tk-charts" }, ...charts.map((chart) => chart.node)));
  const fit = coalesced(() => {
    for (const part of [map, ...charts]) {
      const width = Math.floor(part.node.clientWidth);
      if (width && width !== part.fitted) part.resize(width);
      part.fitted = width || part.fitted;
    }
    map.redraw();
    redraw();
  });
  const observer = new ResizeObserver(fit);
  for (const part of [map, ...charts]) observer.observe(part.node);
  const stop = settle(el, fit);
  requestAnimationFrame(() => dissolve(el));
  return () => {
    observer.disconnect();
    stop();
  };
}

/** Let the parts of a view be items of the explorer's grid: the boxes in between vanish from the layout. */
function dissolve(el) {
  for (let node = el; node && !node.classList.contains("tk-parts"); node = node.parentElement) {
    node.style.display = "contents";
  }
}
