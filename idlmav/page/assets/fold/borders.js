/** Where edges cross the frames of groups: the same as idlmav/layout/borders.py. */

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** The first point of a route, from `from` on in steps of `step`, that lies outside a group's frame. */
export function firstOutside({ frames: [fx, fy], points: [xs, ys] }, group, from, end, step) {
  const left = fx.low[group], right = fx.high[group], top = fy.low[group], bottom = fy.high[group];
  let at = from;
  while (at !== end && xs[at] >= left && xs[at] <= right && ys[at] >= top && ys[at] <= bottom) at += step;
  return at;
}

/**
 * How edges meet every group. `ports`: where, across the flow, its main port lies: the first place at which an edge enters
 * and one leaves, else the last at which one enters, else the last at which one leaves, else null. `passed`: whether all
 * edges enter at its one end and leave at the other. `touching`: how many have an end in it.
 */
export function findCrossings(layout) {
  const { parent, nodeGroup, source, target, start, frames, points, groupCount, edgeCount, mirrored } = layout;
  const along = layout.along(0) ? 0 : 1, axis = 1 - along;
  const crossings = Array.from({ length: groupCount }, () => ({ entering: [], leaving: [] }));
  const depth = new Int32Array(groupCount + 1), inside = new Int32Array(groupCount), passed = new Uint8Array(groupCount).fill(1);
  for (let g = 0; g < groupCount; g++) depth[g] = parent[g] < 0 ? 1 : depth[parent[g]] + 1;
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
        cross(out, first, crossings[out].leaving, back);
        out = parent[out];
      } else {
        last = firstOutside(layout, into, last, start[e] - 1, -1);
        cross(into, last, crossings[into].entering, front);
        into = parent[into];
      }
    }
    if (out >= 0) inside[out]++;
  }
  for (let g = groupCount - 1; g >= 0; g--) if (parent[g] >= 0) inside[parent[g]] += inside[g];
  const touching = crossings.map(({ entering, leaving }, g) => entering.length + leaving.length + inside[g]);
  crossings.forEach(({ entering, leaving }, g) => { if (!entering.length || !leaving.length) passed[g] = 0; });
  const ports = crossings.map(({ entering, leaving }) => {
    const leavingAt = new Set(leaving);
    return entering.find(at => leavingAt.has(at)) ?? entering.at(-1) ?? leaving.at(-1) ?? null;
  });
  return { ports, passed, touching };
}

/** How far from the main port of a folded group a route crosses its frame; 0 if there is no group. */
export function fromPort({ along, points, frames }, ports, group, at) {
  if (group < 0 || ports[group] === null) return 0;
  const axis = along(0) ? 1 : 0;
  return Math.abs(clamp(points[axis][at], frames[axis].low[group], frames[axis].high[group]) - ports[group]);
}
