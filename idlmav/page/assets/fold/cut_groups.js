/** Cut groups, and the bands between them: the twin of layout/folding/cut_groups.py, which explains them. */

import { clamp } from "./borders.js";
import { rankOf } from "./axis_map.js";
import { cutRank, wireRanks } from "./wires.js";

/** Finds the cut groups among the folded groups, and aligns the bands; `passed` and `touching` as in borders.js. */
export class CutGroups {
  constructor(layout, axes, { passed, touching }) {
    Object.assign(this, { layout, axes, passed, touching, alone: null });
    this.along = layout.flow;
  }

  find({ state }) {
    const { layout, passed } = this;
    if (layout.turned) return [];
    const found = [];
    for (let g = 0; g < state.length; g++) {
      if (state[g] === 2 && passed[g] && (this.alone ??= this.findAlone())[g]) found.push(g);
    }
    const { low } = layout.frames[this.along];
    return found.sort((a, b) => low[a] - low[b]);
  }

  // Flag the groups with nothing beside them, nor beside any frame around them: exactly the things in them and around them
  // begin before they end and have not ended when they begin.
  findAlone() {
    const { axes: { [this.along]: { breaks, ranks, lines } }, touching, layout: { parent, depth, nodeGroup, nodeCount, edgeCount } } = this;
    const count = parent.length, alone = new Uint8Array(count), within = new Int32Array(count);
    const begun = new Int32Array(breaks.length + 1), ended = new Int32Array(breaks.length + 1);
    const add = (low, high) => { begun[low + 1]++; ended[high + 1]++; };
    for (let i = 0; i < nodeCount; i++) {
      add(ranks.node[0][i], ranks.node[1][i]);
      if (nodeGroup[i] >= 0) within[nodeGroup[i]]++;
    }
    for (let g = 0; g < count; g++) add(ranks.frame[0][g], ranks.frame[1][g]);
    for (let e = 0; e < edgeCount; e++) add(lines.low[e], lines.high[e]);
    for (let i = 0; i < breaks.length; i++) { begun[i + 1] += begun[i]; ended[i + 1] += ended[i]; }
    for (let g = count - 1; g >= 0; g--) {
      within[g]++;
      if (parent[g] >= 0) within[parent[g]] += within[g];
    }
    for (let g = 0; g < count; g++) {
      const beside = begun[ranks.frame[1][g]] - ended[ranks.frame[0][g] + 1];
      alone[g] = beside === within[g] + touching[g] + depth[g] - 1 && (parent[g] < 0 || alone[parent[g]]) ? 1 : 0;
    }
    return alone;
  }

  // The open frames around cut groups, parents first.
  around(cutGroups) {
    const { parent } = this.layout, found = new Set();
    for (const cutGroup of cutGroups) for (let g = parent[cutGroup]; g >= 0 && !found.has(g); g = parent[g]) found.add(g);
    return [...found].sort((a, b) => a - b);
  }

  // The things before, between and after the cut groups, without the frames around those; sets the band of wires. `near`
  // and `far` are the ends, across the flow, of the parts of cores where data enter, and of cut groups where they leave.
  split(all, near, far) {
    const { layout: { frames, nodes, points, start, mirrored }, along } = this, { low, high } = frames[along];
    const starts = all.cutGroups.map(g => low[g]), flow = all.ends[along];
    const bands = Array.from({ length: starts.length + 1 }, () => (
      { nodes: [], folded: [], isNear: [], ends: [[[], []], [[], []]], open: [], whole: [], cut: [], merged: [] }));
    const at = place => bands[rankOf(starts, place)];
    const add = (band, k, isNear, across) => {
      band.folded.push(all.folded[k]);
      band.isNear.push(isNear);
      for (const end of [0, 1]) {
        band.ends[along][end].push(flow[end][k]);
        band.ends[1 - along][end].push(across[end][k]);
      }
    };
    const outer = new Set(all.around), isCutGroup = new Set(all.cutGroups);
    for (const i of all.nodes) at(nodes[along].low[i]).nodes.push(i);
    for (const g of all.open) if (!outer.has(g)) at(low[g]).open.push(g);
    all.folded.forEach((g, k) => {
      const [front, back] = mirrored ? [high[g], low[g]] : [low[g], high[g]];
      add(at(front), k, true, near);
      if (isCutGroup.has(g)) add(at(back), k, false, far);
    });
    const bandAt = ({ out, first }) => {
      const place = points[along][first];
      return rankOf(starts, out < 0 ? place : clamp(place, low[out], high[out]));
    };
    for (const wire of all.wires) wire.band = bandAt(wire);
    for (const edge of all.whole) at(points[along][start[edge]]).whole.push(edge);
    for (const wire of all.cut) bands[wire.band].cut.push(wire);
    for (const wire of all.merged) bands[bandAt(wire)].merged.push(wire);
    return bands;
  }

  // Move the maps of the bands, so that the lines through cut groups are straight where possible; return the places of
  // `groups` that lie in several bands, and the end of the picture.
  settle(all, bands, maps, borders, fromPort) {
    const shifts = this.align(this.bends(all, maps, fromPort), maps);
    maps.forEach(({ to }, k) => { for (let i = 0; i < to.length; i++) to[i] += shifts[k]; });
    const { hulls, first, last } = this.frames(all, bands, maps, borders);
    for (const { to } of maps) for (let i = 0; i < to.length; i++) to[i] -= first;
    const groups = all.around.map(g => [g, hulls.get(g)[0] - first, hulls.get(g)[1] - first]);
    const cores = new Map();
    bands.forEach((band, k) => {
      const { to } = maps[k], [begin, end] = band.ends[1 - this.along];
      for (const [i, g] of band.folded.entries()) widen(cores, g, to[begin[i]], to[end[i]]);
    });
    for (const g of all.cutGroups) groups.push([g, ...cores.get(g)]);
    return { groups, end: last - first };
  }

  // How far every band moves across the flow; cut_groups.py says when a line stays bent.
  align(bends, maps) {
    const shifts = [0];
    let low = 0, high = maps[0].end, widest = high;
    bends.forEach((bend, k) => {
      const { end } = maps[k + 1];
      let shift = shifts[k] + bend;
      const width = Math.max(high, end + shift) - Math.min(low, shift);
      widest = Math.max(widest, end);
      if (width > high - low && 8 * width > 9 * widest) {
        shift = clamp(shift, Math.min(low, high - end), Math.max(low, high - end));
      }
      shifts.push(shift);
      [low, high] = [Math.min(low, shift), Math.max(high, end + shift)];
    });
    return shifts;
  }

  // For every cut group, how much farther the line before it lies than the line after it.
  bends({ cutGroups, cut }, maps, fromPort) {
    const { layout: { mirrored }, axes } = this, axis = axes[1 - this.along];
    const numbers = new Map(cutGroups.map((g, k) => [g, k]));
    const best = cutGroups.map(() => [null, null]);
    const note = (group, at, isLeaving) => {
      const k = numbers.get(group);
      if (k === undefined) return;
      const side = isLeaving !== mirrored ? 1 : 0, far = fromPort(group, at);
      if (best[k][side] === null || far < best[k][side].far) best[k][side] = { far, rank: cutRank(axis, group, at) };
    };
    for (const wire of cut) {
      if (wire.out >= 0) note(wire.out, wire.first, true);
      if (wire.into >= 0) note(wire.into, wire.last, false);
    }
    return best.map(([before, after], k) => maps[k].to[before.rank] - maps[k + 1].to[after.rank]);
  }

  // The hulls, across the flow, of the frames around cut groups and of the picture.
  frames({ around }, bands, maps, { before, after }) {
    const { layout, axes, along } = this, { parent, nodes } = layout, { low, high } = layout.frames[along];
    const order = around.slice().sort((a, b) => low[a] - low[b] || high[b] - high[a]), starts = order.map(g => low[g]);
    const hulls = new Map(), axis = axes[1 - along], flow = axes[along], { ranks, lines } = axis;
    const innermost = place => {
      const at = rankOf(starts, place + 1);
      let group = at ? order[at - 1] : -1;
      while (group >= 0 && high[group] < place) group = parent[group];
      return group;
    };
    bands.forEach((band, k) => {
      const { to, span } = maps[k], [begin, end] = band.ends[1 - along];
      const see = (place, from, till = from) => widen(hulls, innermost(place), to[from], to[till]);
      widen(hulls, -1, to[span.first], to[span.last]);
      if (!around.length) return;
      for (const i of band.nodes) see(nodes[along].low[i], ranks.node[0][i], ranks.node[1][i]);
      for (const g of band.open) see(low[g], ranks.frame[0][g], ranks.frame[1][g]);
      for (const i of band.folded.keys()) see(flow.breaks[band.ends[along][0][i]], begin[i], end[i]);
      const eachPoint = wire => {
        const count = wireRanks(flow, wire, flow.buffer);
        wireRanks(axis, wire, axis.buffer);
        for (let i = 0; i < count; i++) see(flow.breaks[flow.buffer[i]], axis.buffer[i]);
      };
      for (const edge of band.whole) {
        const place = flow.breaks[flow.lines.low[edge]];
        if (innermost(place) === innermost(flow.breaks[flow.lines.high[edge]])) see(place, lines.low[edge], lines.high[edge]);
        else eachPoint(layout.whole[edge]);
      }
      band.cut.forEach(eachPoint);
    });
    for (const g of around.slice().reverse()) {
      const hull = hulls.get(g), frame = layout.frames[1 - along];
      hull[0] -= before;
      hull[1] = Math.max(hull[1] + after, hull[0] + Math.min(frame.high[g] - frame.low[g], layout.folded[1 - along][g]));
      widen(hulls, parent[g], ...hull);
    }
    const [first, last] = hulls.get(-1);
    return { hulls, first, last };
  }
}

// Hulls by key: one grows to take in an interval.
function widen(hulls, key, low, high) {
  const hull = hulls.get(key);
  if (!hull) hulls.set(key, [low, high]);
  else {
    hull[0] = Math.min(hull[0], low);
    hull[1] = Math.max(hull[1], high);
  }
}
