// Shows groups and ops in a table. Table and graph follow each other when one of them folds, selects or scrolls.

import { keepTablePlace, tableRoot, tabulatorOf } from "../base/bokeh_private.js";
import { COLUMNS, columnTest, csv, heading } from "./columns.js";
import { ROW_PX, TableGrid } from "./grid.js";
import { TableLink } from "./link.js";
import { tableMenu } from "./menu.js";
import { TableRows } from "./rows.js";

// A cell's padding.
const CELL_PX = 12;
const NEXT_SORT = {none: "ascending", ascending: "descending", descending: "none"};

export class TableView {
  // isLeader("table"): whether a person used the table last; lead("table"): a person uses it now.
  constructor({model, view, geometry, appearance, store, graph, folding, isLeader, lead}) {
    Object.assign(this, {model, view, geometry, appearance, store, graph, folding, isLeader, lead});
    Object.assign(this, {tabulator: null, matches: null, selected: "", sort: {name: "", direction: "none"}, isFolding: false});
    this.columns = COLUMNS.map((column) => ({...column}));
    Object.assign(this, {filters: new Map(), tests: null, sums: new Map()});
    // Rows in the order shown, and the place of each there or -1.
    Object.assign(this, {shown: [], at: new Int32Array()});
    this.link = new TableLink(this);
  }

  // Take over the table once Tabulator has built itself. Returns whether it has.
  attach() {
    const {view, model} = this;
    const tabulator = tabulatorOf(view, model);
    if (!tabulator || tabulator === this.tabulator) return tabulator !== null;
    this.close();
    Object.assign(this, {tabulator, closing: new AbortController()});
    this.grid = new TableGrid(tabulator, this);
    this.grid.scroller.addEventListener("keydown", (event) => this.pressed(event));
    keepTablePlace(view, model, (change) => this.grid.keepingPlace(change));
    tableMenu(tableRoot(view, model), this, this.closing.signal);
    this.showNumbers();
    return true;
  }

  get isBuilt() {
    return tabulatorOf(this.view, this.model) !== null;
  }

  // Draw at once, without waiting for the next frame.
  draw() {
    if (this.attach() && this.grid.pending) this.grid.draw();
  }

  close() {
    this.closing?.abort();
  }

  // ---- what is shown

  // The rows of the layout as it is now. Another flow has other groups.
  get rows() {
    const {scene} = this.geometry;
    if (this.known?.geometry !== scene.geometry) this.known = {geometry: scene.geometry, rows: new TableRows(scene)};
    return this.known.rows;
  }

  // Show the rows after folding, searching or sorting, in the colours of their boxes.
  refresh() {
    if (!this.grid) return;
    const {rows, geometry, sort} = this;
    const {state} = geometry.groups;
    const tests = [...this.filters].map(([name, text]) => columnTest(this.column(name), geometry.scene, text)).filter(Boolean);
    this.tests = tests.length > 0 ? tests : null;
    const found = this.finder();
    const before = this.shown;
    this.shown = rows.tree(state, found);
    if (!this.isTree) {
      const all = found === null ? this.shown : this.shown.filter((row) => rows.kind(row) !== "groups");
      const column = this.column(sort.name);
      const value = (row) => column.value(geometry.scene, rows.kind(row), rows.index(row));
      this.shown = rows.sorted(all, state, value, sort.direction === "descending");
    }
    this.at = new Int32Array(rows.length).fill(-1);
    this.shown.forEach((row, k) => { this.at[row] = k; });
    if (rows !== this.drawn || before.length !== this.shown.length || before.some((row, k) => row !== this.shown[k])) this.grid.update();
    this.drawn = rows;
    this.redraw();
  }

  redraw() {
    this.holder = this.placeAround(this.selected);
    this.grid?.redraw();
  }

  // Whether the search and all filters keep a row; null if there are none.
  finder() {
    const {matches, tests, rows} = this;
    if (matches === null && tests === null) return null;
    const passes = (row) => (tests ?? []).every((test) => test(rows.kind(row), rows.index(row)));
    return (row) => (matches === null || matches[rows.items[row]] === 1) && passes(row);
  }

  column(name) {
    return this.columns.find((column) => column.name === name);
  }

  get isTree() {
    return this.sort.direction === "none";
  }

  get visibleColumns() {
    return this.columns.filter(({shown}) => shown);
  }

  // The contents of the row at place k.
  row(k) {
    const {rows, geometry, appearance} = this;
    const {scene} = geometry;
    const row = this.shown[k];
    const [kind, index, id] = [rows.kind(row), rows.index(row), rows.id(row)];
    const isGroup = kind === "groups";
    const selected = id === this.selected;
    const status = scene[kind].status?.[index];
    const classes = [kind, selected ? "selected" : "", this.holder === k && !selected ? "holds" : ""];
    if (status === "failed" || (isGroup && scene.groups.failed[index])) classes.push("failed");
    if (status === "not_run" || kind === "unreached") classes.push("muted");
    if (isGroup && (this.matches ?? this.tests) !== null && !appearance.found?.has(index)) classes.push("context");
    const [, ...others] = this.visibleColumns;
    return {
      id, selected, className: classes.filter(Boolean).join(" "),
      level: this.isTree ? rows.levels[row] : 0,
      expanded: isGroup ? geometry.groups.state[index] !== 2 : null,
      color: kind === "nodes" ? appearance.coloring?.node(index).fill : null,
      cells: [{text: this.isTree ? rows.name(row) : id, title: id, path: !this.isTree || kind === "unreached"}, ...others.map((column) => this.cell(column, kind, index))],
    };
  }

  cell(column, kind, index) {
    const {scene} = this.geometry;
    const cell = column.cell(scene, kind, index, (column.seen ?? column.least) - CELL_PX);
    const all = this.sums.get(column.name);
    const isOp = kind === "groups" || (kind === "nodes" && scene.nodes.kind[index] === "op");
    if (!(all > 0) || !isOp || cell.text === "") return cell;
    const share = (column.value(scene, kind, index) ?? 0) / all;
    const percent = share === 0 ? "" : `\n${(100 * share).toPrecision(3)} % of all`;
    return {...cell, share, title: cell.title + percent};
  }

  // Show FLOPs or MACs, with estimates or without: the numbers, and the rows sorted or filtered by them.
  showNumbers() {
    if (!this.grid) return;
    const {scene} = this.geometry;
    this.sums = new Map(this.columns.filter(({sum}) => sum).map((column) => [column.name, column.sum(scene)]));
    this.showHeader();
    this.refresh();
  }

  showHeader() {
    const {scene} = this.geometry;
    const shown = this.visibleColumns.map((column) => ({
      ...column, ...heading(column, scene, column.width),
      sort: column.name === this.sort.name ? this.sort.direction : "none",
    }));
    this.grid.setColumns(shown, this.filters);
  }

  // Write sums, parameters and shapes in full where there is room.
  fitHeader() {
    let changed = false;
    for (const column of this.visibleColumns) {
      const width = this.grid.widthOf(column.name);
      if (width <= 0) continue;
      this.grid.setTitle(column.name, heading(column, this.geometry.scene, width));
      changed ||= width !== column.seen;
      column.seen = width;
    }
    if (changed) this.grid.redraw();
  }

  // Ids of the rows that are in view, in their order.
  visibleIds() {
    return this.attach() ? this.grid.visibleRows().map(({dataset}) => dataset.id) : [];
  }

  csv() {
    const rows = this.shown.map((row) => ({kind: this.rows.kind(row), index: this.rows.index(row)}));
    return csv(this.geometry.scene, rows, this.visibleColumns);
  }

  // ---- actions of a person in the table

  scrolled() {
    if (this.isLeader("table")) requestAnimationFrame(() => this.link.moveGraph());
  }

  change(name, values) {
    Object.assign(this.column(name), values);
    this.showHeader();
    this.redraw();
  }

  sortBy(name) {
    const direction = name === this.sort.name ? NEXT_SORT[this.sort.direction] : "ascending";
    this.sort = {name: direction === "none" ? "" : name, direction};
    this.showHeader();
    this.refresh();
    if (this.selected) this.reveal(this.selected);
    else if (direction === "none") this.link.align();
    else this.grid.scrollTo(0);
  }

  showFilters(shown) {
    this.grid.showFilters(shown);
    if (shown) return;
    this.filters.clear();
    this.showNumbers();
    this.lookAtFound();
  }

  filterBy(name, text) {
    if (text.trim() === "") this.filters.delete(name);
    else this.filters.set(name, text.trim());
    this.refresh();
    this.lookAtFound();
  }

  picked(id) {
    this.lead("table");
    this.selected = id;
    this.store.set({selected: id}, "table");
    this.redraw();
  }

  // The row stays where it is: the table does not follow the graph while it folds.
  toggle(id) {
    this.isFolding = true;
    this.folding.toggle(id, this.geometry.groups.state[this.geometry.groupAt.get(id)] !== 2);
    this.isFolding = false;
    this.lead("table");
  }

  pressed(event) {
    const {key} = event;
    const page = Math.max(1, Math.floor(this.grid.height / ROW_PX) - 1);
    const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.shown.length, End: this.shown.length};
    const at = this.placeOf(this.selected);
    const row = this.shown[at];
    const isGroup = row !== undefined && this.rows.kind(row) === "groups";
    const folded = isGroup && this.rows.isFolded(row, this.geometry.groups.state);
    const pick = (k) => {
      this.picked(this.rows.id(this.shown[k]));
      this.grid.reveal(k);
    };
    if (key in steps && this.shown.length > 0) pick(Math.min(this.shown.length - 1, Math.max(0, (at < 0 ? (steps[key] > 0 ? -1 : 0) : at) + steps[key])));
    else if (isGroup && (key === "Enter" || (key === "ArrowRight" && folded) || (key === "ArrowLeft" && !folded))) this.toggle(this.rows.id(row));
    else if (key === "ArrowLeft" && row !== undefined && this.at[this.rows.outer[row]] >= 0) pick(this.at[this.rows.outer[row]]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // ---- selection

  placeOf(id) {
    const row = this.rows.rowOf.get(id);
    return row === undefined ? -1 : this.at[row];
  }

  // The place of an id, or of the folded group around it.
  placeAround(id) {
    let row = this.rows.rowOf.get(id) ?? -1;
    while (row >= 0 && this.at[row] < 0) row = this.rows.outer[row];
    return row < 0 ? -1 : this.at[row];
  }

  select(id) {
    this.selected = id;
    if (!this.grid) return;
    this.redraw();
    if (id) this.reveal(id);
  }

  reveal(id) {
    if (!this.attach()) return;
    const at = this.placeAround(id);
    if (at >= 0) this.grid.reveal(at);
  }

  // Follow the graph, which has moved.
  follow() {
    if (!this.isLeader("table") && !this.isFolding && this.attach()) this.link.align();
  }

  // List all that a search finds, also in folded groups, with the groups around. matches: a flag for each node, then for each
  // module never called; null for no search.
  filter(matches) {
    const before = this.matches;
    this.matches = matches;
    if (!this.attach()) return;
    this.refresh();
    if (matches !== null || before !== null) this.lookAtFound();
  }

  // Scroll after a search or a filter: to the selection, else to the first row found; without a filter, to where the graph is.
  lookAtFound() {
    const {selected} = this;
    if (selected && this.placeAround(selected) >= 0) this.reveal(selected);
    else if (this.matches === null && this.tests === null) this.link.align();
    else this.grid.scrollTo(0);
  }
}
