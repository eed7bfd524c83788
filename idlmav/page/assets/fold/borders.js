/** Where edges meet the frames of groups: the twin of layout/folding/borders.py. */

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** The first point of a route, from `from` on in steps of `step`, that lies outside a group's frame. */
export function firstOutside({ frames: [fx, fy], points: [xs, ys] }, group, from, end, step) {
  const left = fx.low[group], right = fx.high[group], top = fy.low[group], bottom = fy.high[group];
  let at = from;
  while (at !== end && xs[at] >= left && xs[at] <= right && ys[at] >= top && ys[at] <= bottom) at += step;
  return at;
}

/**
 * Return for every group the place of its main port across the flow (`ports`, null for none; borders.py says which it
 * is), whether all edges enter at its one end and leave at the other (`passed`), and the number of edges with an end
 * inside (`touching`).
 */
export function findBorderPoints(layout) {
  const { parent, depth, nodeGroup, source, target, start, frames, points, groupCount, edgeCount, mirrored } = layout;
  const { flow: along, across: axis } = layout;
  const borderPoints = Array.from({ length: groupCount }, () => ({ entering: [], leaving: [] }));
  const inside = new Int32Array(groupCount), passed = new Uint8Array(groupCount).fill(1);
  const { low, high } = frames[along], [front, back] = mirrored ? [high, low] : [low, high];
  const cross = (group, at, places, border) => {
    places.push(clamp(points[axis][at], frames[axis].low[group], frames[axis].high[group]));
    if (clamp(points[along][at], low[group], high[group]) !== border[group]) passed[group] = 0;
  };
  for (let e = 0; e < edgeCount; e++) {
    let out = nodeGroup[source[e]], into = nodeGroup[target[e]];
    let first = start[e], last = start[e + 1] - 1;
    while (out !== into) {
      // Climb on the side that is deeper, until both are in the same group.
      if (out >= 0 && (into < 0 || depth[out] >= depth[into])) {
        first = firstOutside(layout, out, first, start[e + 1], 1);
        cross(out, first, borderPoints[out].leaving, back);
        out = parent[out];
      } else {
        last = firstOutside(layout, into, last, start[e] - 1, -1);
        cross(into, last, borderPoints[into].entering, front);
        into = parent[into];
      }
    }
    if (out >= 0) inside[out]++;
  }
  for (let g = groupCount - 1; g >= 0; g--) if (parent[g] >= 0) inside[parent[g]] += inside[g];
  const touching = borderPoints.map(({ entering, leaving }, g) => entering.length + leaving.length + inside[g]);
  const ports = borderPoints.map(({ entering, leaving }, g) => {
    const leavingAt = new Set(leaving);
    if (!entering.length || !leaving.length) passed[g] = 0;
    return entering.find(at => leavingAt.has(at)) ?? entering.at(-1) ?? leaving.at(-1) ?? null;
  });
  return { ports, passed, touching };
}

/** How far from the main port of a folded group a route meets its frame; 0 if there is no group. */
export function fromPort({ across, points, frames }, ports, group, at) {
  if (group < 0 || ports[group] === null) return 0;
  const { low, high } = frames[across];
  return Math.abs(clamp(points[across][at], low[group], high[group]) - ports[group]);
}
