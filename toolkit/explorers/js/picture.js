// A picture made in the kernel, with words for those who do not see it.

import { element } from "./dom.js";
import { settle } from "./surroundings.js";

function render({ model, el }) {
  const image = element("img", { class: "tk-picture" });
  el.append(image);
  function show() {
    const before = image.src;
    image.src = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
    image.alt = model.get("description");
    URL.revokeObjectURL(before);
  }
  model.on("change:value", show);
  model.on("change:description", show);
  const stop = settle(el);
  show();
  return () => {
    stop();
    URL.revokeObjectURL(image.src);
    model.off(null, null);
  };
}

export default { render };
