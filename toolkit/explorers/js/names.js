// The names of groups, where their points are.

import { FONT, halo } from "./marks.js";

/** Return for each group the instance nearest to its mean, where its name goes; -1 for a group without one. */
export function groupCentres(points, groups, n) {
  const sums = Array.from({ length: n }, () => [0, 0, 0]);
  for (let i = 0; i < groups.length; i++) {
    const sum = sums[groups[i]];
    if (!sum) continue; // it has no label
    sum[0] += points[2 * i];
    sum[1] += points[2 * i + 1];
    sum[2] += 1;
  }
  const best = sums.map(() => [Infinity, -1]);
  for (let i = 0; i < groups.length; i++) {
    if (!best[groups[i]]) continue;
    const [x, y, count] = sums[groups[i]];
    const away = Math.hypot(points[2 * i] - x / count, points[2 * i + 1] - y / count);
    if (away < best[groups[i]][0]) best[groups[i]] = [away, i];
  }
  return best.map(([, i]) => i);
}

/** Write texts onto a map at their places, lower where another one is in the way. */
export function writeApart(context, texts) {
  const taken = [];
  context.font = `bold ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const { text, color, x, y: wanted } of texts) {
    const wide = context.measureText(text).width + 6;
    let y = wanted;
    while (taken.some(([u, v, w]) => Math.abs(u - x) < (w + wide) / 2 && Math.abs(v - y) < 13)) y += 4;
    taken.push([x, y, wide]);
    halo(context, text, x, y, color);
  }
  context.font = FONT;
}
