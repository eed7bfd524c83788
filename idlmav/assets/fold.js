/**
 * Folds groups of a layout in the browser: the same, to 0.1 px, as idlmav/layout/folding.py, which says what it does.
 *
 * Everything that depends on the layout alone is computed once: the coordinates that matter are sorted, and a fold works
 * with their ranks. Inside, all lengths are tenths of a px, whole numbers.
 */

import { CELL, Things, keepApart, keptAlways, makeScratch, rankOf, sortedDistinct } from "./contraction.js";
import { Pairs, Wire, boxesIn, eachLine, wholeLines, wireRanks } from "./wires.js";

const SPACING = { rankGap: 30, nodeGap: 20, trackGap: 8, portGap: 12, padding: 12, header: 20 };
const HIDDEN = 0, OPEN = 1, FOLDED = 2;
const OPENS = 1, CLOSES = 2;

const tenths = value => Math.floor(value * 10 + 0.5);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/**
 * Prepare a layout for folding.
 *
 * @param {object} data What `idlmav.layout.columns` returns.
 * @returns {function(Uint8Array): object} Takes a flag per group (1 is folded); returns what is visible and where:
 *   `nodes` {x, y, w, h, visible}, `groups` {x, y, w, h, state: 0 hidden, 1 open frame, 2 folded box},
 *   `edges` [{source: {group, index}, target: {group, index}, edges: [index], xs, ys}], `width`, `height`,
 *   `edgesIn(left, top, right, bottom)`: numbers of the edges there. The next call writes into the same columns and
 *   edges; where something hidden lies means nothing.
 */
export function makeFolder(data) {
  const layout = readLayout(data);
  const ports = mainPorts(layout);
  const axes = [0, 1].map(axis => makeAxis(layout, ports, axis));
  const first = layout.along(0) ? 0 : 1;
  layout.frame = { layout, axes, maps: [] };
  layout.whole = wholeWires(layout);
  layout.short = Uint8Array.from(layout.whole, wire => (wire.short ? 1 : 0));
  layout.long = new Int32Array(layout.edgeCount);
  [layout.outGroup, layout.intoGroup] = [layout.source, layout.target].map(ends => ends.map(node => layout.nodeGroup[node]));
  // The edges that were cut last time, by number: most are cut at the same groups again.
  layout.cuts = [];
  layout.pairs = new Pairs(layout.edgeCount);
  for (const axis of axes) axis.lines = wholeLines(layout, axes, axis.axis);
  const columns = count => Object.fromEntries(Array.from("xywh", name => [name, new Float64Array(count)]));
  layout.boxes = { nodes: { ...columns(layout.nodeCount), visible: new Uint8Array(layout.nodeCount) }, groups: columns(layout.groupCount) };
  layout.nodeEnds = Array.from({ length: layout.nodeCount }, (_, index) => ({ group: false, index }));
  layout.groupEnds = Array.from({ length: layout.groupCount }, (_, index) => ({ group: true, index }));
  return flags => {
    const { holder, state } = groupStates(layout, flags);
    const shown = { holder, state, ...visibleWires(layout, holder, ports) };
    shown.cores = axes.map(axis => findCores(axis, shown, layout.groupCount));
    const maps = [];
    for (const axis of [first, 1 - first]) maps[axis] = mapAxis(layout, axes, axis, shown, maps[1 - axis]);
    return collect(layout, axes, maps, shown);
  };
}

/** Copy the columns into typed arrays; index 0 of each pair is x, 1 is y. */
function readLayout({ nodes, groups, edges, direction, spacing }) {
  const whole = column => Int32Array.from(column, tenths);
  const boxes = columns => [["x", "w"], ["y", "h"]].map(([start, length]) => {
    const low = whole(columns[start]);
    return { low, high: low.map((value, i) => value + tenths(columns[length][i])) };
  });
  const options = Object.fromEntries(Object.entries({ ...SPACING, ...spacing }).map(([name, px]) => [name, tenths(px)]));
  const transposed = direction === "right" || direction === "left";
  const along = axis => (axis === 0) === transposed;
  return {
    nodes: boxes(nodes), nodeGroup: Int32Array.from(nodes.group), nodeCount: nodes.group.length,
    frames: boxes(groups), parent: Int32Array.from(groups.parent), groupCount: groups.parent.length,
    folded: [whole(groups.foldedW), whole(groups.foldedH)],
    source: Int32Array.from(edges.source), target: Int32Array.from(edges.target),
    start: Int32Array.from(edges.start), edgeCount: edges.source.length,
    points: [whole(edges.xs), whole(edges.ys)],
    along, mirrored: direction === "up" || direction === "left", options,
    room: axis => Math.floor((along(axis) ? options.rankGap : options.nodeGap) / 2 + 0.5),
    clearance: axis => Math.floor((along(axis) ? options.trackGap : options.portGap) / 2 + 0.5),
  };
}

/** The first point of a route, from `from` on in steps of `step`, that lies outside a group's frame. */
function firstOutside({ frames: [fx, fy], points: [xs, ys] }, group, from, end, step) {
  const left = fx.low[group], right = fx.high[group], top = fy.low[group], bottom = fy.high[group];
  let at = from;
  while (at !== end && xs[at] >= left && xs[at] <= right && ys[at] >= top && ys[at] <= bottom) at += step;
  return at;
}

/**
 * Where, across the flow, the main port of every group lies: the first place at which an edge enters and one leaves,
 * else the last at which one enters, else the last at which one leaves, else null.
 */
function mainPorts(layout) {
  const { parent, nodeGroup, source, target, start, frames, points, groupCount, edgeCount } = layout;
  const axis = layout.along(0) ? 1 : 0;
  const crossings = Array.from({ length: groupCount }, () => ({ entering: [], leaving: [] }));
  const depth = new Int32Array(groupCount + 1);
  for (let g = 0; g < groupCount; g++) depth[g] = parent[g] < 0 ? 1 : depth[parent[g]] + 1;
  const place = (group, at) => clamp(points[axis][at], frames[axis].low[group], frames[axis].high[group]);
  for (let e = 0; e < edgeCount; e++) {
    let out = nodeGroup[source[e]], into = nodeGroup[target[e]];
    let first = start[e], last = start[e + 1] - 1;
    while (out !== into) {
      // Climb on the side that is deeper, until both are in the same group.
      if (out >= 0 && (into < 0 || depth[out] >= depth[into])) {
        first = firstOutside(layout, out, first, start[e + 1], 1);
        crossings[out].leaving.push(place(out, first));
        out = parent[out];
      } else {
        last = firstOutside(layout, into, last, start[e] - 1, -1);
        crossings[into].entering.push(place(into, last));
        into = parent[into];
      }
    }
  }
  return crossings.map(({ entering, leaving }) => {
    const leavingAt = new Set(leaving);
    return entering.find(at => leavingAt.has(at)) ?? entering.at(-1) ?? leaving.at(-1) ?? null;
  });
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
  return { axis, breaks, ranks, buffer, things, ...makeScratch(breaks.length) };
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

/** The edges as they are drawn while neither end is in a folded group. */
function wholeWires({ frame, start, edgeCount, points: [xs, ys], room, along }) {
  const near = 2 * room(along(0) ? 0 : 1);
  return Array.from({ length: edgeCount }, (_, edge) => {
    const first = start[edge], last = start[edge + 1] - 1;
    const length = Math.abs(xs[last] - xs[first]) + Math.abs(ys[last] - ys[first]);
    return new Wire(frame, edge, -1, -1, first, last, 0, last === first + 1 && length <= near);
  });
}

/**
 * The edges to draw: `wires`, of which some are `cut` at folded groups, and the numbers of those drawn `whole`, without
 * the short ones: the boxes at both ends of a short straight line need more room than it does, up to its middle. And the
 * edges that are `merged` into them.
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
    const known = cut[at];
    if (known === undefined) {
      wire.at = wires.push(wire) - 1;
      cut.push(wire);
      continue;
    }
    known.edges.push(e);
    if (wire.detour >= known.detour) {
      merged.push(wire);
      continue;
    }
    merged.push(known);
    [wire.at, wire.edges, known.edges] = [known.at, known.edges, [known.edge]];
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

/** How far from the main port of a folded group a route crosses its frame; 0 if there is no group. */
function fromPort({ along, points, frames }, ports, group, at) {
  if (group < 0 || ports[group] === null) return 0;
  const axis = along(0) ? 1 : 0;
  return Math.abs(clamp(points[axis][at], frames[axis].low[group], frames[axis].high[group]) - ports[group]);
}

/** Ranks, on an axis, of every folded group's core: its own stretch and where the drawn edges cross its frame. */
function findCores(axis, { state, cut }, groupCount) {
  const { own, frame, point } = axis.ranks;
  const low = own[0].slice(), high = own[1].slice();
  const reach = (group, at) => {
    const isBefore = point[0][at] < frame[0][group], isAfter = point[0][at] > frame[1][group];
    const before = isBefore ? frame[0][group] : isAfter ? frame[3][group] : point[1][at];
    const after = isBefore ? frame[2][group] : isAfter ? frame[1][group] : point[2][at];
    if (before < low[group]) low[group] = before;
    if (after > high[group]) high[group] = after;
  };
  for (const wire of cut) {
    if (wire.out >= 0) reach(wire.out, wire.first);
    if (wire.into >= 0) reach(wire.into, wire.last);
  }
  for (let g = 0; g < groupCount; g++) {
    if (state[g] !== FOLDED) continue;
    low[g] = Math.max(low[g], frame[0][g]);
    high[g] = Math.min(high[g], frame[1][g]);
  }
  return [low, high];
}

/** Where every coordinate of an axis goes, by rank; the other axis is mapped already, or not yet. */
function mapAxis(layout, axes, number, shown, other) {
  const axis = axes[number], { breaks, ranks } = axis;
  const zoned = axis.zoned.fill(0), rigid = axis.rigid.fill(0);
  const span = { first: breaks.length - 1, last: 0 };
  const see = (low, high) => {
    if (low < span.first) span.first = low;
    if (high > span.last) span.last = high;
  };
  const cover = (counts, low, high) => { counts[low]++; counts[high]--; };
  const { holder, state, cores } = shown;
  const [low, high] = ranks.node;
  for (let i = 0; i < layout.nodeCount; i++) {
    if (isHidden(layout, holder, i)) continue;
    cover(rigid, low[i], high[i]);
    see(low[i], high[i]);
  }
  for (let g = 0; g < layout.groupCount; g++) {
    if (state[g] === OPEN) see(ranks.frame[0][g], ranks.frame[1][g]);
    else if (state[g] === FOLDED) {
      cover(rigid, ranks.own[0][g], ranks.own[1][g]);
      cover(zoned, ranks.frame[0][g], ranks.frame[1][g]);
      see(cores[number][0][g], cores[number][1][g]);
    }
  }
  const { buffer, lines } = axis;
  for (const edge of shown.whole) see(lines.low[edge], lines.high[edge]);
  for (const wire of shown.cut) {
    coverPort(ranks, wire.out, wire.first, rigid);
    coverPort(ranks, wire.into, wire.last, rigid);
    const count = wireRanks(axis, wire, buffer);
    for (let i = 0; i < count; i++) see(buffer[i], buffer[i]);
  }
  for (const wire of shown.merged) {
    eachLine(axes, number, wire, (_line, _from, _to, point) => cover(zoned, ranks.point[1][point], ranks.point[2][point]));
  }
  const kept = keptAlways(axis);
  if (kept) {
    const { things, cells } = findThings(layout, axes, number, shown, other);
    keepApart(axis, things, cells);
  }
  return totals(axis, kept, span);
}

/** What must be free beside a point at which an edge ends on the side of a folded group. */
function coverPort({ frame, point }, group, at, rigid) {
  if (group < 0 || point[0][at] <= frame[0][group] || point[0][at] >= frame[1][group]) return;
  rigid[Math.max(frame[0][group], point[1][at])]++;
  rigid[Math.min(frame[1][group], point[2][at])]--;
}

const isHidden = ({ nodeGroup }, holder, node) => nodeGroup[node] >= 0 && holder[nodeGroup[node]] >= 0;
/** What is visible and not far from any stretch that may grow. */
function findThings(layout, axes, number, shown, other) {
  const { breaks, ranks } = axes[number], beside = axes[1 - number];
  const { nodeCount, groupCount, options } = layout, { holder, state, cores, whole, cut } = shown;
  const across = other ? other.to : beside.breaks;
  const room = layout.room(number), clearance = layout.clearance(number);
  const roomAcross = layout.room(1 - number), clearanceAcross = layout.clearance(1 - number);
  const header = number === 1 ? options.header : options.padding;
  const { looseBefore, begins, things, lines } = axes[number];
  things.count = 0;
  const most = Math.max(2 * room, 2 * clearance, header, options.padding);
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
  const [lows, highs] = ranks.node, [froms, tos] = beside.ranks.node;
  for (let i = 0; i < nodeCount; i++) {
    if (!isHidden(layout, holder, i)) box(lows[i], highs[i], froms[i], tos[i]);
  }
  for (let g = 0; g < groupCount; g++) {
    if (state[g] !== FOLDED) continue;
    box(cores[number][0][g], cores[number][1][g], cores[1 - number][0][g], cores[1 - number][1][g]);
  }
  for (let g = 0; g < groupCount; g++) {
    if (state[g] !== OPEN) continue;
    const low = ranks.frame[0][g], high = ranks.frame[1][g];
    const from = across[beside.ranks.frame[0][g]] - roomAcross, to = across[beside.ranks.frame[1][g]] + roomAcross;
    const length = Math.min(breaks[high] - breaks[low], layout.folded[number][g]);
    if (isNear(low, low)) things.add(low, low, from, to, room, header, OPENS);
    if (isNear(low, high)) things.add(high, high, from, to, options.padding, room, CLOSES, low, length);
  }
  for (const edge of whole) {
    for (let k = lines.first[edge]; k < lines.first[edge + 1]; k++) line(lines.line[k], lines.from[k], lines.to[k]);
  }
  for (const wire of cut) eachLine(axes, number, wire, line);
  return { things, cells: beside.breaks.length ? Math.ceil(beside.breaks[beside.breaks.length - 1] / CELL) + 1 : 1 };
}

function totals({ breaks, to: column }, kept, span) {
  const to = column.subarray(0, breaks.length);
  if (!to.length) return { to, end: 0 };
  let at = kept ? 0 : breaks[0] - breaks[span.first];
  if (kept) for (let i = 0; i < span.first; i++) at -= kept[i];
  to[0] = at;
  for (let i = 1; i < to.length; i++) to[i] = at += kept ? kept[i - 1] : breaks[i] - breaks[i - 1];
  return { to, end: to[span.last] };
}

/** Put the result together, in px. */
function collect(layout, axes, maps, shown) {
  const { nodeCount, groupCount } = layout, { holder, state, cores, wires } = shown;
  const nodes = { ...layout.boxes.nodes }, groups = { ...layout.boxes.groups, state };
  for (let i = 0; i < nodeCount; i++) nodes.visible[i] = isHidden(layout, holder, i) ? 0 : 1;
  [["x", "w"], ["y", "h"]].forEach(([place, size], axis) => {
    const { ranks } = axes[axis], { to } = maps[axis];
    placeNodes(ranks.node, to, nodes.visible, nodes[place], nodes[size]);
    for (let g = 0; g < groupCount; g++) {
      const [low, high] = state[g] === FOLDED ? cores[axis] : ranks.frame;
      groups[place][g] = to[low[g]] / 10;
      groups[size][g] = (to[high[g]] - to[low[g]]) / 10;
    }
  });
  layout.frame.maps = maps;
  const edgesIn = (...window) => boxesIn(wires, axes, maps, window);
  return { nodes, groups, edges: wires, edgesIn, width: maps[0].end / 10, height: maps[1].end / 10 };
}

function placeNodes([low, high], to, visible, place, size) {
  for (let i = 0; i < visible.length; i++) {
    if (!visible[i]) continue;
    place[i] = to[low[i]] / 10;
    size[i] = (to[high[i]] - to[low[i]]) / 10;
  }
}
