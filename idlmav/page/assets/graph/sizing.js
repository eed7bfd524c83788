// Makes boxes grow with a number: stretches the layout along the flow, so order and straight lines stay.

import { isSideways } from "../base/directions.js";
import { rankOf } from "../fold/axis_map.js";

const ON_BORDER = 0.05;

// layout: from the function that makeFolder returns; extra: px that each node grows along the flow.
export function stretch(layout, extra, direction) {
  const [start, length] = isSideways(direction) ? ["x", "w"] : ["y", "h"];
  const {nodes, groups} = layout;
  const map = stretchMap(nodes[start], nodes[length], nodes.visible, extra);
  const axis = start === "x" ? "xs" : "ys";
  const sides = sideEnds(layout.edges, nodes[start], nodes[length], axis);
  const grown = (size, i) => Math.max(size + extra[i], sides.has(i) ? map(sides.get(i)) - map(nodes[start][i]) : 0);
  const box = {...nodes, [start]: nodes[start].map(map), [length]: nodes[length].map(grown)};
  const lows = groups[start].map(map);
  const frames = {...groups, [start]: lows, [length]: groups[start].map((low, i) => map(low + groups[length][i]) - lows[i])};
  const edges = layout.edges.map((edge) => {
    const {source, target, edges: merged, xs, ys} = edge;
    return {source, target, edges: merged, xs, ys, [axis]: stretchRoute(edge, axis, map, nodes, box, start, length)};
  });
  const total = start === "x" ? "width" : "height";
  return {...layout, nodes: box, groups: frames, edges, [total]: map(layout[total])};
}

// A step just before the end of each growing box; boxes beside it share the step.
function stretchMap(starts, lengths, visible, extra) {
  const growing = [...extra.keys()].filter((i) => visible[i] && extra[i] > 0);
  growing.sort((a, b) => starts[a] + lengths[a] - starts[b] - lengths[b]);
  const at = [];
  const sums = [0];
  const before = (value) => sums[rankOf(at, value)];
  for (const i of growing) {
    const missing = extra[i] - (sums[sums.length - 1] - before(starts[i]));
    if (missing > 0) {
      at.push(starts[i] + lengths[i] - 0.5);
      sums.push(sums[sums.length - 1] + missing);
    }
  }
  return (value) => value + before(value);
}

// Where along the flow the last edge ends on a side of a box, as skip connections that run straight do.
function sideEnds(edges, starts, lengths, axis) {
  const found = new Map();
  for (const {source, target, [axis]: route} of edges) {
    for (const [end, at] of [[source, route[0]], [target, route.at(-1)]]) {
      if (end.group || !onSide(at, starts[end.index], lengths[end.index])) continue;
      found.set(end.index, Math.max(found.get(end.index) ?? at, at));
    }
  }
  return found;
}

function onSide(at, start, length) {
  return start + ON_BORDER < at && at < start + length - ON_BORDER;
}

// The ends of a route stay on the borders of their boxes, which may be shorter than the stretch beside them.
function stretchRoute(edge, axis, map, old, box, start, length) {
  const route = edge[axis].map(map);
  for (const [{group, index: i}, at] of [[edge.source, 0], [edge.target, route.length - 1]]) {
    const [place, low, size] = [edge[axis][at], old[start][i], old[length][i]];
    if (group || onSide(place, low, size)) continue;
    const isNear = Math.abs(place - low) < Math.abs(place - low - size);
    route[at] = isNear ? box[start][i] : box[start][i] + box[length][i];
  }
  return route;
}
