// Typed data, elements and frames of the browser.

/** Return the bytes of a trait as a typed array of its own: views from the kernel need not be aligned. */
export function typed(Type, view) {
  return view ? new Type(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)) : new Type(0);
}

/** Make an element; an attribute "onclick" is a listener. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Make a button; the tooltip is also its name for screen readers. */
export function button(text, tooltip, onclick) {
  return element(
    "button",
    { type: "button", class: "tk-button", title: tooltip, "aria-label": tooltip, onclick },
    text,
  );
}

/** Call `work` in the next frame, once however often it was asked for. */
export function coalesced(work) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      work();
    });
  };
}
