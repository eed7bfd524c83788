// Finds the box to which an arrow key leads: along an edge, or the nearest one beside.

import { isReversed, isSideways } from "../base/directions.js";

export const ARROWS = {ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 1], ArrowUp: [1, -1]};
// Sideways counts more than ahead, so that a straight line goes before a short one.
const ASIDE = 2;
const REACH_PX = 80;

// Ids of the boxes as drawn, in the order of the flow.
export function boxes(geometry) {
  const {nodeIds, nodes} = geometry;
  return [...new Set(nodeIds.map((id, i) => (nodes.visible[i] ? id : geometry.idOf(geometry.shownAs(id)))))];
}

// The id that an arrow key leads to, or "" if there is nothing.
export function neighbour(geometry, selected, key) {
  const all = boxes(geometry);
  const place = geometry.shownAs(selected);
  const start = geometry.idOf(place);
  const [axis, sign] = ARROWS[key];
  const flowAxis = isSideways(geometry.direction) ? 0 : 1;
  if (!all.includes(start)) {
    const inside = all.filter((id) => geometry.ancestors(id).includes(place.index));
    const forward = sign === (isReversed(geometry.direction) ? -1 : 1);
    if (axis === flowAxis && forward) return inside[0] ?? "";
    return best(geometry, place, all.filter((id) => !inside.includes(id)), axis, sign, REACH_PX);
  }
  const linked = linkedTo(geometry, start);
  if (axis === flowAxis) return best(geometry, place, linked, axis, sign, Infinity);
  const level = best(geometry, place, linked, axis, sign, 0);
  if (level) return level;
  const siblings = new Set(linked.flatMap((id) => linkedTo(geometry, id)));
  siblings.delete(start);
  return best(geometry, place, [...siblings], axis, sign, REACH_PX) || best(geometry, place, all, axis, sign, REACH_PX);
}

function linkedTo(geometry, id) {
  const ends = geometry.edgesAt(id).flatMap((k) => [geometry.edges[k].source, geometry.edges[k].target]);
  return [...new Set(ends.map((end) => geometry.idOf(end)))].filter((other) => other !== id);
}

// The nearest of the boxes that lie beyond one, at most so many px off the line.
function best(geometry, place, ids, axis, sign, reach) {
  const from = span(geometry.rect(place));
  let [found, least] = ["", Infinity];
  for (const id of ids) {
    const to = span(geometry.rect(geometry.place(id)));
    const ahead = sign > 0 ? to[axis][0] - from[axis][1] : from[axis][0] - to[axis][1];
    const aside = Math.max(to[1 - axis][0] - from[1 - axis][1], from[1 - axis][0] - to[1 - axis][1], 0);
    if (ahead < 0 || aside > reach) continue;
    const off = Math.abs(middle(to[1 - axis]) - middle(from[1 - axis]));
    const score = ahead + ASIDE * off;
    if (score < least) [found, least] = [id, score];
  }
  return found;
}

const span = ({x, y, w, h}) => [[x, x + w], [y, y + h]];
const middle = ([low, high]) => (low + high) / 2;
