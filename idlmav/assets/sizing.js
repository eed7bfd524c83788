// Boxes as tall as a number says: the drawing is stretched along the flow, so order and straight lines stay.

const FLOW_IS_X = new Set(["left", "right"]);

// geometry: what makeFolder's function returns; extra: px that each node grows along the flow.
export function stretch(geometry, extra, direction) {
  const [start, length] = FLOW_IS_X.has(direction) ? ["x", "w"] : ["y", "h"];
  const {nodes, groups} = geometry;
  const map = stretchMap(nodes[start], nodes[length], nodes.visible, extra);
  const box = {...nodes, [start]: nodes[start].map(map), [length]: nodes[length].map((size, i) => size + extra[i])};
  const ends = (group) => group[start].map((low, i) => map(low + group[length][i]));
  const lows = groups[start].map(map);
  const highs = ends(groups);
  const frames = {...groups, [start]: lows, [length]: highs.map((high, i) => high - lows[i])};
  const axis = start === "x" ? "xs" : "ys";
  const edges = geometry.edges.map((edge) => ({...edge, [axis]: stretchRoute(edge, axis, map, nodes, box, start, length)}));
  const total = start === "x" ? "width" : "height";
  return {...geometry, nodes: box, groups: frames, edges, [total]: map(geometry[total])};
}

// A step just before the end of each growing box; boxes beside it share the step.
function stretchMap(starts, lengths, visible, extra) {
  const growing = [];
  for (let i = 0; i < starts.length; i++) if (visible[i] && extra[i] > 0) growing.push(i);
  growing.sort((a, b) => starts[a] + lengths[a] - starts[b] - lengths[b]);
  const at = [];
  const sums = [0];
  const before = (value) => sums[lowerBound(at, value)];
  for (const i of growing) {
    const missing = extra[i] - (sums[sums.length - 1] - before(starts[i]));
    if (missing > 0) {
      at.push(starts[i] + lengths[i] - 0.5);
      sums.push(sums[sums.length - 1] + missing);
    }
  }
  return (value) => value + before(value);
}

// The ends of a route stay on the borders of their boxes, which may be shorter than the stretch beside them.
function stretchRoute(edge, axis, map, old, box, start, length) {
  const route = edge[axis].map(map);
  const settle = (end, at) => {
    if (end.group) return;
    const i = end.index;
    const [low, high] = [old[start][i], old[start][i] + old[length][i]];
    const near = Math.abs(edge[axis][at] - low) < Math.abs(edge[axis][at] - high);
    route[at] = near ? box[start][i] : box[start][i] + box[length][i];
  };
  settle(edge.source, 0);
  settle(edge.target, route.length - 1);
  return route;
}

export function lowerBound(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
