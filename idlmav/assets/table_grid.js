// The table's elements: a header that stays, and of all rows only those in view.

import { make } from "./legend.js";

export const ROW_PX = 26;
const ARROWS = {ascending: "▲", descending: "▼", none: ""};
const INDENT_PX = 13;
const MOST_INDENTS = 12;
const SPARE_ROWS = 4;
const LEAST_SHARE = 0.002;
const NARROWEST_PX = 48;
// Room beside the last column for the menu's button and the scroll bar.
const TAIL_PX = 28;

// source tells what the rows say: {count, row(k) -> {key, id, level, cells, ...}}; on, what a person does: {sort, pick,
// toggle, scroll, filter, resize}.
export class TableGrid {
  constructor(host, source, on) {
    Object.assign(this, {host, source, on});
    this.header = make("div", "header");
    this.titles = part("row", "titles");
    this.filters = part("row", "filters");
    this.filters.hidden = true;
    this.header.append(this.titles, this.filters);
    this.header.setAttribute("role", "rowgroup");
    this.scroller = part("rowgroup", "scroller");
    this.scroller.tabIndex = 0;
    this.scroller.setAttribute("aria-label", "Ops and modules");
    this.body = part("presentation", "body");
    this.scroller.append(this.body);
    this.frame = part("treegrid", "grid");
    this.frame.setAttribute("aria-label", "Ops and modules");
    this.frame.append(this.header, this.scroller);
    host.replaceChildren(this.frame);
    this.rows = new Map();
    this.scroller.addEventListener("scroll", () => {
      this.header.scrollLeft = this.scroller.scrollLeft;
      this.draw();
      this.on.scroll();
    });
    this.body.addEventListener("click", (event) => this.clicked(event));
    this.watcher = new ResizeObserver(() => this.resized());
    this.watcher.observe(this.scroller);
  }

  // columns: [{name, text, title, width, number, sort}]; sort is "ascending", "descending" or "none".
  setColumns(columns, filters) {
    this.columns = columns;
    this.setWidths();
    this.titles.replaceChildren(...columns.map((column, at) => this.heading(column, at)));
    this.filters.replaceChildren(...columns.map((column) => this.filterCell(column, filters)));
    this.frame.setAttribute("aria-colcount", columns.length);
  }

  // Columns share the room there is, in proportion to their widths, unless a person has set one.
  setWidths() {
    const least = ({width, least: small, fixed}) => (fixed ? width : small ?? width);
    const widths = this.columns.map((column) => `minmax(${least(column)}px, ${column.fixed ? `${column.width}px` : `${column.width}fr`})`);
    this.host.style.setProperty("--columns", widths.join(" "));
    this.host.style.setProperty("--width", `${this.columns.reduce((sum, column) => sum + least(column), TAIL_PX)}px`);
    const bar = this.scroller.offsetWidth - this.scroller.clientWidth;
    this.host.style.setProperty("--tail", `${TAIL_PX}px`);
    this.host.style.setProperty("--row-tail", `${Math.max(0, TAIL_PX - bar)}px`);
  }

  // How wide a column is now.
  widthOf(name) {
    const at = this.columns?.findIndex((column) => column.name === name) ?? -1;
    return this.titles.children[at]?.offsetWidth ?? 0;
  }

  setTitle(name, {text, title}) {
    const button = this.titles.querySelector(`[data-column="${name}"] button`);
    button.firstChild.textContent = text;
    button.title = title;
  }

  resized() {
    if (!this.columns) return;
    this.setWidths();
    this.on.resized();
    this.draw();
  }

  heading({name, text, title, number, sort}, at) {
    const cell = part("columnheader", number ? "cell number" : "cell");
    cell.setAttribute("aria-sort", sort);
    cell.dataset.column = name;
    const button = make("button", "title");
    button.append(make("span", "text", text), make("span", "", ARROWS[sort]));
    button.type = "button";
    button.title = title;
    button.addEventListener("click", () => this.on.sort(name));
    const edge = make("span", "edge");
    edge.addEventListener("pointerdown", (event) => this.drag(event, at, edge));
    cell.append(button, edge);
    return cell;
  }

  drag(event, at, edge) {
    event.preventDefault();
    const start = this.titles.children[at].offsetWidth - event.clientX;
    edge.setPointerCapture(event.pointerId);
    const column = this.columns[at];
    edge.onpointermove = ({clientX}) => {
      Object.assign(column, {width: Math.max(NARROWEST_PX, start + clientX), fixed: true});
      this.setWidths();
    };
    edge.onpointerup = () => this.on.resize(column.name, column.width);
  }

  filterCell({name, number}, filters) {
    const cell = part("gridcell", "cell");
    const input = make("input", "");
    input.type = "text";
    input.value = filters.get(name) ?? "";
    input.placeholder = number ? "> 1e6" : "contains";
    input.setAttribute("aria-label", `Filter ${name.replace("_", " ")}`);
    input.addEventListener("input", () => this.on.filter(name, input.value));
    cell.append(input);
    return cell;
  }

  clicked({target}) {
    const element = target.closest(".row");
    if (!element) return;
    if (target.closest(".twist")) this.on.toggle(element.dataset.id);
    else this.on.pick(element.dataset.id);
  }

  get height() {
    return this.scroller.clientHeight;
  }

  // The first and the last row of which something can be seen.
  range() {
    const top = this.scroller.scrollTop;
    const last = Math.min(this.source.count, Math.ceil((top + this.height - 1) / ROW_PX)) - 1;
    return [Math.floor((top + 1) / ROW_PX), last];
  }

  reveal(at) {
    const top = at * ROW_PX;
    const {scrollTop} = this.scroller;
    if (top < scrollTop || top + ROW_PX > scrollTop + this.height) this.scroller.scrollTop = top - (this.height - ROW_PX) / 2;
  }

  // Everything anew, when rows or what they say have changed.
  redraw() {
    const hadFocus = this.hasFocus();
    this.rows.clear();
    this.body.replaceChildren();
    this.body.style.height = `${this.source.count * ROW_PX}px`;
    this.frame.setAttribute("aria-rowcount", this.source.count + 1);
    this.draw();
    if (hadFocus) this.focus();
  }

  draw() {
    if (!this.columns) return;
    const [first, last] = this.range();
    const wanted = new Set();
    const added = [];
    for (let k = Math.max(0, first - SPARE_ROWS); k <= Math.min(this.source.count - 1, last + SPARE_ROWS); k++) {
      wanted.add(k);
      if (this.rows.has(k)) continue;
      const element = this.rowElement(k);
      this.rows.set(k, element);
      added.push(element);
    }
    const hadFocus = this.hasFocus();
    for (const [k, element] of this.rows) {
      if (wanted.has(k)) continue;
      element.remove();
      this.rows.delete(k);
    }
    this.body.append(...added);
    if (hadFocus && !this.hasFocus()) this.focus();
  }

  hasFocus() {
    return this.scroller.contains(this.scroller.getRootNode().activeElement);
  }

  // The selected row has the focus of the rows, so that screen readers say it; out of view, all of them have.
  focus() {
    const selected = this.body.querySelector('[aria-selected="true"]');
    (selected ?? this.scroller).focus({preventScroll: true});
  }

  rowElement(k) {
    const row = this.source.row(k);
    const element = part("row", `row ${row.className}`);
    element.style.transform = `translateY(${k * ROW_PX}px)`;
    element.dataset.id = row.id;
    element.tabIndex = -1;
    element.setAttribute("aria-rowindex", k + 2);
    element.setAttribute("aria-level", row.level + 1);
    element.setAttribute("aria-selected", row.selected);
    if (row.expanded !== null) element.setAttribute("aria-expanded", row.expanded);
    element.append(...row.cells.map((cell, at) => (at === 0 ? nameCell(row, cell) : textCell(cell, this.columns[at]))));
    return element;
  }

  close() {
    this.watcher.disconnect();
  }
}

function nameCell({level, expanded, color}, {text, title, path}) {
  const cell = part("gridcell", "cell name");
  cell.title = title;
  cell.style.paddingLeft = `${6 + INDENT_PX * Math.min(level, MOST_INDENTS)}px`;
  const mark = make("span", expanded === null ? "dot" : "twist", expanded === null ? "" : expanded ? "▾" : "▸");
  mark.style.background = color ?? "";
  const label = make("span", path ? "text path" : "text");
  label.append(make("bdi", "", text));
  cell.append(mark, label);
  return cell;
}

function textCell({text, title, muted, share}, {name, number}) {
  const cell = part("gridcell", `cell${number ? " number" : ""}${muted ? " muted" : ""}`);
  cell.dataset.column = name;
  cell.append(make("span", "text", text));
  cell.title = title;
  if (share >= LEAST_SHARE) {
    const bar = make("i", "bar");
    bar.style.width = `calc(${Math.min(1, share)} * (100% - 8px))`;
    cell.prepend(bar);
  }
  return cell;
}

function part(role, className) {
  const element = make("div", className);
  element.setAttribute("role", role);
  return element;
}
