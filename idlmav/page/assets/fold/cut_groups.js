/**
 * Folded groups beside which nothing lies, and the bands between them: the same, to 0.1 px, as idlmav/layout/necks.py,
 * which says what they are for.
 */

import { clamp } from "./borders.js";
import { rankOf } from "./axis_map.js";
import { cutRank } from "./wires.js";

/**
 * Finds the necks among the groups that are folded.
 *
 * `passed` flags groups that data enter at one end and leave at the other; `touching` counts the edges with an end in
 * each.
 */
export class Necks {
  constructor(layout, axes, { passed, touching }) {
    Object.assign(this, { layout, axes, passed, touching, alone: null });
    this.along = layout.along(0) ? 0 : 1;
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

  // Groups beside which nothing lies, neither beside any frame around them: as many things begin before they end, and
  // have not ended when they begin, as are in them or around them.
  findAlone() {
    const { axes: { [this.along]: { breaks, ranks, lines } }, touching, layout: { parent, nodeGroup, nodeCount, edgeCount } } = this;
    const count = parent.length, alone = new Uint8Array(count), within = new Int32Array(count), depth = new Int32Array(count);
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
      depth[g] = parent[g] < 0 ? 0 : depth[parent[g]] + 1;
      const beside = begun[ranks.frame[1][g]] - ended[ranks.frame[0][g] + 1];
      alone[g] = beside === within[g] + touching[g] + depth[g] && (parent[g] < 0 || alone[parent[g]]) ? 1 : 0;
    }
    return alone;
  }

  // The open frames around necks, parents first.
  around(necks) {
    const { parent } = this.layout, found = new Set();
    for (const neck of necks) for (let g = parent[neck]; g >= 0 && !found.has(g); g = parent[g]) found.add(g);
    return [...found].sort((a, b) => a - b);
  }

  // What lies before, between and after the necks, without the frames around those; wires are told their band. `near`
  // and `far` are the ends, across the flow, of those parts of cores where the data enter, and of necks where they leave.
  split(all, near, far) {
    const { layout: { frames, nodes, points, start, mirrored }, along } = this, { low, high } = frames[along];
    const starts = all.necks.map(g => low[g]), flow = all.ends[along];
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
    const outer = new Set(all.around), isNeck = new Set(all.necks);
    for (const i of all.nodes) at(nodes[along].low[i]).nodes.push(i);
    for (const g of all.open) if (!outer.has(g)) at(low[g]).open.push(g);
    all.folded.forEach((g, k) => {
      const [front, back] = mirrored ? [high[g], low[g]] : [low[g], high[g]];
      add(at(front), k, true, near);
      if (isNeck.has(g)) add(at(back), k, false, far);
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

  // Moves the maps of the bands, so that the line through each neck is straight if that can be; returns where `groups`
  // lie then that are in several bands, and where the picture ends.
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
    for (const g of all.necks) groups.push([g, ...cores.get(g)]);
    return { groups, end: last - first };
  }

  // How far every band moves across the flow, so that the line through each neck is straight unless that makes the
  // picture more than an eighth wider than its widest band.
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

  // For every neck, how much farther the line before it lies than the one after it.
  bends({ necks, cut }, maps, fromPort) {
    const { layout: { mirrored }, axes } = this, axis = axes[1 - this.along];
    const numbers = new Map(necks.map((g, k) => [g, k]));
    const best = necks.map(() => [null, null]);
    const appearance = (group, at, isLeaving) => {
      const k = numbers.get(group);
      if (k === undefined) return;
      const side = isLeaving !== mirrored ? 1 : 0, far = fromPort(group, at);
      if (best[k][side] === null || far < best[k][side].far) best[k][side] = { far, rank: cutRank(axis, group, at) };
    };
    for (const wire of cut) {
      if (wire.out >= 0) appearance(wire.out, wire.first, true);
      if (wire.into >= 0) appearance(wire.into, wire.last, false);
    }
    return best.map(([before, after], k) => maps[k].to[before.rank] - maps[k + 1].to[after.rank]);
  }

  // Where the frames around necks lie across the flow: around what is in them; and where the picture begins and ends.
  frames({ around }, bands, maps, { before, after }) {
    const { layout, axes, along } = this, { parent, points, start, nodes } = layout, { low, high } = layout.frames[along];
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
      for (const edge of band.whole) {
        const place = flow.breaks[flow.lines.low[edge]];
        if (innermost(place) === innermost(flow.breaks[flow.lines.high[edge]])) see(place, lines.low[edge], lines.high[edge]);
        else for (let p = start[edge]; p < start[edge + 1]; p++) see(points[along][p], ranks.point[0][p]);
      }
      for (const { out, into, first, last } of band.cut) {
        const cut = (group, at) => see(flow.breaks[cutRank(flow, group, at)], cutRank(axis, group, at));
        if (out >= 0) cut(out, first);
        for (let p = first; p <= last; p++) see(points[along][p], ranks.point[0][p]);
        if (into >= 0) cut(into, last);
      }
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
