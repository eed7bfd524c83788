/**
 * Folds groups of a layout in the browser: the same map, to 0.1 px, as idlmav/layout/folding.py, which says what it is.
 *
 * Everything that depends on the layout alone is computed once: the coordinates that matter are sorted, and a fold only
 * counts which stretches between them are demanded. That takes time in proportion to the size of the layout.
 */

const ON_BORDER = 0.05;
const SPACING = { rankGap: 30, nodeGap: 20, trackGap: 8, portGap: 12, padding: 12, header: 20 };
const HIDDEN = 0, OPEN = 1, FOLDED = 2;

const roundPx = value => Math.floor(value * 10 + 0.5) / 10;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/**
 * Prepare a layout for folding.
 *
 * @param {object} data What `idlmav.layout.columns` returns.
 * @returns {function(Uint8Array): object} Takes a flag per group (1 is folded); returns what is visible and where:
 *   `nodes` {x, y, w, h, visible}, `groups` {x, y, w, h, state: 0 hidden, 1 open frame, 2 folded box},
 *   `edges` [{source: {group, index}, target: {group, index}, edges: [index], xs, ys}], `width`, `height`.
 */
export function makeFolder(data) {
  const layout = readLayout(data);
  const crossings = findCrossings(layout);
  const axes = [0, 1].map(axis => makeAxis(layout, crossings, axis));
  return flags => {
    const { holder, state } = groupStates(layout, flags);
    const wires = visibleWires(layout, holder);
    const maps = axes.map(axis => mapAxis(layout, axis, holder, state, wires));
    return collect(layout, axes, maps, holder, state, wires);
  };
}

/** Copy the columns into typed arrays; index 0 of each pair is x, 1 is y. */
function readLayout({ nodes, groups, edges, direction, spacing }) {
  const boxes = columns => [["x", "w"], ["y", "h"]].map(([start, size]) => {
    const low = Float64Array.from(columns[start]);
    return { low, high: low.map((value, i) => roundPx(value + columns[size][i])) };
  });
  const options = { ...SPACING, ...spacing };
  const isAlong = (axis, flow) => (axis === 0) === (flow === "right" || flow === "left");
  const along = axis => isAlong(axis, direction);
  const flowOf = group => groups.flow?.[group] ?? direction;
  return {
    nodes: boxes(nodes), nodeGroup: Int32Array.from(nodes.group), nodeCount: nodes.group.length,
    nodeSizes: [Float64Array.from(nodes.w), Float64Array.from(nodes.h)],
    frames: boxes(groups), parent: Int32Array.from(groups.parent), groupCount: groups.parent.length,
    frameSizes: [Float64Array.from(groups.w), Float64Array.from(groups.h)],
    folded: [Float64Array.from(groups.foldedW), Float64Array.from(groups.foldedH)],
    source: Int32Array.from(edges.source), target: Int32Array.from(edges.target),
    start: Int32Array.from(edges.start), edgeCount: edges.source.length,
    points: [Float64Array.from(edges.xs), Float64Array.from(edges.ys)],
    groupAlong: (axis, group) => isAlong(axis, flowOf(group)),
    mirrored: group => flowOf(group) === "up" || flowOf(group) === "left", options,
    room: axis => (along(axis) ? options.rankGap : options.nodeGap) / 2,
    clearance: axis => (along(axis) ? options.trackGap : options.portGap) / 2,
  };
}

/** The first point of a route, from `from` on in steps of `step`, that lies outside a group's frame. */
function firstOutside({ frames: [fx, fy], points: [xs, ys] }, group, from, end, step) {
  const left = fx.low[group] - ON_BORDER, right = fx.high[group] + ON_BORDER;
  const top = fy.low[group] - ON_BORDER, bottom = fy.high[group] + ON_BORDER;
  let at = from;
  while (at !== end && xs[at] >= left && xs[at] <= right && ys[at] >= top && ys[at] <= bottom) at += step;
  return at;
}

/** Where edges enter and leave every frame, in the order of the edges. */
function findCrossings(layout) {
  const { parent, nodeGroup, source, target, start, frames, points, groupCount, edgeCount } = layout;
  const crossings = Array.from({ length: groupCount }, () => ({ entering: [[], []], leaving: [[], []] }));
  const depth = new Int32Array(groupCount + 1);
  for (let g = 0; g < groupCount; g++) depth[g] = parent[g] < 0 ? 1 : depth[parent[g]] + 1;
  const note = (group, kind, at) => {
    for (const axis of [0, 1]) {
      crossings[group][kind][axis].push(clamp(points[axis][at], frames[axis].low[group], frames[axis].high[group]));
    }
  };
  for (let e = 0; e < edgeCount; e++) {
    let out = nodeGroup[source[e]], into = nodeGroup[target[e]];
    let first = start[e], last = start[e + 1] - 1;
    while (out !== into) {
      // Climb on the side that is deeper, until both are in the same group.
      if (out >= 0 && (into < 0 || depth[out] >= depth[into])) {
        first = firstOutside(layout, out, first, start[e + 1], 1);
        note(out, "leaving", first);
        out = parent[out];
      } else {
        last = firstOutside(layout, into, last, start[e] - 1, -1);
        note(into, "entering", last);
        into = parent[into];
      }
    }
  }
  return crossings;
}

function mainPort({ entering, leaving }, axis, middle) {
  const leavingAt = new Set(leaving[axis]);
  const through = entering[axis].find(place => leavingAt.has(place));
  return through ?? entering[axis][0] ?? leaving[axis][0] ?? middle;
}

/** The stretch that a group keeps for itself, and its core. */
function stretches(layout, crossings, axis, group) {
  const length = layout.folded[axis][group], clearance = layout.clearance(axis);
  const frameLow = layout.frames[axis].low[group], frameHigh = layout.frames[axis].high[group];
  let low = frameLow;
  if (!layout.groupAlong(axis, group)) {
    const port = mainPort(crossings[group], axis, (frameLow + frameHigh) / 2);
    low = Math.max(frameLow, Math.min(roundPx(port - length / 2), roundPx(frameHigh - length)));
  } else if (layout.mirrored(group)) low = roundPx(frameHigh - length);
  const high = roundPx(low + length);
  let first = low, last = high;
  for (const kind of ["entering", "leaving"]) {
    for (const place of crossings[group][kind][axis]) {
      first = Math.min(first, place - clearance);
      last = Math.max(last, place + clearance);
    }
  }
  return { own: [low, high], core: [Math.max(frameLow, first), Math.min(frameHigh, last)] };
}

/** All coordinates of an axis that a fold may need, sorted, and the rank of each use among them. */
function makeAxis(layout, crossings, axis) {
  const { nodeCount, groupCount, options } = layout;
  const room = layout.room(axis), clearance = layout.clearance(axis);
  const own = [], core = [];
  for (let g = 0; g < groupCount; g++) {
    const found = stretches(layout, crossings, axis, g);
    own.push(found.own);
    core.push(found.core);
  }
  const node = layout.nodes[axis], frame = layout.frames[axis];
  const inset = axis === 1 ? options.header : options.padding;
  const table = (count, ...values) => values.map(value => Float64Array.from({ length: count }, (_, i) => value(i)));
  const values = {
    node: table(nodeCount, i => node.low[i], i => node.high[i], i => node.low[i] - room, i => node.high[i] + room),
    frame: table(groupCount, g => frame.low[g], g => frame.high[g], g => frame.low[g] - room,
      g => frame.low[g] + inset, g => frame.high[g] - options.padding, g => frame.high[g] + room),
    own: table(groupCount, g => own[g][0], g => own[g][1]),
    core: table(groupCount, g => core[g][0], g => core[g][1], g => core[g][0] - room, g => core[g][1] + room),
    point: [layout.points[axis], layout.points[axis].map(v => v - clearance), layout.points[axis].map(v => v + clearance)],
  };
  const breaks = sortedDistinct(Object.values(values).flat());
  const ranks = Object.fromEntries(Object.entries(values).map(([name, columns]) =>
    [name, columns.map(column => Int32Array.from(column, value => rankOf(breaks, value)))]));
  const demanded = new Int32Array(breaks.length), zoned = new Int32Array(breaks.length);
  return { axis, breaks, ranks, demanded, zoned };
}

function sortedDistinct(columns) {
  const all = new Float64Array(columns.reduce((sum, column) => sum + column.length, 0));
  let at = 0;
  for (const column of columns) { all.set(column, at); at += column.length; }
  all.sort();
  let count = 0;
  for (let i = 0; i < all.length; i++) if (i === 0 || all[i] !== all[i - 1]) all[count++] = all[i];
  return all.slice(0, count);
}

function rankOf(breaks, value) {
  let low = 0, high = breaks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (breaks[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

/** For every group the outermost folded one around it (-1 for none), and whether it is hidden, open or folded. */
function groupStates({ parent, groupCount }, flags) {
  const holder = new Int32Array(groupCount), state = new Uint8Array(groupCount);
  for (let g = 0; g < groupCount; g++) {
    const outer = parent[g] < 0 ? -1 : holder[parent[g]];
    holder[g] = outer >= 0 ? outer : flags[g] ? g : -1;
    state[g] = holder[g] < 0 ? OPEN : holder[g] === g ? FOLDED : HIDDEN;
  }
  return { holder, state };
}

/** The edges to draw: visible ends, the edges merged into one, and which of its points are visible. */
function visibleWires(layout, holder) {
  const { nodeGroup, source, target, start, nodeCount, groupCount, edgeCount } = layout;
  const wires = [], seen = new Map();
  const around = node => (nodeGroup[node] < 0 ? -1 : holder[nodeGroup[node]]);
  for (let e = 0; e < edgeCount; e++) {
    const out = around(source[e]), into = around(target[e]);
    if (out >= 0 && out === into) continue;
    if (out >= 0 || into >= 0) {
      const from = out >= 0 ? nodeCount + out : source[e], to = into >= 0 ? nodeCount + into : target[e];
      const key = from * (nodeCount + groupCount) + to, known = seen.get(key);
      if (known) { known.edges.push(e); continue; }
      const first = out < 0 ? start[e] : firstOutside(layout, out, start[e], start[e + 1], 1);
      const last = into < 0 ? start[e + 1] - 1 : firstOutside(layout, into, start[e + 1] - 1, start[e] - 1, -1);
      const wire = { edge: e, out, into, first, last, edges: [e] };
      seen.set(key, wire);
      wires.push(wire);
    } else wires.push({ edge: e, out, into, first: start[e], last: start[e + 1] - 1, edges: [e] });
  }
  return wires;
}

/** Rank, on an axis, of where a wire is cut: a point's own coordinate, or the border that it lies beyond. */
function cutRank({ ranks }, group, point) {
  const [low, high] = ranks.frame, at = ranks.point[0][point];
  return at < low[group] ? low[group] : at > high[group] ? high[group] : at;
}

/** Ranks of a wire's points on an axis, its cut ends included. */
function wireRanks(axis, wire, ranks) {
  let count = 0;
  if (wire.out >= 0) ranks[count++] = cutRank(axis, wire.out, wire.first);
  for (let at = wire.first; at <= wire.last; at++) ranks[count++] = axis.ranks.point[0][at];
  if (wire.into >= 0) ranks[count++] = cutRank(axis, wire.into, wire.last);
  return count;
}

/** Where every coordinate of an axis goes, by rank. */
function mapAxis(layout, axis, holder, state, wires) {
  const { breaks, ranks, demanded, zoned } = axis;
  const { nodeGroup, nodeCount, groupCount } = layout;
  let first = breaks.length - 1, last = 0;
  const demand = (low, high) => { demanded[low]++; demanded[high]--; };
  const see = (low, high) => { if (low < first) first = low; if (high > last) last = high; };
  demanded.fill(0);
  zoned.fill(0);
  for (let i = 0; i < nodeCount; i++) {
    if (nodeGroup[i] >= 0 && holder[nodeGroup[i]] >= 0) continue;
    demand(ranks.node[2][i], ranks.node[3][i]);
    see(ranks.node[0][i], ranks.node[1][i]);
  }
  for (let g = 0; g < groupCount; g++) {
    if (state[g] === OPEN) {
      demand(ranks.frame[2][g], ranks.frame[3][g]);
      demand(ranks.frame[4][g], ranks.frame[5][g]);
      if (axis.axis === 0) demand(ranks.own[0][g], ranks.own[1][g]);
      see(ranks.frame[0][g], ranks.frame[1][g]);
    } else if (state[g] === FOLDED) {
      demand(ranks.core[2][g], ranks.core[0][g]);
      demand(ranks.own[0][g], ranks.own[1][g]);
      demand(ranks.core[1][g], ranks.core[3][g]);
      see(ranks.core[0][g], ranks.core[1][g]);
      zoned[ranks.frame[0][g]]++;
      zoned[ranks.frame[1][g]]--;
    }
  }
  demandLines(layout, axis, wires, demand, see);
  return cumulate(breaks, demanded, zoned, first, last);
}

/** Demand the clearance of every visible line across an axis. A cut does not change the line that it shortens. */
function demandLines(layout, axis, wires, demand, see) {
  const [at, low, high] = axis.ranks.point;
  const { start } = layout;
  for (const wire of wires) {
    const from = Math.max(wire.out >= 0 ? wire.first - 1 : wire.first, start[wire.edge]);
    const to = Math.min(wire.into >= 0 ? wire.last + 1 : wire.last, start[wire.edge + 1] - 1);
    for (let i = from; i < to; i++) {
      if (at[i] !== at[i + 1]) continue;
      demand(low[i], high[i]);
      see(at[i], at[i]);
    }
  }
}

function cumulate(breaks, demanded, zoned, first, last) {
  const to = new Float64Array(breaks.length);
  let removed = 0, demands = 0, zones = 0;
  for (let i = 0; i < breaks.length; i++) {
    if (i && zones && !demands) removed += breaks[i] - breaks[i - 1];
    to[i] = breaks[i] - removed;
    demands += demanded[i];
    zones += zoned[i];
  }
  const origin = breaks.length ? to[first] : 0;
  for (let i = 0; i < to.length; i++) to[i] = roundPx(to[i] - origin);
  return { to, end: breaks.length ? to[last] : 0 };
}

/** Put the result together. */
function collect(layout, axes, maps, holder, state, wires) {
  const { nodeGroup, nodeCount, groupCount } = layout;
  const columns = count => ({ x: new Float64Array(count), y: new Float64Array(count), w: new Float64Array(count), h: new Float64Array(count) });
  const nodes = { ...columns(nodeCount), visible: new Uint8Array(nodeCount) };
  const groups = { ...columns(groupCount), state };
  for (let i = 0; i < nodeCount; i++) nodes.visible[i] = nodeGroup[i] < 0 || holder[nodeGroup[i]] < 0 ? 1 : 0;
  [["x", "w"], ["y", "h"]].forEach(([place, size], axis) => {
    const { ranks } = axes[axis], { to } = maps[axis];
    for (let i = 0; i < nodeCount; i++) {
      if (!nodes.visible[i]) continue;
      nodes[place][i] = to[ranks.node[0][i]];
      nodes[size][i] = layout.nodeSizes[axis][i];
    }
    for (let g = 0; g < groupCount; g++) {
      if (state[g] === HIDDEN) continue;
      const [low, high] = state[g] === FOLDED ? ranks.core : ranks.frame;
      groups[place][g] = to[low[g]];
      groups[size][g] = roundPx(to[high[g]] - to[low[g]]);
    }
  });
  return { nodes, groups, edges: collectEdges(layout, axes, maps, wires), width: maps[0].end, height: maps[1].end };
}

function collectEdges(layout, axes, maps, wires) {
  const { source, target, points } = layout;
  const ranks = new Int32Array(points[0].length + 2);
  let total = 0;
  for (const wire of wires) total += wire.last - wire.first + 1 + (wire.out >= 0 ? 1 : 0) + (wire.into >= 0 ? 1 : 0);
  const buffers = [new Float64Array(total), new Float64Array(total)];
  let at = 0;
  return wires.map(wire => {
    let count = 0;
    for (const axis of [0, 1]) {
      count = wireRanks(axes[axis], wire, ranks);
      for (let i = 0; i < count; i++) buffers[axis][at + i] = maps[axis].to[ranks[i]];
    }
    at += count;
    const end = (group, node) => (group >= 0 ? { group: true, index: group } : { group: false, index: node });
    return {
      source: end(wire.out, source[wire.edge]), target: end(wire.into, target[wire.edge]), edges: wire.edges,
      xs: buffers[0].subarray(at - count, at), ys: buffers[1].subarray(at - count, at),
    };
  });
}
