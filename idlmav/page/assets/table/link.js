// Links scrolling with the graph: table and graph show the same op at a share of their windows that equals the share of the
// way scrolled, so both reach their ends together. A sorted table has an order of its own and is not linked.

import { isReversed, isSideways } from "../base/directions.js";
import { ROW_PX } from "./grid.js";

export class TableLink {
  constructor(table) {
    this.table = table;
  }

  get linked() {
    return this.table.isTree && this.table.count > 0 && this.room > 0;
  }

  get room() {
    return this.table.count * ROW_PX - this.table.grid.height;
  }

  moveGraph() {
    const {linked, room, table: {graph, geometry, grid, count}} = this;
    if (!linked) return undefined;
    const {top: scrolled} = grid;
    const share = Math.min(1, scrolled / room);
    const at = (scrolled + share * grid.height) / ROW_PX;
    const first = Math.min(count - 1, Math.floor(at));
    const [a, b] = [first, Math.min(count - 1, first + 1)].map((k) => this.middle(k));
    if (!a || !b) return undefined;
    const mix = Math.min(1, at - first);
    const [x, y] = [a.x + (b.x - a.x) * mix, a.y + (b.y - a.y) * mix];
    if (geometry.turned) return graph.moveTo(x, y, graph.scale);
    const [left, right, top, bottom] = graph.viewport;
    const shift = (isReversed(geometry.direction) ? -1 : 1) * (0.5 - share);
    const [cx, cy] = graph.center;
    if (isSideways(geometry.direction)) return graph.moveTo(x + shift * (right - left), within(a.y, top, bottom) ? cy : a.y, graph.scale);
    return graph.moveTo(within(a.x, left, right) ? cx : a.x, y + shift * (bottom - top), graph.scale);
  }

  // The middle of the box of a row, or of the first box in an open group. A module never called has none: then the middle of
  // the last box before it.
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
    const raw = end > high - low ? Math.min(1, Math.max(0, low / (end - (high - low)))) : 0;
    const share = isReversed(geometry.direction) ? 1 - raw : raw;
    const [cx, cy] = graph.center;
    // Where the flow turns, no way from one end of the graph to the other passes every op.
    const flow = geometry.turned ? (sideways ? cx : cy) : low + raw * (high - low);
    let [id, best] = ["", Infinity];
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

const within = (value, low, high) => value >= low && value <= high;
