// The proximity graph: an instance, its neighbours and its candidates on a map of all instances.

import { Chart } from "./chart.js";
import { coalesced, element, typed } from "./dom.js";
import { arrange } from "./layout.js";
import { dot, GREY } from "./marks.js";
import { PointMap } from "./point_map.js";
import { theme, tone } from "./theme.js";
import { Thumbnails } from "./thumbnails.js";

const SHOWN = 40;
const MANY = 150;

function render({ model, el }) {
  const { walk: BLUE, false_negative: RED } = model.get("colors");
  const view = { detail: null, lit: -1 };
  const map = new PointMap(model, {
    name: "Map of all instances. Left and right choose an instance, up and down one of its neighbours, Enter goes there.",
    paint,
    seed: () => model.get("selected"),
    keys,
  });
  const refreshPanel = coalesced(showPanel);
  const thumbnails = new Thumbnails(model, refreshPanel);
  const panel = element("div", { class: "tk-side", "aria-label": "The instance and its neighbours", role: "region" });
  const [degrees, similarity, labels] = ["In-degree", "Similarity", "Same label"].map((t) => new Chart(112, t));
  const charts = map.groups.length ? [degrees, similarity, labels] : [degrees, similarity];
  const hint = "Click a point, or on the map press ← → for another instance, ↑ ↓ and Enter to follow a neighbour.";
  map.node.append(element("div", { class: "tk-say tk-note" }, hint));
  const stop = arrange(el, map, panel, charts, showCharts);
  model.on("change:detail", load);
  model.on("change:stats", showCharts);
  model.on("change:show_candidates", map.request);
  load();

  function keys(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -100, PageDown: 100 }[event.key];
    if (by) map.select(model.get("selected") + by);
    else if (event.key === "Home") map.select(0);
    else if (event.key === "End") map.select(map.n - 1);
    else if (event.key === "ArrowDown") light(view.lit + 1);
    else if (event.key === "ArrowUp") light(view.lit - 1);
    else if (event.key === "Enter" && view.lit >= 0) map.select(view.detail.neighbors[view.lit]);
    else return false;
    return true;
  }

  /** Point out a neighbour by its position among the neighbours. */
  function light(position) {
    view.lit = Math.min(Math.max(position, -1), view.detail.neighbors.length - 1);
    map.hover(view.lit < 0 ? -1 : view.detail.neighbors[view.lit]);
    panel.querySelectorAll(".tk-item").forEach((item, k) => {
      item.classList.toggle("tk-on", k === view.lit);
    });
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
    const { dataset } = map.top.canvas; // for tests: which instance the picture shows
    dataset.selected = model.get("selected");
    dataset.shown = detail ? `${detail.index} ${detail.neighbors.length} ${detail.candidates.length}` : "";
    if (!detail) return;
    const { x, y } = map;
    const many = detail.neighbors.length > MANY;
    if (model.get("show_candidates")) {
      context.globalAlpha = 0.55;
      for (const i of detail.candidates) dot(context, x[i], y[i], 1.4, theme.soft);
    }
    context.globalAlpha = many ? 0.25 : 0.5;
    context.strokeStyle = tone(BLUE);
    context.lineWidth = 0.9;
    map.connect(
      context,
      [...detail.neighbors].flatMap((i) => [detail.index, i]),
    );
    context.globalAlpha = 1;
    detail.neighbors.forEach((i, k) => {
      const same = detail.same[k];
      dot(context, x[i], y[i], many ? 2.6 : 3.6, tone(BLUE), same ? RED : theme.ground, same ? 1.8 : 0.8);
    });
    if (view.lit >= 0) paintLit(context, detail);
  }

  function paintLit(context, detail) {
    const i = detail.neighbors[view.lit];
    const [x, y] = [map.x[i], map.y[i]];
    context.strokeStyle = theme.ink;
    context.lineWidth = 1.6;
    map.connect(context, [detail.index, i]);
    dot(context, x, y, 6, tone(BLUE), theme.ink, 2);
  }

  function showPanel() {
    const { detail } = view;
    const name = map.describe(detail.index);
    const items = [...detail.neighbors.slice(0, SHOWN)].map(item);
    const rest = detail.neighbors.length - items.length;
    const heading = `Neighbours, most similar first${map.groups.length ? "; framed: same label" : ""}`;
    panel.replaceChildren(
      element("div", { class: "tk-head" }, ...thumbnails.head(detail.index, name, name, detail.lines)),
      element("div", { class: "tk-note" }, heading),
      element("div", { class: "tk-items" }, ...items),
      element("div", { class: "tk-note" }, rest > 0 ? `… and ${rest} more` : ""),
    );
  }

  function item(index, position) {
    const { detail } = view;
    const same = detail.same[position];
    const value = detail.similarities[position].toFixed(2);
    const label = map.label(index);
    return thumbnails.item(index, {
      name: `${map.describe(index)}, similarity ${value}${same ? ", same label" : ""}`,
      hint: "Click to go there.",
      marks: [same ? "tk-false" : ""],
      size: 54,
      text: `${value} ${label} · ${detail.texts[position]}`,
      captions: [value, label || `#${index}`],
      onclick: () => map.select(index),
      onpointerenter: () => light(position),
      onpointerleave: () => light(-1),
    });
  }

  function showCharts() {
    const { detail } = view;
    const stats = model.get("stats");
    if (!detail || !degrees.width) return;
    similarity.begin(detail.similarity_title, "cosine similarity", detail.span);
    const peak = Math.max(...detail.histograms[0]);
    similarity.bars(detail.histograms[0], GREY, 0.6, peak);
    similarity.bars(detail.histograms[1], tone(BLUE), 0.9, peak);
    if (!stats.counts || detail.in_degree === null) {
      for (const chart of charts.filter((each) => each !== similarity)) chart.begin("Being counted …", "", ["", ""]);
      return;
    }
    const { low, high } = stats.range;
    const at = (detail.in_degree - low) / (high - low);
    degrees.begin(stats.degree_title, "in-degree", [low, high]);
    degrees.bars(stats.counts, GREY, 0.75);
    degrees.line([degrees.point(at, 1), degrees.point(at, 0)], theme.ink, 1.6);
    degrees.text("★", degrees.x(at), degrees.box.top - 3, "center", theme.ink);
    if (charts.includes(labels)) showLabels(detail, stats);
  }

  function showLabels(detail, stats) {
    labels.begin(stats.label_title, "share of edges", ["0 %", "100 %"]);
    labels.share("all", stats.same_rate, GREY, 27, 18);
    labels.share("★", detail.same_rate, tone(BLUE), 57, 18);
    const chance = labels.x(stats.prior);
    const ends = [12, labels.box.bottom].map((end) => [chance, end]);
    labels.line(ends, theme.soft, 1, [2, 2]);
    labels.text("chance", Math.max(chance, labels.x(0) + 16), 6, "center");
  }

  return () => {
    stop();
    model.off(null, null);
  };
}

export default { render };
