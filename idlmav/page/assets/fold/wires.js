/** The lines of edges as ranks of coordinates: of whole edges, found once, and of edges cut at folded groups. */

import { rankOf } from "./axis_map.js";

/** Rank, on an axis, of the point at which a wire is cut: its coordinate, or the border that it lies beyond. */
export function cutRank({ ranks: { frame, point } }, group, at, [low, high] = frame) {
  return Math.min(Math.max(point[0][at], low[group]), high[group]);
}

/** Write the ranks of a wire's points on an axis, with the ends at the frames, or other limits, of groups. */
export function wireRanks(axis, wire, ranks, limits) {
  let count = 0;
  if (wire.out >= 0) ranks[count++] = cutRank(axis, wire.out, wire.first, limits);
  for (let at = wire.first; at <= wire.last; at++) ranks[count++] = axis.ranks.point[0][at];
  if (wire.into >= 0) ranks[count++] = cutRank(axis, wire.into, wire.last, limits);
  return count;
}

/** Call back for every line of a wire across an axis: its rank, ranks of its ends on the other axis, a point on it. */
export function eachLine(axes, number, wire, call) {
  const on = axes[number], beside = axes[1 - number], { buffer: here } = on, { buffer: there } = beside;
  const { first, last } = wire, cut = wire.out >= 0 ? 1 : 0, count = wireRanks(on, wire, here);
  wireRanks(beside, wire, there);
  for (let i = 1; i < count; i++) {
    if (here[i] !== here[i - 1]) continue;
    const point = i === count - 1 ? last : first + i - cut;
    const before = cut && i === 1 ? first : first + i - 1 - cut;
    const isOn = on.ranks.point[0][point] === here[i];
    call(here[i], Math.min(there[i - 1], there[i]), Math.max(there[i - 1], there[i]), isOn ? point : before);
  }
}

/** The lines of all edges across an axis while nothing is folded, as columns, and the extents of edges in ranks. */
export function wholeLines({ start, edgeCount }, axes, number) {
  const point = axes[number].ranks.point[0], beside = axes[1 - number].ranks.point[0];
  const [first, low, high] = [edgeCount + 1, edgeCount, edgeCount].map(count => new Int32Array(count));
  const [line, from, to] = [0, 0, 0].map(() => new Int32Array(point.length));
  let count = 0;
  for (let edge = 0; edge < edgeCount; edge++) {
    first[edge] = count;
    low[edge] = high[edge] = point[start[edge]];
    for (let at = start[edge] + 1; at < start[edge + 1]; at++) {
      low[edge] = Math.min(low[edge], point[at]);
      high[edge] = Math.max(high[edge], point[at]);
      if (point[at] !== point[at - 1]) continue;
      line[count] = point[at];
      from[count] = Math.min(beside[at - 1], beside[at]);
      to[count++] = Math.max(beside[at - 1], beside[at]);
    }
  }
  first[edgeCount] = count;
  return { first, line, from, to, low, high };
}

/**
 * The visible part of an edge: from one point of its route to another, cut at folded groups `out` and `into` (-1: none).
 * Its coordinates are computed on demand, since few edges are on the screen.
 */
export class Wire {
  constructor(frame, edge, out, into, first, last, detour, short) {
    this.frame = frame;
    this.edge = edge;
    this.out = out;
    this.into = into;
    this.first = first;
    this.last = last;
    this.detour = detour;
    this.short = short;
    this.edges = [edge];
    this.at = this.band = 0;
  }

  get source() { return this.end(this.out, "source"); }
  get target() { return this.end(this.into, "target"); }

  end(group, name) {
    const { layout } = this.frame;
    return group >= 0 ? layout.groupEnds[group] : layout.nodeEnds[layout[name][this.edge]];
  }

  get xs() { return this.along(0); }
  get ys() { return this.along(1); }

  toJSON() {
    const { source, target, edges, xs, ys } = this;
    return { source, target, edges, xs, ys };
  }

  along(number) {
    const { axes, maps: { [number]: maps } } = this.frame, ranks = axes[number].buffer;
    const { to } = maps[Math.min(this.band, maps.length - 1)];
    const count = wireRanks(axes[number], this, ranks, axes[number].limits);
    return Array.from({ length: count }, (_, i) => to[ranks[i]] / 10);
  }
}

/** Numbers for pairs of ends, in the order in which they are added; equal pairs have the same number. */
export class Pairs {
  constructor(most) {
    this.bits = 32 - Math.clz32(2 * most + 1);
    this.table = new Int32Array(1 << this.bits);
    this.from = new Int32Array(most);
    this.to = new Int32Array(most);
    this.count = 0;
  }

  clear() {
    this.table.fill(-1);
    this.count = 0;
  }

  add(from, to) {
    const { table, bits } = this, mask = table.length - 1;
    let slot = (Math.imul(from, 0x9e3779b1) + Math.imul(to, 0x85ebca6b)) >>> (32 - bits);
    for (; table[slot] >= 0; slot = (slot + 1) & mask) {
      if (this.from[table[slot]] === from && this.to[table[slot]] === to) return table[slot];
    }
    this.from[this.count] = from;
    this.to[this.count] = to;
    return (table[slot] = this.count++);
  }
}

/** Numbers of the wires whose boxes overlap a window, given by its left, top, right and bottom in px. */
export function boxesIn(wires, axes, maps, window) {
  // A map keeps the order, so ranks can be compared.
  const [inX, inY] = maps.map((bands, axis) => bands.map(({ to }) =>
    [rankOf(to, window[axis] * 10), rankOf(to, window[axis + 2] * 10 + 0.5) - 1]));
  const [x, y] = axes, found = [];
  for (let k = 0; k < wires.length; k++) {
    const wire = wires[k], { edge, band } = wire;
    const [fromX, toX] = inX[inX.length > 1 ? band : 0], [fromY, toY] = inY[inY.length > 1 ? band : 0];
    const isIn = wire.out < 0 && wire.into < 0
      ? y.lines.high[edge] >= fromY && y.lines.low[edge] <= toY && x.lines.high[edge] >= fromX && x.lines.low[edge] <= toX
      : reaches(y, wire, fromY, toY) && reaches(x, wire, fromX, toX);
    if (isIn) found.push(k);
  }
  return found;
}

/** Whether any part of a wire lies between two ranks of an axis. */
function reaches(axis, wire, from, to) {
  const { buffer } = axis, count = wireRanks(axis, wire, buffer, axis.limits);
  let before = false, after = false;
  for (let i = 0; i < count; i++) {
    if (buffer[i] >= from) before = true;
    if (buffer[i] <= to) after = true;
  }
  return before && after;
}
