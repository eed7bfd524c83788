/**
 * Folds groups of a layout in the browser: the twin, equal to 0.1 px, of layout/folding/fold.py, which explains it.
 *
 * Everything that depends on the layout alone is computed once: the coordinates that matter are sorted, and a fold works
 * with their ranks. All lengths inside are whole numbers, tenths of a px.
 */

import { findBorderPoints, firstOutside, fromPort } from "./borders.js";
import { CELL, CLOSES, OPENS, Things, keepApart, keptAlways, makeScratch, rankOf, sortedDistinct } from "./axis_map.js";
import { CutGroups } from "./cut_groups.js";
import { Pairs, Wire, boxesIn, eachLine, wholeLines, wireRanks } from "./wires.js";

const HIDDEN = 0, OPEN = 1, FOLDED = 2;

const tenths = value => Math.floor(value * 10 + 0.5);

/**
 * Prepare a layout for folding.
 *
 * @param {object} data What `idlmav.layout.columns` returns.
 * @returns {function(Uint8Array): object} Takes a flag per group (1 is folded); returns the visible things:
 *   `nodes` {x, y, w, h, visible}, `groups` {x, y, w, h, state: 0 hidden, 1 open frame, 2 folded box},
 *   `edges` [{source: {group, index}, target: {group, index}, edges: [index], xs, ys}], `width`, `height`,
 *   `edgesIn(left, top, right, bottom)`: numbers of the edges there. The next call writes into the same columns and
 *   edges; the coordinates of hidden things are undefined.
 */
export function makeFolder(data) {
  const layout = readLayout(data);
  const borderPoints = findBorderPoints(layout), { ports } = borderPoints;
  const axes = [0, 1].map(axis => makeAxis(layout, ports, axis));
  const { flow: along, across } = layout;
  layout.frame = { layout, axes, maps: [] };
  layout.whole = wholeWires(layout);
  layout.short = Uint8Array.from(layout.whole, wire => (wire.short ? 1 : 0));
  layout.long = new Int32Array(layout.edgeCount);
  [layout.outGroup, layout.intoGroup] = [layout.source, layout.target].map(ends => ends.map(node => layout.nodeGroup[node]));
  // The wires that were cut last time, by edge: most are cut at the same groups again.
  layout.cuts = [];
  layout.pairs = new Pairs(layout.edgeCount);
  for (const axis of axes) axis.lines = wholeLines(layout, axes, axis.axis);
  const cutGroups = new CutGroups(layout, axes, borderPoints);
  const columns = count => Object.fromEntries(Array.from("xywh", name => [name, new Float64Array(count)]));
  layout.boxes = { nodes: { ...columns(layout.nodeCount), visible: new Uint8Array(layout.nodeCount) }, groups: columns(layout.groupCount) };
  layout.nodeEnds = Array.from({ length: layout.nodeCount }, (_, index) => ({ group: false, index }));
  layout.groupEnds = Array.from({ length: layout.groupCount }, (_, index) => ({ group: true, index }));
  return flags => {
    const shown = groupStates(layout, flags);
    const all = viewOf(layout, axes, shown, visibleWires(layout, shown.holder, ports));
    all.cutGroups = cutGroups.find(all);
    all.around = cutGroups.around(all.cutGroups);
    const lengthwise = mapAxis(layout, axes, along, all, null);
    const bands = all.cutGroups.length ? splitAtCutGroups(axes[across], all, cutGroups) : [all];
    const maps = bands.map(band => {
      const map = mapAxis(layout, axes, across, band, lengthwise);
      return bands.length > 1 ? { ...map, to: map.to.slice() } : map;
    });
    const moved = all.cutGroups.length ? cutGroups.settle(all, bands, maps, borders(layout, across), (group, at) => fromPort(layout, ports, group, at))
      : { groups: [], end: maps[0].end };
    const inOrder = (first, second) => (along === 0 ? [first, second] : [second, first]);
    return collect(layout, axes, inOrder([lengthwise], maps), inOrder([all], bands), all, inOrder(lengthwise.end, moved.end), moved.groups);
  };
}

/** The things before, between and after cut groups, whose cores have a part in each of two bands. */
function splitAtCutGroups(axis, all, cutGroups) {
  const isCutGroup = new Set(all.cutGroups), isFar = (group, isLeaving) => isLeaving && isCutGroup.has(group);
  const near = findCores(axis, all.folded, all.cut, true, (group, isLeaving) => !isFar(group, isLeaving));
  return cutGroups.split(all, near, findCores(axis, all.folded, all.cut, false, isFar));
}

/** Copy the columns into typed arrays; index 0 of each pair is x, 1 is y. */
function readLayout({ nodes, groups, edges, direction, spacing }) {
  const whole = column => Int32Array.from(column, tenths);
  const boxes = columns => [["x", "w"], ["y", "h"]].map(([start, length]) => {
    const low = whole(columns[start]);
    return { low, high: low.map((value, i) => value + tenths(columns[length][i])) };
  });
  const options = Object.fromEntries(Object.entries(spacing).map(([name, px]) => [name, tenths(px)]));
  const flow = direction === "right" || direction === "left" ? 0 : 1, along = axis => axis === flow;
  const parent = Int32Array.from(groups.parent), depth = new Int32Array(parent.length);
  for (let g = 0; g < parent.length; g++) depth[g] = parent[g] < 0 ? 1 : depth[parent[g]] + 1;
  return {
    nodes: boxes(nodes), nodeGroup: Int32Array.from(nodes.group), nodeCount: nodes.group.length,
    frames: boxes(groups), parent, depth, groupCount: parent.length,
    folded: [whole(groups.foldedW), whole(groups.foldedH)],
    source: Int32Array.from(edges.source), target: Int32Array.from(edges.target),
    start: Int32Array.from(edges.start), edgeCount: edges.source.length,
    points: [whole(edges.xs), whole(edges.ys)],
    flow, across: 1 - flow, along, mirrored: direction === "up" || direction === "left", turned: Array.isArray(groups.flow), options,
    room: axis => Math.floor((along(axis) ? options.rankGap : options.nodeGap) / 2 + 0.5),
    clearance: axis => Math.floor((along(axis) ? options.trackGap : options.portGap) / 2 + 0.5),
  };
}

/** The stretch that a group keeps for itself when it is folded. */
function ownStretch(layout, ports, axis, group) {
  const length = layout.folded[axis][group];
  const first = layout.frames[axis].low[group], last = layout.frames[axis].high[group];
  let low = first;
  if (!layout.along(axis)) {
    const twice = ports[group] === null ? first + last : 2 * ports[group];
    low = Math.max(first, Math.min(Math.floor((twice - length + 1) / 2), last - length));
  } else if (layout.mirrored) low = last - length;
  return [low, low + length];
}

/** All coordinates of an axis that a fold may need, sorted, and the rank of each use among them. */
function makeAxis(layout, ports, axis) {
  const { nodeCount, groupCount } = layout;
  const clearance = layout.clearance(axis);
  const own = Array.from({ length: groupCount }, (_, g) => ownStretch(layout, ports, axis, g));
  const node = layout.nodes[axis], frame = layout.frames[axis], points = layout.points[axis];
  const table = (count, ...values) => values.map(value => Int32Array.from({ length: count }, (_, i) => value(i)));
  const values = {
    node: table(nodeCount, i => node.low[i], i => node.high[i]),
    frame: table(groupCount, g => frame.low[g], g => frame.high[g], g => frame.low[g] + clearance, g => frame.high[g] - clearance),
    own: table(groupCount, g => own[g][0], g => own[g][1]),
    point: [0, -1, 1].map(times => points.map(value => value + times * clearance)),
  };
  const breaks = sortedDistinct(Object.values(values).flat());
  const ranks = Object.fromEntries(Object.entries(values).map(([name, columns]) =>
    [name, columns.map(column => column.map(value => rankOf(breaks, value)))]));
  const buffer = new Int32Array(points.length + 2);
  const things = new Things(nodeCount + 2 * groupCount + 2 * points.length);
  // How far boxes of folded groups can reach, so that lines go on to them.
  const limits = layout.along(axis) && !layout.turned ? ranks.own : ranks.frame;
  return { axis, breaks, ranks, limits, buffer, things, ...makeScratch(breaks.length) };
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

/** Numbers of everything visible, and on both axes the ranks of the `ends` of the cores of folded groups. */
function viewOf(layout, axes, { holder, state }, wires) {
  const { nodeGroup, nodeCount, groupCount } = layout;
  const numbers = (count, isIn) => {
    const found = new Int32Array(count);
    let length = 0;
    for (let i = 0; i < count; i++) if (isIn(i)) found[length++] = i;
    return found.subarray(0, length);
  };
  const nodes = numbers(nodeCount, i => nodeGroup[i] < 0 || holder[nodeGroup[i]] < 0);
  const [open, folded] = [OPEN, FOLDED].map(wanted => numbers(groupCount, g => state[g] === wanted));
  const ends = axes.map(axis => findCores(axis, folded, wires.cut));
  return { nodes, open, folded, isNear: new Uint8Array(folded.length).fill(1), ends, state, ...wires };
}

/** The edges while neither end is in a folded group. */
function wholeWires({ frame, start, edgeCount, points: [xs, ys], room, flow }) {
  const near = 2 * room(flow);
  return Array.from({ length: edgeCount }, (_, edge) => {
    const first = start[edge], last = start[edge + 1] - 1;
    const length = Math.abs(xs[last] - xs[first]) + Math.abs(ys[last] - ys[first]);
    return new Wire(frame, edge, -1, -1, first, last, 0, last === first + 1 && length <= near);
  });
}

/**
 * The visible edges, `wires`: those `cut` at folded groups, and `whole` ones (numbers, without short straight lines, whose
 * boxes need more room than they do); and the edges that are `merged` into others.
 */
function visibleWires(layout, holder, ports) {
  const { outGroup, intoGroup, source, target, nodeCount, edgeCount, long, cuts, pairs } = layout;
  const wires = [], merged = [], cut = [];
  let count = 0;
  pairs.clear();
  for (let e = 0; e < edgeCount; e++) {
    const out = outGroup[e] < 0 ? -1 : holder[outGroup[e]], into = intoGroup[e] < 0 ? -1 : holder[intoGroup[e]];
    if (out >= 0 && out === into) continue;
    if (out < 0 && into < 0) {
      wires.push(layout.whole[e]);
      if (!layout.short[e]) long[count++] = e;
      continue;
    }
    let wire = cuts[e];
    if (wire?.out !== out || wire.into !== into) wire = cuts[e] = cutWire(layout, ports, e, out, into);
    else if (wire.edges.length > 1) wire.edges = [e];
    const at = pairs.add(out >= 0 ? nodeCount + out : source[e], into >= 0 ? nodeCount + into : target[e]);
    const other = cut[at];
    if (other === undefined) {
      wire.at = wires.push(wire) - 1;
      cut.push(wire);
      continue;
    }
    other.edges.push(e);
    const isNearer = wire.detour < other.detour;
    merged.push(isNearer ? other : wire);
    if (!isNearer) continue;
    [wire.at, wire.edges, other.edges] = [other.at, other.edges, [other.edge]];
    wires[wire.at] = cut[at] = wire;
  }
  return { wires, merged, cut, whole: long.subarray(0, count) };
}

function cutWire(layout, ports, edge, out, into) {
  const { frame, start } = layout, begin = start[edge], end = start[edge + 1];
  const first = out < 0 ? begin : firstOutside(layout, out, begin, end, 1);
  const last = into < 0 ? end - 1 : firstOutside(layout, into, end - 1, begin - 1, -1);
  return new Wire(frame, edge, out, into, first, last, fromPort(layout, ports, out, first) + fromPort(layout, ports, into, last), false);
}

/** Ranks, on an axis, of the ends of the cores of folded groups; only ends of edges with `counts` belong to a core. */
function findCores({ ranks: { own, frame, point }, breaks }, folded, cut, hasOwn = true, counts = () => true) {
  const [low, high] = hasOwn ? own.map(ranks => ranks.slice()) : own.map((ranks, end) => new Int32Array(ranks.length).fill(end ? -1 : breaks.length));
  const reach = (group, at) => {
    const isBefore = point[0][at] < frame[0][group], isAfter = point[0][at] > frame[1][group];
    const before = isBefore ? frame[0][group] : isAfter ? frame[3][group] : point[1][at];
    const after = isBefore ? frame[2][group] : isAfter ? frame[1][group] : point[2][at];
    if (before < low[group]) low[group] = before;
    if (after > high[group]) high[group] = after;
  };
  for (const wire of cut) {
    if (wire.out >= 0 && counts(wire.out, true)) reach(wire.out, wire.first);
    if (wire.into >= 0 && counts(wire.into, false)) reach(wire.into, wire.last);
  }
  return [folded.map(g => Math.max(low[g], frame[0][g])), folded.map(g => Math.min(high[g], frame[1][g]))];
}

/** The map of an axis by rank; `other` is the map of the other axis if that is known. */
function mapAxis(layout, axes, number, view, other) {
  const axis = axes[number], { breaks, ranks } = axis;
  const zoned = axis.zoned.fill(0), rigid = axis.rigid.fill(0);
  const span = { first: breaks.length - 1, last: 0 };
  const see = (low, high) => {
    if (low < span.first) span.first = low;
    if (high > span.last) span.last = high;
  };
  const cover = (counts, low, high) => { counts[low]++; counts[high]--; };
  const [low, high] = ranks.node, [begin, end] = view.ends[number];
  for (const i of view.nodes) {
    cover(rigid, low[i], high[i]);
    see(low[i], high[i]);
  }
  for (const g of view.open) see(ranks.frame[0][g], ranks.frame[1][g]);
  for (let k = 0; k < view.folded.length; k++) {
    const g = view.folded[k];
    if (view.isNear[k]) cover(rigid, ranks.own[0][g], ranks.own[1][g]);
    cover(zoned, ranks.frame[0][g], ranks.frame[1][g]);
    see(begin[k], end[k]);
  }
  const { buffer, lines } = axis;
  for (const edge of view.whole) see(lines.low[edge], lines.high[edge]);
  for (const wire of view.cut) {
    coverPort(ranks, wire.out, wire.first, rigid);
    coverPort(ranks, wire.into, wire.last, rigid);
    const count = wireRanks(axis, wire, buffer);
    for (let i = 0; i < count; i++) see(buffer[i], buffer[i]);
  }
  for (const wire of view.merged) {
    eachLine(axes, number, wire, (_line, _from, _to, point) => cover(zoned, ranks.point[1][point], ranks.point[2][point]));
  }
  const kept = keptAlways(axis);
  if (kept) {
    const { things, cells } = findThings(layout, axes, number, view, other);
    keepApart(axis, things, cells);
  }
  return totals(axis, kept, span);
}

/** Mark the clearance of a point at which an edge ends on the side of a folded group. */
function coverPort({ frame, point }, group, at, rigid) {
  if (group < 0 || point[0][at] <= frame[0][group] || point[0][at] >= frame[1][group]) return;
  rigid[Math.max(frame[0][group], point[1][at])]++;
  rigid[Math.min(frame[1][group], point[2][at])]--;
}

/** The visible things that are near a stretch that may grow. */
function findThings(layout, axes, number, view, other) {
  const { breaks, ranks } = axes[number], beside = axes[1 - number], { folded } = layout;
  const across = other ? other.to : beside.breaks;
  const room = layout.room(number), clearance = layout.clearance(number);
  const roomAcross = layout.room(1 - number), clearanceAcross = layout.clearance(1 - number);
  const { before, after } = borders(layout, number);
  const { looseBefore, begins, things, lines } = axes[number];
  things.count = 0;
  const most = Math.max(2 * room, 2 * clearance, before, after);
  things.most = most;
  const isNear = (low, high) => {
    const loose = looseBefore[high];
    return (loose > 0 && breaks[loose] > breaks[low] - most) || begins[high] < breaks[high] + most;
  };
  const box = (low, high, from, to) => {
    if (isNear(low, high)) things.add(low, high, across[from] - roomAcross, across[to] + roomAcross, room, room);
  };
  const line = (at, from, to) => {
    if (isNear(at, at)) things.add(at, at, across[from] - clearanceAcross, across[to] + clearanceAcross, clearance, clearance);
  };
  // Along the flow: things before a cut group and things after it may come to lie in line.
  const wide = new Set(layout.along(number) ? [...view.cutGroups, ...view.around] : []), end = beside.breaks.length - 1;
  const [lows, highs] = ranks.node, [froms, tos] = beside.ranks.node;
  for (const i of view.nodes) box(lows[i], highs[i], froms[i], tos[i]);
  const [begin, till] = view.ends[number], [from, to] = view.ends[1 - number];
  view.folded.forEach((g, k) => {
    if (wide.has(g)) box(begin[k], till[k], 0, end);
    else box(begin[k], till[k], from[k], to[k]);
  });
  for (const g of view.open) {
    const low = ranks.frame[0][g], high = ranks.frame[1][g];
    const [first, last] = wide.has(g) ? [0, end] : [beside.ranks.frame[0][g], beside.ranks.frame[1][g]];
    const free = [across[first] - roomAcross, across[last] + roomAcross];
    const length = Math.min(breaks[high] - breaks[low], folded[number][g]);
    if (isNear(low, low)) things.add(low, low, ...free, room, before, OPENS);
    if (isNear(low, high)) things.add(high, high, ...free, after, room, CLOSES, low, length);
  }
  for (const edge of view.whole) {
    for (let k = lines.first[edge]; k < lines.first[edge + 1]; k++) line(lines.line[k], lines.from[k], lines.to[k]);
  }
  for (const wire of view.cut) eachLine(axes, number, wire, line);
  return { things, cells: beside.breaks.length ? Math.ceil(beside.breaks[beside.breaks.length - 1] / CELL) + 1 : 1 };
}

/** The room between the borders of a frame and its content, on an axis. */
const borders = ({ options }, number) => ({ before: number === 1 ? options.header : options.padding, after: options.padding });

function totals({ breaks, to: column }, kept, span) {
  const to = column.subarray(0, breaks.length), length = i => (kept ? kept[i] : breaks[i + 1] - breaks[i]);
  if (!to.length) return { to, span, end: 0 };
  let at = 0;
  for (let i = 0; i < span.first; i++) at -= length(i);
  to[0] = at;
  for (let i = 1; i < to.length; i++) to[i] = at += length(i - 1);
  return { to, span, end: to[span.last] };
}

/** Put the result together, in px. */
function collect(layout, axes, maps, views, all, ends, moved) {
  const nodes = { ...layout.boxes.nodes }, groups = { ...layout.boxes.groups, state: all.state };
  nodes.visible.fill(0);
  for (const i of all.nodes) nodes.visible[i] = 1;
  const put = (place, size, at, low, high) => {
    place[at] = low / 10;
    size[at] = (high - low) / 10;
  };
  [["x", "w"], ["y", "h"]].forEach(([place, size], axis) => {
    const { ranks: { node, frame }, limits } = axes[axis];
    maps[axis].forEach(({ to }, k) => {
      const view = views[axis][k], [begin, end] = view.ends[axis];
      for (const i of view.nodes) put(nodes[place], nodes[size], i, to[node[0][i]], to[node[1][i]]);
      for (const g of view.open) put(groups[place], groups[size], g, to[frame[0][g]], to[frame[1][g]]);
      view.folded.forEach((g, i) => {
        if (view.isNear[i]) put(groups[place], groups[size], g, to[Math.max(begin[i], limits[0][g])], to[Math.min(end[i], limits[1][g])]);
      });
    });
  });
  const { across } = layout;
  for (const [group, low, high] of moved) put(groups["xy"[across]], groups["wh"[across]], group, low, high);
  layout.frame.maps = maps;
  const edgesIn = (...window) => boxesIn(all.wires, axes, maps, window);
  return { nodes, groups, edges: all.wires, edgesIn, width: ends[0] / 10, height: ends[1] / 10 };
}
