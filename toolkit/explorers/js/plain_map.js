// A map of all instances and nothing else, beside another one.

import { coalesced } from "./dom.js";
import { PointMap } from "./point_map.js";
import { settle } from "./surroundings.js";

function render({ model, el }) {
  const map = new PointMap(model, {
    name: `Map of all instances: ${model.get("title")}. Left and right choose an instance.`,
    paint: () => {
      map.top.canvas.dataset.shown = `${model.get("selected")} ${model.get("chosen").byteLength / 4}`; // for tests
    },
    seed: () => model.get("selected"),
    keys,
  });
  el.classList.add("tk-plain");
  el.append(map.node);
  model.on("change:selected", map.request);
  const fit = coalesced(() => {
    if (map.node.clientWidth) map.resize(map.node.clientWidth);
  });
  const observer = new ResizeObserver(fit);
  observer.observe(map.node);
  const stop = settle(el, () => map.redraw());

  function keys(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -100, PageDown: 100 }[event.key];
    if (by) map.select(model.get("selected") + by);
    else if (event.key === "Home") map.select(0);
    else if (event.key === "End") map.select(map.n - 1);
    else return false;
    return true;
  }

  return () => {
    observer.disconnect();
    stop();
    model.off(null, null);
  };
}

export default { render };
