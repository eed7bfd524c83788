// Scrolling: the share of the way scrolled is the share of the window at which table and graph show the same op, so both
// reach their ends together. A sorted table has an order of its own.

import { isReversed, isSideways } from "../base/directions.js";
import { ROW_PX } from "./grid.js";

export class TableLink {
  constructor(table) {
    this.table = table;
  }

  get linked() {
    return this.table.sort.direction === "none" && this.table.count > 0 && this.room > 0;
  }

  get room() {
    return this.table.count * ROW_PX - this.table.grid.height;
  }

  moveGraph() {
    const {linked, room, table: {graph, geometry, grid, count}} = this;
    if (!linked) return;
    const {top: scrolled} = grid;
    const share = Math.min(1, scrolled / room);
    const at = (scrolled + share * grid.height) / ROW_PX;
    const first = Math.min(count - 1, Math.floor(at));
    const [a, b] = [first, Math.min(count - 1, first + 1)].map((k) => this.middle(k));
    if (!a || !b) return;
    const mix = Math.min(1, at - first);
    const [x, y] = [a.x + (b.x - a.x) * mix, a.y + (b.y - a.y) * mix];
    if (geometry.turned) {
      graph.moveTo(x, y, graph.scale);
      return;
    }
    const [left, right, top, bottom] = graph.viewport;
    const reverse = isReversed(geometry.direction) ? -1 : 1;
    const shift = reverse * (0.5 - share);
    const [cx, cy] = graph.center;
    if (isSideways(geometry.direction)) graph.moveTo(x + shift * (right - left), within(a.y, top, bottom) ? cy : a.y, graph.scale);
    else graph.moveTo(within(a.x, left, right) ? cx : a.x, y + shift * (bottom - top), graph.scale);
  }

  // The middle of the box that stands for a row, for an open group that of the first box in it; modules never called have
  // none, so the last one's before is meant.
  middle(k) {
    const {rows, geometry, shown} = this.table;
    const isBox = (row) => rows.kind(row) === "nodes" || rows.isFolded(row, geometry.groups.state);
    let at = k;
    while (at < shown.length && !isBox(shown[at])) at++;
    if (at === shown.length) while (at > 0 && !isBox(shown[--at]));
    const row = shown[at];
    if (row === undefined || !isBox(row)) return null;
    const {x, y, w, h} = geometry.rect(geometry.shownAs(rows.id(row)));
    return {x: x + w / 2, y: y + h / 2};
  }

  align() {
    if (!this.linked) return;
    const {share, id} = this.reference();
    const {grid} = this.table;
    const at = this.table.placeOf(id);
    if (at >= 0) grid.scrollTo((at + share) * ROW_PX - share * grid.height);
  }

  // How far along the flow the graph's window is, and which box is nearest there.
  reference() {
    const {graph, geometry} = this.table;
    const [left, right, top, bottom] = graph.viewport;
    const sideways = isSideways(geometry.direction);
    const [low, high, end] = sideways ? [left, right, geometry.width] : [top, bottom, geometry.height];
    const reverse = isReversed(geometry.direction);
    const raw = end > high - low ? Math.min(1, Math.max(0, low / (end - (high - low)))) : 0;
    const share = reverse ? 1 - raw : raw;
    const [cx, cy] = graph.center;
    // Where the flow turns, no way from one end of the picture to the other passes every op.
    const flow = geometry.turned ? (sideways ? cx : cy) : low + raw * (high - low);
    let best = Infinity;
    let id = "";
    const consider = ({x, y, w, h}, ids, isShown) => {
      for (let i = 0; i < ids.length; i++) {
        if (!isShown(i)) continue;
        const [cX, cY] = [x[i] + w[i] / 2, y[i] + h[i] / 2];
        const distance = sideways ? Math.abs(cX - flow) + 0.2 * Math.abs(cY - cy) : Math.abs(cY - flow) + 0.2 * Math.abs(cX - cx);
        if (distance < best) [best, id] = [distance, ids[i]];
      }
    };
    consider(geometry.nodes, geometry.nodeIds, (i) => geometry.nodes.visible[i]);
    consider(geometry.groups, geometry.groupIds, (i) => geometry.groups.state[i] === 2);
    return {share: geometry.turned ? 0.5 : share, id};
  }
}

function within(value, low, high) {
  return value >= low && value <= high;
}
