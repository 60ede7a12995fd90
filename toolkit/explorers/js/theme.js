// The page's theme: JupyterLab's, Notebook's or VS Code's, light or dark.

/** The colours of what is drawn onto canvases; all views of a page share them. */
export const theme = { dark: false, ink: "#222222", soft: "#5f5f5f", faint: "#a6a6a6", ground: "#ffffff" };

const NAMES = ["ink", "soft", "faint", "ground"];
const ATTRIBUTES = ["data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind"];

const LIGHTER = 0.3; // colours are made for white; this share of white makes them readable on black

/** Return a colour as it is shown in the present theme; all are written #rrggbb. */
export function tone(color) {
  if (!theme.dark) return color;
  const parts = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  return `rgb(${parts.map((part) => Math.round(part + (255 - part) * LIGHTER)).join(",")})`;
}

function isDark() {
  const { jpThemeLight, vscodeThemeKind = "" } = document.body.dataset;
  if (jpThemeLight || vscodeThemeKind) return jpThemeLight === "false" || /dark|contrast$/.test(vscodeThemeKind);
  return matchMedia("(prefers-color-scheme: dark)").matches && !!document.querySelector("#state"); // a page of its own
}

/** Mark the explorer around `el` as light or dark, now and whenever the theme changes; return how to stop. */
export function followTheme(el, changed = () => {}) {
  function apply() {
    const explorer = el.closest(".tk-explorer") ?? el;
    theme.dark = isDark();
    explorer.classList.toggle("tk-dark", theme.dark);
    const style = getComputedStyle(explorer);
    for (const name of NAMES) theme[name] = style.getPropertyValue(`--tk-${name}`).trim() || "black";
    changed();
  }
  const observer = new MutationObserver(() => requestAnimationFrame(apply));
  observer.observe(document.body, { attributes: true, attributeFilter: ATTRIBUTES });
  requestAnimationFrame(apply); // the explorer is on the page by then
  return () => observer.disconnect();
}
