// Nothing to see: brings the style sheet, and follows the theme.

import { settle } from "./surroundings.js";

function render({ el }) {
  return settle(el);
}

export default { render };
