// A view in its explorer: the theme of the page, the names of the controls around it, and the keys for both.

import { followTheme } from "./theme.js";

/** Settle a view where it is shown; `changed` is called when the theme does. Return how to stop. */
export function settle(el, changed) {
  requestAnimationFrame(() => {
    const explorer = el.closest(".tk-explorer") ?? el;
    nameControls(explorer);
    explorer.addEventListener("focusin", keepKeys);
  });
  return followTheme(el, changed);
}

/** Give sliders and boxes of ipywidgets the names next to them, for screen readers. */
function nameControls(explorer) {
  for (const control of explorer.querySelectorAll(".widget-hslider, .widget-inline-hbox")) {
    const label = control.querySelector(".widget-label")?.textContent;
    const part = control.querySelector(".noUi-handle");
    if (label && part && !part.hasAttribute("aria-label")) part.setAttribute("aria-label", label);
  }
}

/** Keep the keys of a control from Jupyter's shortcuts: Notebook 7 takes the arrows of everything that can be focused. */
function keepKeys({ target }) {
  target.setAttribute("data-lm-suppress-shortcuts", "true");
}
