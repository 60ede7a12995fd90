// The walk player: a random walk step by step on the map, the batch that it fills, and what theory says of it.

import { BatchPanel } from "./batch_panel.js";
import { button, coalesced, element } from "./dom.js";
import { arrange } from "./layout.js";
import { dot } from "./marks.js";
import { PointMap } from "./point_map.js";
import { theme, tone } from "./theme.js";
import { Thumbnails } from "./thumbnails.js";
import { KIND, Walk } from "./walk.js";
import { DistanceChart, EscapeChart, VisitChart } from "./walk_charts.js";

const KINDS = ["new member", "revisit", "restart: back to the seed", "fresh seed"];
const SPEEDS = [1, 4, 15, 60];
const TRAIL = 25;

function render({ model, el }) {
  const { walk: BLUE, false_negative: RED } = model.get("colors");
  const view = { walk: null, step: 0, playing: false, last: 0 };
  const map = new PointMap(model, {
    name: "Map of the walk. Left and right step, up and down choose another seed, space plays.",
    paint,
    seed: () => view.walk?.start,
    keys,
  });
  const thumbnails = new Thumbnails(model, () => {
    panel.clear();
    request();
  });
  const panel = new BatchPanel(map, thumbnails);
  const [distance, visits, escaped] = [new DistanceChart(BLUE), new VisitChart(BLUE), new EscapeChart(BLUE)];
  const play = button("Play", "Play or pause the walk (space)", toggle);
  const range = { type: "range", min: 0, max: 1, value: 0, "aria-label": "step", title: "Step of the walk" };
  const slider = element("input", { ...range, oninput: () => go(Number(slider.value)) });
  const rates = SPEEDS.map((rate) => element("option", { value: rate }, `${rate} steps/s`));
  const speed = element("select", { "aria-label": "speed", title: "Steps per second" }, ...rates);
  speed.value = 15;
  const count = element("span");
  const back = button("◀", "One step back (←)", () => go(view.step - 1));
  const on = button("▶", "One step on (→)", () => go(view.step + 1));
  const player = { class: "tk-player", onkeydown: (event) => event.stopPropagation() };
  const say = element("div", { class: "tk-say", role: "status" });
  map.node.append(element("div", player, back, play, on, slider, count, speed), say);
  const request = coalesced(show);
  const stop = arrange(el, map, panel.node, [distance, visits, escaped], () => {
    show();
    showTheory();
  });
  model.on("change:walk", load);
  model.on("change:theory", showTheory);
  model.on("change:step", () => go(stepOfKernel(), false));
  let timer = 0;
  load();
  showTheory(); // it may have come before the view

  function keys(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (by) go(view.step + by);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(view.walk.n);
    else if (event.key === "ArrowDown") map.select(model.get("selected") + 1);
    else if (event.key === "ArrowUp") map.select(model.get("selected") - 1);
    else if (event.key === " ") toggle();
    else return false;
    return true;
  }

  function load() {
    const sent = model.get("walk");
    if (!sent.nodes) return;
    const before = view.walk;
    view.walk = new Walk(sent);
    slider.max = view.walk.n;
    panel.clear();
    panel.ask(view.walk);
    if (!before) go(stepOfKernel(), false);
    else go(view.step === before.n && !view.playing ? view.walk.n : view.step);
  }

  /** Return the step that the kernel wants to be shown: the last, unless one was set. */
  function stepOfKernel() {
    const step = model.get("step");
    return step < 0 ? Infinity : step;
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
    const members = walk.members(step);
    map.draw();
    slider.value = step;
    count.textContent = `${step} / ${walk.n}`;
    say.textContent = step ? words(walk, step) : `At the seed ${map.describe(walk.start)}.`;
    panel.show(walk, members);
    if (distance.width) distance.show(walk, step);
    showEscape();
    map.top.canvas.dataset.shown = `${walk.start} ${walk.restart} ${step} ${members}`; // for tests
  }

  function words(walk, step) {
    const [node, kind] = [walk.nodes[step - 1], walk.kinds[step - 1]];
    if (kind === KIND.restart) return `Step ${step}: ${KINDS[kind]}.`;
    const same = walk.sharesLabel(node) && node !== walk.start ? ", a false negative of the seed" : "";
    return `Step ${step}: ${KINDS[kind]} ${map.describe(node)}${same}.`;
  }

  function paint(context) {
    const { walk, step } = view;
    if (!walk) return;
    const { x, y } = map;
    const seen = new Map([[walk.start, 1]]);
    let from = walk.start;
    for (let t = 0; t < step; t++) {
      const to = walk.nodes[t];
      if (walk.kinds[t] !== KIND.reseed) paintStep(context, from, to, step - t, walk.kinds[t] === KIND.restart);
      seen.set(to, (seen.get(to) ?? 0) + 1);
      from = to;
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
    for (const [node, times] of seen) {
      const same = walk.sharesLabel(node);
      dot(context, x[node], y[node], 3.6, tone(BLUE), same ? RED : theme.ground, same ? 2 : 0.8);
      if (times > 1 && node !== walk.start) dot(context, x[node], y[node], 6.2, null, theme.ink, 1);
    }
    if (step) dot(context, x[from], y[from], 9, null, theme.ink, 2.2);
  }

  /** Draw a step, paler the older it is, or dashed if it went back to the seed. */
  function paintStep(context, from, to, age, restarted) {
    context.globalAlpha = age <= TRAIL ? 0.85 - (0.6 * age) / TRAIL : 0.13;
    context.lineWidth = age === 1 ? 2.6 : age <= TRAIL ? 1.4 : 0.8;
    context.strokeStyle = restarted ? theme.soft : tone(BLUE);
    context.setLineDash(restarted ? [4, 4] : []);
    map.connect(context, [from, to]);
  }

  function showTheory() {
    const theory = model.get("theory");
    if (!theory.visits || !visits.width) return;
    visits.show(theory);
    showEscape();
  }

  function showEscape() {
    const theory = model.get("theory");
    if (theory.rows && view.walk && escaped.width) escaped.show(theory, view.walk, view.step);
  }

  return () => {
    stop();
    view.playing = false;
    clearTimeout(timer);
    model.off(null, null);
  };
}

export default { render };
