// A view in its explorer: the theme of the page, and the names of the controls around it.

import { followTheme } from "./theme.js";

/** Settle a view where it is shown; `changed` is called when the theme does. Return how to stop. */
export function settle(el, changed) {
  requestAnimationFrame(() => nameControls(el));
  return followTheme(el, changed);
}

/** Give sliders and boxes of ipywidgets the names next to them, for screen readers. */
function nameControls(el) {
  for (const control of el.closest(".tk-explorer")?.querySelectorAll(".widget-hslider, .widget-inline-hbox") ?? []) {
    const label = control.querySelector(".widget-label")?.textContent;
    const part = control.querySelector(".noUi-handle");
    if (label && part && !part.hasAttribute("aria-label")) part.setAttribute("aria-label", label);
  }
}
