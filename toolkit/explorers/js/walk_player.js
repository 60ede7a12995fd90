// The walk player: a random walk step by step on the map, the batch it fills, and what theory says of it.

import { button, Chart, coalesced, dissolve, dot, element, nameControls, star, Thumbnails, typed } from "./dom.js";
import { PointMap } from "./point_map.js";

const KINDS = ["new member", "revisit", "restart: back to the seed", "fresh seed"];
const [NEW, REVISIT, RESTART, RESEED] = [0, 1, 2, 3];
const SPEEDS = [1, 4, 15, 60];
const TRAIL = 25;
const SHOWN = 300;

function render({ model, el }) {
  const { walk: BLUE, false_negative: RED } = model.get("colors");
  const view = { walk: null, step: 0, playing: false, listed: 0, last: 0 };
  const map = new PointMap(model, {
    name: "Map of the walk. Left and right step, up and down choose another seed, space plays.",
    paint,
    last: (context) => view.walk && star(context, map.x[view.walk.start], map.y[view.walk.start]),
    pick: (index) => seed(index),
    keys,
  });
  const thumbnails = new Thumbnails(model, () => {
    view.listed = 0;
    request();
  });
  const side = element("div", { class: "tk-side", role: "region", "aria-label": "The batch" });
  const head = element("div", { class: "tk-head" });
  const items = element("div", { class: "tk-items" });
  const more = element("div", { class: "tk-note" });
  side.append(head, element("div", { class: "tk-note" }, "The batch in the order found"), items, more);
  const play = button("Play", "Play or pause the walk (space)", () => toggle());
  const slider = element("input", {
    type: "range",
    min: 0,
    max: 1,
    value: 0,
    "aria-label": "step",
    title: "Step of the walk",
  });
  slider.addEventListener("input", () => go(Number(slider.value)));
  const speed = element("select", { "aria-label": "speed", title: "Steps per second" });
  speed.append(...SPEEDS.map((rate) => element("option", { value: rate }, `${rate} steps/s`)));
  speed.value = 15;
  const count = element("span", {});
  const bar = element(
    "div",
    { class: "tk-player" },
    button("◀", "One step back (←)", () => go(view.step - 1)),
    play,
    button("▶", "One step on (→)", () => go(view.step + 1)),
    slider,
    count,
    speed,
  );
  const say = element("div", { class: "tk-say", role: "status" });
  const distance = new Chart(542, 104, "Distance from the seed");
  const visits = new Chart(252, 132, "Visits and PageRank");
  const outside = new Chart(278, 132, "Outside the region");
  distance.box.top = 14;
  visits.box.left = 36;
  outside.box.left = 96;
  outside.node.title =
    "Steps outside the region: of this walk so far; of a long one; in the limit (personalised PageRank). Proposition 2 " +
    "bounds another walk, on undirected edges, lazy, averaged over its starts in the region.";
  const charts = element("div", { class: "tk-charts" }, distance.node, visits.node, outside.node);
  map.node.firstChild.classList.add("tk-veiled");
  map.node.append(bar, say);
  el.append(map.node, side, charts);
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  bar.addEventListener("keydown", (event) => event.stopPropagation());
  const request = coalesced(show);
  model.on("change:walk", load);
  model.on("change:theory", showTheory);
  model.on("change:step", () => model.get("step") !== view.step && go(model.get("step"), false));
  let timer = 0;
  load();
  showTheory(); // it may have come before the view
  requestAnimationFrame(() => {
    dissolve(el);
    nameControls(el);
  });

  function seed(index) {
    model.set("selected", Math.min(Math.max(index, 0), map.n - 1));
    model.save_changes();
  }

  function keys(event) {
    const { step, walk } = view;
    if (event.key === "ArrowRight") go(step + 1);
    else if (event.key === "ArrowLeft") go(step - 1);
    else if (event.key === "PageDown") go(step + 10);
    else if (event.key === "PageUp") go(step - 10);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(walk.n);
    else if (event.key === "ArrowDown") seed(model.get("selected") + 1);
    else if (event.key === "ArrowUp") seed(model.get("selected") - 1);
    else if (event.key === " ") toggle();
    else return false;
    return true;
  }

  function load() {
    const sent = model.get("walk");
    if (!sent.nodes) return;
    const before = view.walk;
    const nodes = typed(Int32Array, sent.nodes);
    view.walk = {
      ...sent,
      n: nodes.length,
      nodes,
      kinds: typed(Uint8Array, sent.kinds),
      distances: typed(Float32Array, sent.distances),
      outside: typed(Uint8Array, sent.outside),
      batch: typed(Int32Array, sent.batch),
      same: typed(Uint8Array, sent.same),
    };
    view.place = new Map([...view.walk.batch].map((node, k) => [node, k]));
    view.listed = 0;
    slider.max = view.walk.n;
    thumbnails.ask([...view.walk.batch.slice(0, SHOWN)]);
    const atEnd = !before || view.step === before.n;
    go(atEnd && !view.playing ? view.walk.n : Math.min(view.step, view.walk.n));
  }

  /** Show the walk after a number of steps; the kernel hears of it when it stays there. */
  function go(step, tell = true) {
    if (!view.walk) return;
    view.step = Math.min(Math.max(step, 0), view.walk.n);
    request();
    clearTimeout(timer);
    if (!tell) return;
    timer = setTimeout(() => {
      model.set("step", view.step);
      model.save_changes();
    }, 300);
  }

  function toggle() {
    view.playing = !view.playing;
    play.textContent = view.playing ? "Pause" : "Play";
    if (!view.playing) return;
    if (view.step === view.walk.n) go(0);
    view.last = performance.now();
    requestAnimationFrame(advance);
  }

  function advance(now) {
    if (!view.playing || !el.isConnected) return;
    const steps = Math.floor(((now - view.last) / 1000) * Number(speed.value));
    if (steps > 0) {
      view.last += (1000 * steps) / Number(speed.value);
      go(view.step + steps);
    }
    if (view.step === view.walk.n) return toggle();
    requestAnimationFrame(advance);
  }

  function show() {
    const { walk, step } = view;
    if (!walk) return;
    map.draw();
    slider.value = step;
    count.textContent = `${step} / ${walk.n}`;
    const members = 1 + walk.kinds.subarray(0, step).reduce((sum, kind) => sum + (kind === NEW || kind === RESEED), 0);
    showBatch(members);
    if (step === 0) say.textContent = `At the seed ${map.describe(walk.start)}.`;
    else {
      const node = walk.nodes[step - 1];
      const same = walk.same[view.place.get(node)] && node !== walk.start ? ", a false negative of the seed" : "";
      const kind = walk.kinds[step - 1];
      say.textContent = `Step ${step}: ${KINDS[kind]}${kind === RESTART ? "" : ` ${map.describe(node)}${same}`}.`;
    }
    showDistance();
    showEscape();
    map.top.canvas.dataset.shown = `${walk.start} ${walk.restart} ${step} ${members}`;
  }

  function paint(context) {
    const { walk, step } = view;
    if (!walk) return;
    const { x, y } = map;
    const seen = new Map([[walk.start, 1]]);
    let from = walk.start;
    for (let t = 0; t < step; t++) {
      const to = walk.nodes[t];
      const age = step - t;
      context.globalAlpha = age <= TRAIL ? 0.85 - (0.6 * age) / TRAIL : 0.13;
      context.lineWidth = age === 1 ? 2.6 : age <= TRAIL ? 1.4 : 0.8;
      if (walk.kinds[t] !== RESEED) segment(context, from, to, walk.kinds[t] === RESTART);
      seen.set(to, (seen.get(to) ?? 0) + 1);
      from = to;
    }
    context.globalAlpha = 1;
    for (const [node, times] of seen) {
      const same = walk.same[view.place.get(node)];
      dot(context, x[node], y[node], 3.6, BLUE, same ? RED : "white", same ? 2 : 0.8);
      if (times > 1 && node !== walk.start) dot(context, x[node], y[node], 6.2, null, "black", 1);
    }
    if (step) dot(context, x[from], y[from], 9, null, "black", 2.2);
  }

  function segment(context, from, to, restarted) {
    context.strokeStyle = restarted ? "#444444" : BLUE;
    context.setLineDash(restarted ? [4, 4] : []);
    context.beginPath();
    context.moveTo(map.x[from], map.y[from]);
    context.lineTo(map.x[to], map.y[to]);
    context.stroke();
    context.setLineDash([]);
  }

  /** List the members found so far: only those are made or removed that came or went. */
  function showBatch(members) {
    const { walk } = view;
    const texts = model.get("item_kind") === "text";
    const shown = Math.min(members, SHOWN);
    if (!view.listed) items.replaceChildren();
    while (items.childElementCount > shown) items.lastChild.remove();
    const first = items.childElementCount;
    for (let k = first; k < shown; k++) items.append(member(k, texts));
    if (shown > first && side.scrollHeight > side.clientHeight) side.scrollTop = side.scrollHeight;
    view.listed = shown;
    more.textContent = members > shown ? `… and ${members - shown} more` : "";
    const name = map.describe(walk.start);
    const words = element(
      "div",
      {},
      element("b", {}, `Seed ${name}`),
      element("div", {}, `${members} of ${walk.batch.length} members`),
    );
    const same = walk.same.subarray(1, members).reduce((sum, flag) => sum + flag, 0);
    const framed =
      members > 1 ? `${same} (${Math.round((100 * same) / (members - 1))} %) framed: false negatives of the seed` : "";
    words.append(element("div", {}, map.groups.length ? framed : "No labels given: false negatives can't be told."));
    head.replaceChildren(...(texts ? [] : [thumbnails.picture(walk.start, 64, name)]), words);
  }

  function member(k, texts) {
    const { walk } = view;
    const index = walk.batch[k];
    const same = walk.same[k] && k > 0;
    const name = `${map.describe(index)}${same ? ", false negative" : k === 0 ? ", the seed" : ""}`;
    const shape = `tk-item tk-small${texts ? " tk-text" : ""}${same ? " tk-false" : ""}${k === 0 ? " tk-seed" : ""}`;
    const content = texts
      ? element("span", {}, `${same ? "= " : ""}${walk.texts[k]}`)
      : thumbnails.picture(index, 36, name);
    const attributes = {
      type: "button",
      class: shape,
      title: `${name}. Click to walk from there.`,
      "aria-label": name,
    };
    return element("button", { ...attributes, onclick: () => seed(index) }, content);
  }

  function showDistance() {
    const { walk, step } = view;
    const top = Math.max(1, ...walk.distances);
    const at = (t) => distance.x(t / Math.max(walk.n, 1));
    const high = (t) => distance.y((t ? walk.distances[t - 1] : 0) / top);
    distance.begin(
      walk.distance_title,
      "step",
      [0, walk.n],
      [
        ["0", 0],
        [top.toFixed(1), 1],
      ],
    );
    for (let t = 1; t <= walk.n; t++) {
      if (walk.kinds[t - 1] === RESTART)
        distance.line(
          [
            [at(t), distance.box.top],
            [at(t), distance.box.bottom],
          ],
          "#c8c8c8",
          0.8,
          [3, 3],
        );
    }
    const points = Array.from({ length: walk.n + 1 }, (_, t) => [at(t), high(t)]);
    distance.line(points.slice(step), "#b5cfe2", 1);
    distance.line(points.slice(0, step + 1), BLUE, 1.5);
    if (walk.n <= 250) {
      for (let t = 1; t <= step; t++) {
        if (walk.kinds[t - 1] !== RESTART)
          dot(distance.context, at(t), high(t), 2, walk.kinds[t - 1] === REVISIT ? "white" : BLUE, BLUE, 1);
      }
    }
    dot(distance.context, at(step), high(step), 4, null, "black", 2);
    distance.text("dashed: restarts", distance.box.right, 5, "right", "#666666");
  }

  function showTheory() {
    const theory = model.get("theory");
    if (!theory.visits) return;
    const [seen, rank] = [typed(Float32Array, theory.visits), typed(Float32Array, theory.rank)];
    const [low, high] = [Math.log10(theory.low) - 0.3, Math.log10(theory.high) + 0.1];
    const share = (value) => Math.min(Math.max((Math.log10(value || 1e-30) - low) / (high - low), 0), 1);
    const percent = (power) => `${Number((100 * 10 ** power).toPrecision(1))} %`;
    visits.begin(theory.visit_title, "personalised PageRank", [percent(low), percent(high)], [["visits", 0.9]]);
    visits.line(
      [
        [visits.x(0), visits.y(0)],
        [visits.x(1), visits.y(1)],
      ],
      "#888888",
      1,
      [3, 3],
    );
    visits.context.globalAlpha = 0.5;
    for (const [k, value] of rank.entries()) {
      dot(visits.context, visits.x(share(value)), visits.y(share(seen[k])), 2, BLUE);
    }
    visits.context.globalAlpha = 1;
    visits.canvas.dataset.restart = theory.restart;
    showEscape();
  }

  function showEscape() {
    const { walk, step } = view;
    const theory = model.get("theory");
    if (!theory.rows || !walk) return;
    outside.begin(theory.escape_title, "share of steps", ["0 %", "100 %"]);
    const stepsOutside = walk.outside.subarray(0, step).reduce((sum, flag) => sum + flag, 0);
    const rows = [["this walk", step ? stepsOutside / step : 0, BLUE], ...theory.rows];
    rows.forEach(([name, share, color], k) => {
      const y = outside.box.top + 9 + k * 19;
      outside.context.fillStyle = color;
      outside.context.fillRect(outside.x(0), y - 6, Math.min(share, 1) * (outside.x(1) - outside.x(0)), 12);
      outside.text(name, outside.x(0) - 4, y, "right", "black");
      const inside = share > 0.75;
      outside.text(
        `${(100 * share).toFixed(0)} %`,
        outside.x(Math.min(share, 1)) + (inside ? -4 : 4),
        y,
        inside ? "right" : "left",
        inside ? "white" : "black",
      );
    });
    const y = outside.box.top + 9 + rows.length * 19;
    const at = outside.x(Math.min(theory.bound, 1));
    outside.text("its bound", outside.x(0) - 4, y, "right", "black");
    if (theory.bound < 1) {
      outside.line(
        [
          [at, y - 27],
          [at, y + 8],
        ],
        "black",
        1.6,
        [2, 2],
      );
      outside.text(
        `${(100 * theory.bound).toFixed(0)} %`,
        at + (theory.bound > 0.75 ? -4 : 4),
        y,
        theory.bound > 0.75 ? "right" : "left",
        "black",
      );
    } else outside.text(`${theory.bound_text}: says nothing`, outside.x(0) + 4, y, "left", "#444444");
  }

  return () => {
    view.playing = false;
    clearTimeout(timer);
    model.off(null, null);
  };
}

export default { render };
