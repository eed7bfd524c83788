/**
 * The lines of edges as ranks of coordinates: of whole edges, found once, and of edges that end at a folded group.
 */

/** Rank, on an axis, of where a wire is cut: a point's own coordinate, or the border that it lies beyond. */
function cutRank({ ranks: { frame, point } }, group, at) {
  return Math.min(Math.max(point[0][at], frame[0][group]), frame[1][group]);
}

/** Ranks of a wire's points on an axis, its cut ends included. */
export function wireRanks(axis, wire, ranks) {
  let count = 0;
  if (wire.out >= 0) ranks[count++] = cutRank(axis, wire.out, wire.first);
  for (let at = wire.first; at <= wire.last; at++) ranks[count++] = axis.ranks.point[0][at];
  if (wire.into >= 0) ranks[count++] = cutRank(axis, wire.into, wire.last);
  return count;
}

/** Call back for every line of a wire across an axis: its rank, ranks of its ends on the other axis, a point on it. */
export function eachLine(axes, number, wire, call) {
  const on = axes[number], beside = axes[1 - number];
  const cut = wire.out >= 0 ? 1 : 0, count = wire.last - wire.first + 1 + cut + (wire.into >= 0 ? 1 : 0);
  let before = -1, beforeBeside = -1, beforePoint = -1;
  for (let i = 0; i < count; i++) {
    const isOut = cut && i === 0, isInto = wire.into >= 0 && i === count - 1;
    const point = isOut ? wire.first : isInto ? wire.last : wire.first + i - cut;
    const group = isOut ? wire.out : wire.into;
    const here = isOut || isInto ? cutRank(on, group, point) : on.ranks.point[0][point];
    const hereBeside = isOut || isInto ? cutRank(beside, group, point) : beside.ranks.point[0][point];
    if (here === before) {
      const onLine = on.ranks.point[0][point] === here ? point : beforePoint;
      call(here, Math.min(beforeBeside, hereBeside), Math.max(beforeBeside, hereBeside), onLine);
    }
    before = here; beforeBeside = hereBeside; beforePoint = point;
  }
}


/** The lines of all edges across an axis while nothing is folded, as columns, and the ranks between which they lie. */
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

/** An edge of one folding state; its route is worked out when it is asked for, since few edges are on the screen. */
export class DrawnEdge {
  constructor(wire, frame) {
    this.wire = wire;
    this.frame = frame;
  }

  get source() {
    const { wire, frame: { layout } } = this;
    return wire.out >= 0 ? layout.groupEnds[wire.out] : layout.nodeEnds[layout.source[wire.edge]];
  }

  get target() {
    const { wire, frame: { layout } } = this;
    return wire.into >= 0 ? layout.groupEnds[wire.into] : layout.nodeEnds[layout.target[wire.edge]];
  }

  get edges() { return this.wire.edges; }
  get xs() { return this.along(0); }
  get ys() { return this.along(1); }

  toJSON() {
    const { source, target, edges, xs, ys } = this;
    return { source, target, edges, xs, ys };
  }

  along(axis) {
    const { axes, maps } = this.frame, ranks = axes[axis].buffer, { to } = maps[axis];
    const count = wireRanks(axes[axis], this.wire, ranks);
    return Array.from({ length: count }, (_, i) => to[ranks[i]] / 10);
  }

  /** Left, top, right and bottom of the route. */
  get box() {
    const { wire, frame: { axes, maps } } = this, box = [0, 0, 0, 0];
    for (let axis = 0; axis < 2; axis++) {
      if (wire.out < 0 && wire.into < 0) {
        const { low, high } = axes[axis].lines;
        box[axis] = maps[axis].to[low[wire.edge]] / 10; box[axis + 2] = maps[axis].to[high[wire.edge]] / 10;
        continue;
      }
      const ranks = axes[axis].buffer, count = wireRanks(axes[axis], wire, ranks);
      let low = ranks[0], high = ranks[0];
      for (let i = 1; i < count; i++) {
        if (ranks[i] < low) low = ranks[i]; else if (ranks[i] > high) high = ranks[i];
      }
      box[axis] = maps[axis].to[low] / 10; box[axis + 2] = maps[axis].to[high] / 10;
    }
    return box;
  }
}
