// The proximity graph: an instance, its neighbours and its candidates on a map of all instances.

import { Chart, coalesced, dissolve, dot, element, halo, nameControls, star, Thumbnails, typed } from "./dom.js";
import { PointMap } from "./point_map.js";

const SHOWN = 40;

function render({ model, el }) {
  const { walk: BLUE, false_negative: RED } = model.get("colors");
  const view = { detail: null, lit: -1, panel: null };
  const map = new PointMap(model, {
    name: "Map of all instances. Left and right choose an instance, up and down one of its neighbours, Enter goes there.",
    paint,
    last: (context) => star(context, map.x[model.get("selected")], map.y[model.get("selected")]),
    pick: choose,
    keys,
  });
  const thumbnails = new Thumbnails(model, () => refreshPanel());
  const side = element("div", { class: "tk-side", "aria-label": "The instance and its neighbours", role: "region" });
  const degrees = new Chart(176, 112, "In-degree");
  const similarity = new Chart(176, 112, "Similarity");
  const labels = new Chart(176, 112, "Same label");
  const charts = element("div", { class: "tk-charts" }, degrees.node, similarity.node, labels.node);
  const hint = element(
    "div",
    { class: "tk-say tk-note" },
    "Click a point, or on the map press ← → for another instance, ↑ ↓ and Enter to follow a neighbour.",
  );
  map.node.append(hint);
  map.node.firstChild.classList.add("tk-veiled");
  el.append(map.node, side, charts);
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  const refreshPanel = coalesced(showPanel);
  model.on("change:detail", load);
  model.on("change:stats", showCharts);
  model.on("change:show_candidates", map.request);
  load();
  requestAnimationFrame(() => {
    dissolve(el);
    nameControls(el);
  });

  function choose(index) {
    model.set("selected", Math.min(Math.max(index, 0), map.n - 1));
    model.save_changes();
    map.request();
  }

  function keys(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -100, PageDown: 100 }[event.key];
    const selected = model.get("selected");
    if (by) choose(selected + by);
    else if (event.key === "Home") choose(0);
    else if (event.key === "End") choose(map.n - 1);
    else if (event.key === "ArrowDown") light(view.lit + 1);
    else if (event.key === "ArrowUp") light(view.lit - 1);
    else if (event.key === "Enter" && view.lit >= 0) choose(view.detail.neighbors[view.lit]);
    else return false;
    return true;
  }

  /** Point out a neighbour by its place among the neighbours. */
  function light(place) {
    view.lit = Math.min(Math.max(place, -1), view.detail.neighbors.length - 1);
    map.hover(view.lit < 0 ? -1 : view.detail.neighbors[view.lit]);
    for (const [k, item] of side.querySelectorAll(".tk-item").entries()) item.classList.toggle("tk-on", k === view.lit);
    map.request();
  }

  function load() {
    const sent = model.get("detail");
    if (!sent.neighbors) return;
    view.detail = {
      ...sent,
      neighbors: typed(Int32Array, sent.neighbors),
      similarities: typed(Float32Array, sent.similarities),
      candidates: typed(Int32Array, sent.candidates),
      same: typed(Uint8Array, sent.same),
    };
    view.lit = -1;
    thumbnails.ask([sent.index, ...view.detail.neighbors.slice(0, SHOWN)]);
    map.request();
    refreshPanel();
    showCharts();
  }

  function paint(context) {
    const { detail } = view;
    const { x, y } = map;
    const selected = model.get("selected");
    if (detail) {
      if (model.get("show_candidates")) {
        context.globalAlpha = 0.55;
        for (const i of detail.candidates) dot(context, x[i], y[i], 1.4, "#555555");
      }
      context.globalAlpha = detail.neighbors.length > 150 ? 0.25 : 0.5;
      context.strokeStyle = BLUE;
      context.lineWidth = 0.9;
      context.beginPath();
      for (const i of detail.neighbors) {
        context.moveTo(x[detail.index], y[detail.index]);
        context.lineTo(x[i], y[i]);
      }
      context.stroke();
      context.globalAlpha = 1;
      const radius = detail.neighbors.length > 150 ? 2.6 : 3.6;
      detail.neighbors.forEach((i, k) => {
        dot(context, x[i], y[i], radius, BLUE, detail.same[k] ? RED : "white", detail.same[k] ? 1.8 : 0.8);
      });
      if (view.lit >= 0) paintLit(context, detail);
    }
    // For tests and benchmarks: which instance the picture shows.
    map.top.canvas.dataset.selected = selected;
    map.top.canvas.dataset.shown = detail
      ? `${detail.index} ${detail.neighbors.length} ${detail.candidates.length}`
      : "";
  }

  function paintLit(context, detail) {
    const { x, y } = map;
    const i = detail.neighbors[view.lit];
    context.strokeStyle = "black";
    context.lineWidth = 1.6;
    context.beginPath();
    context.moveTo(x[detail.index], y[detail.index]);
    context.lineTo(x[i], y[i]);
    context.stroke();
    dot(context, x[i], y[i], 6, BLUE, "black", 2);
    context.textAlign = "left";
    context.textBaseline = "middle";
    halo(context, `${map.describe(i)}, ${detail.similarities[view.lit].toFixed(2)}`, Math.min(x[i] + 9, 400), y[i]);
  }

  function showPanel() {
    const { detail } = view;
    const name = map.describe(detail.index);
    const words = element("div", {}, element("b", {}, name));
    for (const line of detail.lines) words.append(element("div", {}, line));
    const texts = ["text"].includes(model.get("item_kind"));
    const picture = texts ? [] : [thumbnails.picture(detail.index, 64, name)];
    const items = [...detail.neighbors.slice(0, SHOWN)].map((i, k) => item(i, k, texts));
    const rest = detail.neighbors.length - items.length;
    const heading = `Neighbours, most similar first${map.groups.length ? "; framed: same label" : ""}`;
    side.replaceChildren(
      element("div", { class: "tk-head" }, ...picture, words),
      element("div", { class: "tk-note" }, heading),
      element("div", { class: "tk-items" }, ...items),
      element("div", { class: "tk-note" }, rest > 0 ? `… and ${rest} more` : ""),
    );
  }

  function item(index, place, texts) {
    const { detail } = view;
    const same = detail.same[place];
    const value = detail.similarities[place].toFixed(2);
    const label = map.groups.length ? model.get("names")[map.groups[index]] : "";
    const name = `${map.describe(index)}, similarity ${value}${same ? ", same label" : ""}`;
    const shape = `tk-item${texts ? " tk-text" : ""}${same ? " tk-false" : ""}`;
    const attributes = { type: "button", class: shape, title: `${name}. Click to go there.`, "aria-label": name };
    const content = texts
      ? [element("span", {}, `${value} ${label} · ${detail.texts[place]}`)]
      : [thumbnails.picture(index, 54, name), element("span", {}, value), element("span", {}, label || `#${index}`)];
    const button = element("button", { ...attributes, onclick: () => choose(index) }, ...content);
    button.addEventListener("pointerenter", () => light(place));
    button.addEventListener("pointerleave", () => light(-1));
    return button;
  }

  function showCharts() {
    const { detail } = view;
    const stats = model.get("stats");
    if (!detail || !stats.counts) return;
    const { low, high } = stats.range;
    degrees.begin(stats.degree_title, "in-degree", [low, high]);
    degrees.bars(stats.counts, "#7F7F7F", 0.75);
    const at = degrees.x((detail.in_degree - low) / (high - low));
    degrees.line(
      [
        [at, degrees.box.top],
        [at, degrees.box.bottom],
      ],
      "black",
      1.6,
    );
    degrees.text("★", at, degrees.box.top - 3, "center", "black");
    similarity.begin(detail.similarity_title, "cosine similarity", detail.span);
    const peak = Math.max(...detail.histograms[0]);
    similarity.bars(detail.histograms[0], "#7F7F7F", 0.6, peak);
    similarity.bars(detail.histograms[1], BLUE, 0.9, peak);
    showLabels(detail, stats);
  }

  function showLabels(detail, stats) {
    labels.begin(
      stats.label_title,
      stats.prior === null ? "" : "share of edges",
      stats.prior === null ? ["", ""] : ["0 %", "100 %"],
    );
    if (stats.prior === null) return labels.text("No labels given.", labels.width / 2, 45, "center");
    const { context } = labels;
    const rows = [
      ["all", stats.same_rate],
      ["★", detail.same_rate],
    ];
    rows.forEach(([name, rate], k) => {
      context.fillStyle = k ? BLUE : "#7F7F7F";
      context.fillRect(labels.x(0), 18 + 30 * k, rate * (labels.x(1) - labels.x(0)), 18);
      labels.text(name, labels.x(0) - 4, 27 + 30 * k, "right", "black");
      const inside = rate > 0.7;
      labels.text(
        `${Math.round(100 * rate)} %`,
        labels.x(rate) + (inside ? -4 : 4),
        27 + 30 * k,
        inside ? "right" : "left",
        inside ? "white" : "black",
      );
    });
    const chance = labels.x(stats.prior);
    labels.line(
      [
        [chance, 12],
        [chance, labels.box.bottom],
      ],
      "#666666",
      1,
      [2, 2],
    );
    labels.text("chance", Math.max(chance, labels.x(0) + 16), 6, "center", "#666666");
  }

  return () => model.off(null, null);
}

export default { render };
