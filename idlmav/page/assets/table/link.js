// Links scrolling with the graph: table and graph show the same op at a share of their windows that equals the share of the
// way scrolled, so both reach their ends together. A sorted table has an order of its own and is not linked.

import { isReversed, isSideways } from "../base/directions.js";
import { ROW_PX } from "./grid.js";

export class TableLink {
  constructor(table) {
    this.table = table;
  }

  get linked() {
    return this.table.isTree && this.table.shown.length > 0 && this.room > 0;
  }

  get room() {
    return this.table.shown.length * ROW_PX - this.table.grid.height;
  }

  moveGraph() {
    const {linked, room, table: {graph, geometry, grid, shown}} = this;
    if (!linked) return undefined;
    const {top: scrolled} = grid;
    const share = Math.min(1, scrolled / room);
    const at = (scrolled + share * grid.height) / ROW_PX;
    const first = Math.min(shown.length - 1, Math.floor(at));
    const [before, after] = [first, Math.min(shown.length - 1, first + 1)].map((k) => this.middle(k));
    if (!before || !after) return undefined;
    const [x, y] = before.map((value, axis) => value + (after[axis] - value) * Math.min(1, at - first));
    if (geometry.turned) return graph.moveTo({x, y});
    const [left, right, top, bottom] = graph.viewport;
    const shift = (isReversed(geometry.direction) ? -1 : 1) * (0.5 - share);
    const [cx, cy] = graph.center;
    if (isSideways(geometry.direction)) return graph.moveTo({x: x + shift * (right - left), y: within(before[1], top, bottom) ? cy : before[1]});
    return graph.moveTo({x: within(before[0], left, right) ? cx : before[0], y: y + shift * (bottom - top)});
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
    return geometry.middle(rows.id(row));
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
    const distance = (ahead, aside) => Math.abs(ahead - flow) + 0.2 * Math.abs(aside - (sideways ? cy : cx));
    const id = geometry.nearest((x, y) => (sideways ? distance(x, y) : distance(y, x)));
    return {share: geometry.turned ? 0.5 : share, id};
  }
}

const within = (value, low, high) => value >= low && value <= high;
