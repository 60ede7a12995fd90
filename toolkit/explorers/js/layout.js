// Where the parts of a view go in the explorer's grid.

import { element } from "./dom.js";

/** Show a map, a panel and charts, and give the explorer's controls names for screen readers. */
export function arrange(el, map, panel, charts) {
  el.append(map.node, panel, element("div", { class: "tk-charts" }, ...charts.map((chart) => chart.node)));
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  requestAnimationFrame(() => {
    dissolve(el);
    nameControls(el);
  });
}

/** Let the parts of a view be items of the explorer's grid: the boxes in between vanish from the layout. */
function dissolve(el) {
  for (let node = el; node && !node.classList.contains("tk-explorer"); node = node.parentElement) {
    node.style.display = "contents";
  }
}

/** Give sliders and boxes of ipywidgets the names next to them, for screen readers. */
function nameControls(el) {
  for (const control of el.closest(".tk-explorer")?.querySelectorAll(".widget-hslider, .widget-inline-hbox") ?? []) {
    const label = control.querySelector(".widget-label")?.textContent;
    const part = control.querySelector(".noUi-handle");
    if (label && part && !part.hasAttribute("aria-label")) part.setAttribute("aria-label", label);
  }
}
