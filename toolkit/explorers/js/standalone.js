// A view on a page of its own, without a kernel: its state is in the page, and what the kernel would answer is not.

/** Make what a view takes for the kernel's model, of a state with bytes in base64. */
export function model(state, bytes) {
  const values = { ...state };
  for (const [name, text] of Object.entries(bytes)) place(values, name.split("."), new DataView(decode(text)));
  const listeners = [];
  return {
    get: (name) => values[name],
    set(name, given) {
      const fixed = name === "selected"; // what is shown of another instance, the kernel would have to compute
      const [trait, value] = fixed
        ? ["status", "In a saved page, only the notebook's instance is shown."]
        : [name, given];
      values[trait] = value;
      for (const [event, listener] of listeners) if (event === `change:${trait}`) listener();
    },
    save_changes() {},
    send(message) {
      const { thumbnails = {}, tips = {} } = state;
      const answer = (content) => {
        for (const [event, listener] of listeners) if (event === "msg:custom") listener(content);
      };
      if (message.want) answer({ thumbnails: Object.fromEntries(message.want.map((i) => [i, thumbnails[i]])) });
      const index = message.tip;
      const pictures = thumbnails[index] ? [thumbnails[index]] : [];
      if (index !== undefined) answer({ tip: { lines: [], pictures, ...tips[index], index } });
    },
    on: (event, listener) => listeners.push([event, listener]),
    off() {},
  };
}

function decode(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}

function place(values, [name, ...rest], view) {
  if (rest.length) place(values[name], rest, view);
  else values[name] = view;
}
