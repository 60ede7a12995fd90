// Nothing to see: brings the style sheet, and follows the theme.

import { followTheme } from "./theme.js";

function render({ el }) {
  return followTheme(el);
}

export default { render };
