// Draws lines that a person can tell apart: of edges that look alike in a window, one.

// lines: the numbers of the edges to draw; standIn: for each other edge the one that is drawn in its place.
export function distinctLines(geometry, edges, closed, window) {
  const known = new Map();
  const standIn = new Map();
  for (const k of edges) {
    const seen = trace(geometry, geometry.edges[k], closed, window);
    if (seen === "") continue;
    if (known.has(seen)) standIn.set(k, known.get(seen));
    else known.set(seen, k);
  }
  return {lines: [...known.values()], standIn};
}

// The visible part of a route, in whole px of the screen: without what lies outside the window or in closed boxes at its ends.
function trace(geometry, edge, closed, {left, top, right, bottom, scale}) {
  const {xs, ys} = cutAtBoxes(geometry, edge, closed);
  let [seen, before] = ["", ""];
  let isSeen = false;
  for (let i = 1; i < xs.length; i++) {
    const [x0, y0, x1, y1] = [xs[i - 1], ys[i - 1], xs[i], ys[i]];
    if (Math.max(x0, x1) < left || Math.min(x0, x1) > right || Math.max(y0, y1) < top || Math.min(y0, y1) > bottom) continue;
    const at = (x, y) => `${Math.round(clamp(x, left, right) * scale)},${Math.round(clamp(y, top, bottom) * scale)} `;
    for (const point of [at(x0, y0), at(x1, y1)]) {
      if (point === before) continue;
      isSeen = before !== "";
      seen += point;
      before = point;
    }
  }
  return isSeen ? seen : "";
}

function cutAtBoxes({groups, nodeGroup}, {source, target, xs, ys}, {owner}) {
  const [x, y] = [[...xs], [...ys]];
  for (const end of [source, target]) {
    const at = end.group ? end.index : nodeGroup[end.index];
    const box = at < 0 ? -1 : owner[at];
    if (box >= 0) cutBegin(x, y, groups.x[box], groups.y[box], groups.x[box] + groups.w[box], groups.y[box] + groups.h[box]);
    x.reverse();
    y.reverse();
  }
  return {xs: x, ys: y};
}

// Let a route begin where it leaves a rectangle.
function cutBegin(xs, ys, left, top, right, bottom) {
  const isInside = (i) => xs[i] >= left && xs[i] <= right && ys[i] >= top && ys[i] <= bottom;
  let first = 0;
  while (first < xs.length && isInside(first)) first++;
  if (first === 0) return;
  if (first < xs.length) [xs[first - 1], ys[first - 1]] = [clamp(xs[first], left, right), clamp(ys[first], top, bottom)];
  xs.splice(0, Math.min(first, xs.length) - 1);
  ys.splice(0, Math.min(first, ys.length) - 1);
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
