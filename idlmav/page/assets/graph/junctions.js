// Finds where lines that several edges share fork, as idlmav/still/junctions.py does. A crossing has no mark.

import { columnsOf } from "../base/figure.js";

const SMALLEST_SCALE = 0.3;

// The points at which edges part that leave a box together, or meet that enter one together. routes: [{xs, ys}].
export function junctions(routes) {
  const found = new Map();
  for (const step of [1, -1]) {
    const together = new Map();
    for (const {xs, ys} of routes) {
      const first = step > 0 ? 0 : xs.length - 1;
      push(together, `${xs[first]} ${ys[first]}`, {xs, ys, at: first, step});
    }
    for (const group of together.values()) if (group.length > 1) addForks(found, group);
  }
  return [...found.values()];
}

// Follow routes that begin at one point until they part. at: the index of the point that a route has come to.
function addForks(found, group) {
  const waiting = [group];
  while (waiting.length > 0) {
    const ways = new Map();
    for (const route of waiting.pop()) if (!ended(route)) push(ways, way(route), route);
    for (const members of ways.values()) {
      if (members.length < 2) continue;
      const corners = new Map();
      let last = 0;
      for (const route of members) {
        const {xs, ys, at, step} = route;
        const next = {...route, at: at + step, length: Math.abs(xs[at + step] - xs[at]) + Math.abs(ys[at + step] - ys[at])};
        last = Math.max(last, next.length);
        push(corners, `${xs[at + step]} ${ys[at + step]}`, next);
      }
      for (const [corner, turning] of corners) {
        const turns = new Set(turning.filter((route) => !ended(route)).map(way));
        const [{xs, ys, at, length}] = turning;
        if (turns.size > 0 && turns.size + (length < last) > 1) found.set(corner, [xs[at], ys[at]]);
        if (turning.length > 1) waiting.push(turning);
      }
    }
  }
}

const ended = ({xs, at, step}) => xs[at + step] === undefined;
const way = ({xs, ys, at, step}) => `${Math.sign(xs[at + step] - xs[at])} ${Math.sign(ys[at + step] - ys[at])}`;

function push(groups, key, item) {
  if (groups.has(key)) groups.get(key).push(item);
  else groups.set(key, [item]);
}

export function drawJunctions({edges}, {geometry, appearance, scale}) {
  const points = scale < SMALLEST_SCALE ? [] : junctions(edges.map((k) => geometry.edges[k]));
  return columnsOf(["x", "y", "color"], points.map(([x, y]) => ({x, y, color: appearance.theme.edge})));
}
