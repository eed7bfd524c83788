// The table: selects and scrolls with the graph, and the graph with it.

import { isSideways } from "./arrange.js";
import { cellText, headerText } from "./compute.js";

export class TableView {
  constructor({model, view, picture, store, graph, isDriver, onDrive}) {
    Object.assign(this, {model, view, picture, store, graph, isDriver, onDrive});
    this.tabulator = null;
    this.writing = false;
    this.matches = null;
    model.source.selected.properties.indices.change.connect(() => {
      if (!this.writing) this.rowSelected();
    });
  }

  // Called until Tabulator has built its rows; true when it has.
  attach() {
    const {tabulator} = this.view.owner.find_one(this.model) ?? {};
    if (tabulator === this.tabulator && tabulator) return true;
    if (!tabulator?.initialized || !tabulator.rowManager?.element) return false;
    this.tabulator = tabulator;
    this.showNumbers();
    // A server answers a search with all data as Python has them.
    tabulator.on("dataProcessed", () => this.showNumbers());
    tabulator.on("scrollVertical", () => {
      if (this.isDriver()) requestAnimationFrame(() => this.moveGraph());
    });
    return true;
  }

  get scroller() {
    return this.tabulator.rowManager.element;
  }

  get rows() {
    return this.tabulator.rowManager.getDisplayRows().filter((row) => row.type === "row");
  }

  get rowHeight() {
    return this.scroller.querySelector(".tabulator-row")?.offsetHeight ?? 28;
  }

  // Ids of the rows that are in view, in their order.
  visibleIds() {
    if (!this.attach()) return [];
    const {top, bottom} = this.scroller.getBoundingClientRect();
    return this.rows
      .filter((row) => row.element?.isConnected)
      .filter((row) => {
        const box = row.element.getBoundingClientRect();
        return box.bottom > top + 1 && box.top < bottom - 1;
      })
      .map((row) => row.data.id);
  }

  // Write FLOPs or MACs into the cells. Panel would answer changed data with a table built anew, so the rows change.
  showNumbers() {
    if (!this.tabulator) return;
    const {tabulator, picture, model} = this;
    const {data} = model.source;
    data.id.forEach((id, k) => {
      const {flops, flops_text: text, flops_title: title} = this.numbers(id);
      [data.flops[k], data.flops_text[k], data.flops_title[k]] = [flops, text, title];
    });
    for (const row of tabulator.rowManager.rows) {
      const numbers = this.numbers(row.data.id);
      const same = row.data.flops_text === numbers.flops_text && row.data.flops_title === numbers.flops_title;
      Object.assign(row.data, numbers);
      // A row that was never in view has no cells yet.
      if (row.initialized && !same) row.reinitialize();
    }
    const sorters = tabulator.getSorters().map(({field, dir}) => ({column: field, dir}));
    if (sorters.some(({column}) => column === "flops")) tabulator.setSort(sorters);
    const title = tabulator.getColumn("flops").getElement().querySelector(".tabulator-col-title");
    title.textContent = headerText(picture.scene);
  }

  numbers(id) {
    const {nodeAt, scene} = this.picture;
    const i = nodeAt.get(id);
    const {text, title} = i === undefined ? {text: "", title: ""} : cellText(scene, i);
    return {flops: scene.nodes.flops[i] ?? Number.NaN, flops_text: text, flops_title: title};
  }

  // The place of a row's id in the table's data, which has the never called modules behind the nodes.
  rowOf(id) {
    const {picture} = this;
    const missed = picture.unreachedAt.get(id);
    return picture.nodeAt.get(id) ?? (missed === undefined ? undefined : picture.nodeIds.length + missed);
  }

  rowSelected() {
    const [index] = this.model.source.selected.indices;
    this.onDrive();
    const {nodeIds, scene} = this.picture;
    const id = index === undefined ? "" : nodeIds[index] ?? scene.unreached.ids[index - nodeIds.length];
    this.store.set({selected: id}, "table");
  }

  // Select the row of a node; a group has none, so its first node's is shown, and a row that the search hides cannot be shown.
  select(id) {
    const index = this.rowOf(id);
    const hidden = index === undefined || (this.matches !== null && !this.matches[index]);
    const indices = hidden ? [] : [index];
    if (this.picture.isGroup(id)) this.reveal(this.picture.firstIn(id));
    const {selected} = this.model.source;
    if (selected.indices.length === indices.length && selected.indices[0] === indices[0]) return;
    this.writing = true;
    selected.indices = indices;
    this.writing = false;
    if (!hidden) this.reveal(id);
  }

  reveal(id) {
    if (!this.attach()) return;
    const at = this.rows.findIndex((row) => row.data.id === id);
    if (at < 0) return;
    const {scrollTop, clientHeight} = this.scroller;
    const top = at * this.rowHeight;
    if (top < scrollTop || top + this.rowHeight > scrollTop + clientHeight) {
      this.scroller.scrollTop = top - (clientHeight - this.rowHeight) / 2;
    }
  }

  filter(matches) {
    const filtered = this.matches !== null;
    this.matches = matches;
    if (!this.attach()) return;
    const named = this.store.get("selected");
    const selected = this.picture.resolve(named) || (this.picture.unreachedAt.has(named) ? named : "");
    if (matches === null) {
      // Building all rows anew takes 0.1 s.
      if (filtered) this.tabulator.clearFilter(true);
      this.select(selected);
      // Back to where the graph is.
      if (selected) this.reveal(selected);
      else this.align();
      return;
    }
    // Before, because Tabulator cannot scroll to a row that it hides.
    this.select(matches[this.rowOf(selected)] ? selected : "");
    const ids = [...this.picture.nodeIds, ...this.picture.scene.unreached.ids].filter((_, i) => matches[i] === 1);
    // Tabulator takes an empty list for no filter at all.
    this.tabulator.setFilter("id", "in", IdList.from(ids.length > 0 ? ids : [""]));
  }

  // The share of the way scrolled is the share of the window at which table and graph show the same op, so both
  // reach their ends together.
  moveGraph() {
    const {graph, picture, scroller} = this;
    const rows = this.rows.filter((row) => picture.nodeAt.has(row.data.id));
    const room = scroller.scrollHeight - scroller.clientHeight;
    if (rows.length === 0 || room <= 0) return;
    const share = scroller.scrollTop / room;
    const at = (scroller.scrollTop + share * scroller.clientHeight) / this.rowHeight;
    const first = Math.min(rows.length - 1, Math.floor(at));
    const [a, b] = [first, Math.min(rows.length - 1, first + 1)].map((k) => this.middle(rows[k].data.id));
    const mix = at - first;
    if (picture.turned) return graph.moveTo(a.x + (b.x - a.x) * mix, a.y + (b.y - a.y) * mix, graph.scale);
    const [left, right, top, bottom] = graph.viewport;
    const sideways = isSideways(picture.direction);
    const reverse = picture.direction === "up" || picture.direction === "left" ? -1 : 1;
    const shift = reverse * (0.5 - share);
    const flow = sideways ? a.x + (b.x - a.x) * mix + shift * (right - left) : a.y + (b.y - a.y) * mix + shift * (bottom - top);
    const [cx, cy] = graph.center;
    if (sideways) graph.moveTo(flow, within(a.y, top, bottom) ? cy : a.y, graph.scale);
    else graph.moveTo(within(a.x, left, right) ? cx : a.x, flow, graph.scale);
    return undefined;
  }

  middle(id) {
    const {x, y, w, h} = this.picture.rect(this.picture.shownAs(id));
    return {x: x + w / 2, y: y + h / 2};
  }

  // The graph moved: scroll to the op that stands where the share of the way says.
  follow() {
    if (!this.isDriver() && this.attach()) this.align();
  }

  align() {
    const {rows, scroller} = this;
    const room = scroller.scrollHeight - scroller.clientHeight;
    if (rows.length === 0 || room <= 0) return;
    const {share, id} = this.reference();
    const at = rows.findIndex((row) => row.data.id === id);
    if (at >= 0) scroller.scrollTop = (at + share) * this.rowHeight - share * scroller.clientHeight;
  }

  // How far along the flow the graph's window is, and which op is nearest there.
  reference() {
    const {graph, picture} = this;
    const [left, right, top, bottom] = graph.viewport;
    const sideways = isSideways(picture.direction);
    const [low, high, end] = sideways ? [left, right, picture.width] : [top, bottom, picture.height];
    const reverse = picture.direction === "up" || picture.direction === "left";
    const raw = end > high - low ? Math.min(1, Math.max(0, low / (end - (high - low)))) : 0;
    const share = reverse ? 1 - raw : raw;
    const [cx, cy] = graph.center;
    // Where the flow turns, no way from one end of the picture to the other passes every op.
    const flow = picture.turned ? (sideways ? cx : cy) : low + raw * (high - low);
    let best = Infinity;
    let id = "";
    for (let i = 0; i < picture.nodeIds.length; i++) {
      if (!picture.nodes.visible[i]) continue;
      const {x, y, w, h} = picture.rect({group: false, index: i});
      const [along, across] = sideways ? [x + w / 2 - flow, y + h / 2 - cy] : [y + h / 2 - flow, x + w / 2 - cx];
      const distance = Math.abs(along) + 0.2 * Math.abs(across);
      if (distance < best) [best, id] = [distance, picture.nodeIds[i]];
    }
    return {share: picture.turned ? 0.5 : share, id};
  }
}

// A filter that Panel can send to its server (a function cannot be sent), and that Tabulator looks up at once.
class IdList extends Array {
  indexOf(id) {
    this.known ??= new Set(this);
    return this.known.has(id) ? 0 : -1;
  }
}

function within(value, low, high) {
  return value >= low && value <= high;
}
