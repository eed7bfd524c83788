/**
 * The monotone map of one axis that takes the least room: the twin of layout/folding/axis_map.py, which explains it.
 * Coordinates are whole numbers, tenths of a px, given by their rank among the breaks of the axis.
 */

export const CELL = 40;
const MARGIN = 16;
// With this many ranks for each thing, a comparison sort is faster than a counting sort.
const SPARSE = 64;
export const OPENS = 1;
export const CLOSES = 2;

/**
 * Columns of the visible things, filled by `add`; `low` and `high` are ranks, `from` and `to` lie across the axis.
 * No two have to be farther apart than `most`. The `kind` of the borders of a frame is OPENS or CLOSES; one that closes
 * stays `length` from the rank `since`.
 */
export class Things {
  constructor(capacity) {
    for (const name of ["low", "high", "from", "to", "before", "after", "kind", "since", "length"]) {
      this[name] = new Int32Array(capacity);
    }
    this.count = 0;
    this.most = 0;
  }

  add(low, high, from, to, before, after, kind = 0, since = 0, length = 0) {
    const at = this.count++;
    this.low[at] = low; this.high[at] = high;
    this.from[at] = Math.floor(from / CELL) + MARGIN; this.to[at] = Math.ceil(to / CELL) + MARGIN;
    this.before[at] = before; this.after[at] = after; this.kind[at] = kind;
    this.since[at] = since; this.length[at] = length;
  }
}

/** The distinct values of some columns, in order. */
export function sortedDistinct(columns) {
  const all = new Int32Array(columns.reduce((sum, column) => sum + column.length, 0));
  let at = 0;
  for (const column of columns) { all.set(column, at); at += column.length; }
  all.sort();
  return all.filter((value, i) => i === 0 || value !== all[i - 1]);
}

/** How many of the sorted values are smaller than a value. */
export function rankOf(breaks, value) {
  let low = 0, high = breaks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (breaks[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

/** Columns over the breaks of an axis, filled anew for every fold. */
export function makeScratch(count) {
  const names = ["zoned", "rigid", "kept", "base", "looseBefore", "begins", "added", "start", "to"];
  return Object.fromEntries(names.map(name => [name, new Int32Array(count + 1)]));
}

/**
 * Fill in how much of every stretch between two breaks is kept regardless of neighbours; null if that is everything.
 * Also its sums, and for every break the number (from 1; 0 is none) of the last loose stretch before it, and where the
 * next one after it begins.
 */
export function keptAlways({ breaks, zoned, rigid, kept, base, looseBefore, begins }) {
  let zones = 0, fixed = 0, sum = 0, last = 0;
  base[0] = looseBefore[0] = 0;
  for (let i = 0; i + 1 < breaks.length; i++) {
    zones += zoned[i];
    fixed += rigid[i];
    if (zones > 0 && fixed === 0) {
      kept[i] = 0;
      while (last <= i) begins[last++] = breaks[i];
    } else sum += kept[i] = breaks[i + 1] - breaks[i];
    base[i + 1] = sum;
    looseBefore[i + 1] = last;
  }
  begins.fill(1 << 30, last);
  return last ? kept : null;
}

/** Lengthen the stretches until all neighbours are far enough apart. */
export function keepApart(axis, things, cells) {
  const { breaks } = axis, stretches = new Stretches(axis), front = new Front(cells + 2 * MARGIN, things, axis);
  const { owner, starts } = front;
  for (const thing of sortedByLow(things, axis)) {
    const here = things.low[thing];
    let missing = 0;
    // Only things on the other side of a stretch that may still grow can be too near.
    const loose = stretches.lastLoose(here), isNear = loose && breaks[loose] > breaks[here] - things.most;
    const end = isNear ? things.to[thing] : 0;
    for (let at = isNear ? starts.upTo(things.from[thing]) : 0; at < end; at = starts.after(at)) {
      const other = owner[at];
      if (other < 0) continue;
      const there = things.high[other];
      if (there >= loose) continue;
      const far = distance(things, other, thing, breaks[here] - breaks[there]);
      if (far <= missing) continue;
      const short = far - stretches.between(there, here);
      if (short > missing) missing = short;
    }
    const length = things.length[thing];
    if (length) missing = Math.max(missing, length - stretches.between(things.since[thing], here));
    if (missing > 0) stretches.restore(here, missing);
    front.put(things.from[thing], things.to[thing], thing);
  }
}

function distance({ kind, after, before }, low, high, apart) {
  const needed = kind[low] === OPENS ? after[low] : kind[high] === CLOSES ? before[high] : after[low] + before[high];
  return Math.min(needed, apart);
}

/** Numbers of things by rank of their low end, of equals in the order in which they were added. */
function sortedByLow({ low, count }, { breaks, start }) {
  const ranks = breaks.length;
  if (count < ranks / SPARSE) return Float64Array.from({ length: count }, (_, i) => low[i] * count + i).sort().map(key => key % count);
  const order = new Int32Array(count);
  start.fill(0);
  for (let i = 0; i < count; i++) start[low[i] + 1]++;
  for (let i = 0; i < ranks; i++) start[i + 1] += start[i];
  for (let i = 0; i < count; i++) order[start[low[i]]++] = i;
  return order;
}

/** Sums of the kept lengths, by a Fenwick tree; the last stretch before a break that may still grow, by merged sets. */
class Stretches {
  constructor({ breaks, kept, base, looseBefore, added }) {
    Object.assign(this, { breaks, kept, base, looseBefore, added });
    added.fill(0);
  }

  between(low, high) {
    return this.base[high] - this.base[low] + this.addedBefore(high) - this.addedBefore(low);
  }

  addedBefore(rank) {
    let total = 0;
    for (let at = rank; at > 0; at &= at - 1) total += this.added[at];
    return total;
  }

  restore(rank, missing) {
    let left = missing;
    while (left > 0) {
      const number = this.lastLoose(rank);
      if (!number) return;
      const grown = Math.min(left, this.breaks[number] - this.breaks[number - 1] - this.kept[number - 1]);
      this.kept[number - 1] += grown;
      left -= grown;
      if (grown) for (let at = number; at < this.added.length; at += at & -at) this.added[at] += grown;
    }
  }

  lastLoose(rank) {
    const { looseBefore, kept, breaks } = this;
    let found = rank;
    while (found) {
      const before = looseBefore[found];
      if (before !== found) found = before;
      else if (kept[found - 1] < breaks[found] - breaks[found - 1]) break;
      else found = looseBefore[found] = looseBefore[found - 1];
    }
    for (let at = rank; at > found; ) [at, looseBefore[at]] = [looseBefore[at], found];
    return found;
  }
}

/** For every cell across the axis, the thing that reaches farthest; the last of equals. Equal cells form pieces. */
class Front {
  constructor(cells, { high }, axis) {
    this.reach = high;
    // Its values are valid only where a piece starts.
    if (!(axis.owner?.length > cells)) axis.owner = new Int32Array(cells + 1);
    this.owner = axis.owner;
    this.owner[0] = -1;
    this.starts = new SortedSet(cells + 1);
    this.starts.add(0);
  }

  put(low, high, thing) {
    const { owner, starts, reach } = this;
    for (const cut of [low, high]) {
      const piece = starts.upTo(cut);
      if (piece !== cut) { starts.add(cut); owner[cut] = owner[piece]; }
    }
    let previous = -1;
    for (let at = low, next; at < high; at = next) {
      next = starts.after(at);
      if (owner[at] < 0 || reach[owner[at]] <= reach[thing]) owner[at] = thing;
      if (owner[at] === previous) starts.remove(at);
      else previous = owner[at];
    }
  }
}

/** A set of whole numbers below a limit that finds the next and previous member fast: a tree of 32-bit words. */
class SortedSet {
  constructor(limit) {
    this.levels = [];
    for (let size = limit; ; size = (size + 31) >>> 5) {
      this.levels.push(new Int32Array((size + 31) >>> 5));
      if (size <= 32) break;
    }
    this.limit = limit;
  }

  add(value) {
    let at = value;
    for (const level of this.levels) { level[at >>> 5] |= 1 << (at & 31); at >>>= 5; }
  }

  remove(value) {
    let at = value;
    for (const level of this.levels) {
      if (level[at >>> 5] &= ~(1 << (at & 31))) return;
      at >>>= 5;
    }
  }

  /** The largest member that is not above a value; there must be one. */
  upTo(value) {
    let at = value, depth = 0;
    for (; ; depth++) {
      const bits = this.levels[depth][at >>> 5] & (-1 >>> (31 - (at & 31)));
      if (bits) { at = (at & ~31) | (31 - Math.clz32(bits)); break; }
      at = (at >>> 5) - 1;
    }
    while (depth--) at = (at << 5) | (31 - Math.clz32(this.levels[depth][at]));
    return at;
  }

  /** The smallest member above a value, or the limit. */
  after(value) {
    let at = value + 1, depth = 0;
    for (; ; depth++) {
      if (depth === this.levels.length || at >>> 5 >= this.levels[depth].length) return this.limit;
      const bits = this.levels[depth][at >>> 5] & (-1 << (at & 31));
      if (bits) { at = (at & ~31) | (31 - Math.clz32(bits & -bits)); break; }
      at = (at >>> 5) + 1;
    }
    while (depth--) at = (at << 5) | (31 - Math.clz32(this.levels[depth][at] & -this.levels[depth][at]));
    return at;
  }
}
