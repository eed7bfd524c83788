// Writes the table's cells and header into the elements that Tabulator draws: of all rows only those in view.

import constants from "../../../scene/constants.json" with { type: "json" };
import { ROW_CLASS, tableParts } from "../base/bokeh_private.js";
import { make, makeButton, setAttributes } from "../base/dom.js";

export const ROW_PX = constants.row_px;
const ARROWS = {ascending: "▲", descending: "▼", none: ""};
// A level is indented by a share of the column, within these px.
const INDENT = {share: 0.075, least: 7, most: 13};
const MOST_INDENTS = 12;
const LEAST_SHARE = 0.002;
const NARROWEST_PX = 48;
// Room beside the last column for the menu's button.
const TAIL_PX = 28;
// Up to so many rows are built anew at each change; of more, all are built once and then filtered.
const FEW_ROWS = 5000;
// On these Panel makes an object of every row, sends filters and sorters to a server, and selects rows itself.
const PANELS_EVENTS = ["dataFiltering", "dataFiltered", "dataSorting", "rowClick", "rowSelectionChanged"];

// table: the `TableView`, which has the contents of the rows and is called when a person acts.
export class TableGrid {
  constructor(tabulator, table) {
    Object.assign(this, {tabulator, table, ...tableParts(tabulator)});
    setAttributes(this.frame, {role: "treegrid", "aria-label": "Ops and modules"});
    setAttributes(this.scroller, {role: "rowgroup", "aria-label": "Ops and modules"});
    this.body.setAttribute("role", "presentation");
    // Rows that have cells, also those that are out of view again.
    this.written = new Set();
    Object.assign(this, {given: null, pending: false, quiet: false, resting: -1});
    for (const event of PANELS_EVENTS) tabulator.off(event);
    tabulator.setFilter(({row}) => table.at[row] >= 0);
    tabulator.on("scrollVertical", () => this.scrolled());
    // Before Tabulator takes rows away.
    this.frame.addEventListener("scroll", () => { this.hadFocus = this.hasFocus(); }, {capture: true});
    tabulator.on("columnResized", (column) => table.change(column.getField(), {width: column.getWidth(), fixed: true}));
    tabulator.on("renderComplete", () => this.fit());
    this.body.addEventListener("click", (event) => this.clicked(event));
  }

  // ---- columns

  // columns: [{name, text, title, width, number, sort}]; sort is "ascending", "descending" or "none".
  setColumns(columns, filters) {
    const layout = columns.map(({name, fixed, width}) => `${name} ${fixed ? width : ""}`).join();
    this.columns = columns;
    if (layout !== this.layout) {
      this.layout = layout;
      this.written.clear();
      this.keepingPlace(() => this.tabulator.setColumns(columns.map((column, at) => this.definition(column, at, filters))));
    }
    this.frame.setAttribute("aria-colcount", columns.length);
    this.fit();
  }

  definition({name, width, least, number, fixed}, at, filters) {
    const tail = at === this.columns.length - 1 ? TAIL_PX : 0;
    return {
      field: name, headerSort: false, resizable: "header", cssClass: number ? "number" : "",
      // Columns share the room there is, in proportion to their widths, unless a person has set one.
      ...(fixed ? {width, minWidth: NARROWEST_PX} : {widthGrow: (width + tail) / 100, minWidth: least + tail}),
      titleFormatter: () => this.heading(name, number, filters.get(name) ?? ""),
      formatter: (cell) => this.write(cell, at),
    };
  }

  heading(name, number, text) {
    const heading = make("div", "heading");
    const button = makeButton("title", "", () => this.table.sortBy(name));
    button.append(make("span", "text"), make("span", "arrow"));
    const placeholder = number ? "> 1e6" : "contains";
    const input = make("input", "", "", {type: "text", value: text, placeholder, "aria-label": `Filter ${name.replace("_", " ")}`});
    input.addEventListener("input", () => this.table.filterBy(name, input.value));
    heading.append(button, input);
    return heading;
  }

  header(name) {
    return this.tabulator.getColumn(name).getElement();
  }

  showFilters(shown) {
    this.frame.parentNode.classList.toggle("filtering", shown);
    this.keepingPlace(() => this.tabulator.redraw());
    if (shown) this.frame.querySelector(".heading input").focus();
    else for (const input of this.frame.querySelectorAll(".heading input")) input.value = "";
  }

  // How wide a column is now, without the room for the menu's button.
  widthOf(name) {
    return this.header(name).offsetWidth - (name === this.columns.at(-1).name ? TAIL_PX : 0);
  }

  setTitle(name, {text, title}) {
    const button = this.header(name).querySelector("button");
    button.firstChild.textContent = text;
    button.title = title;
  }

  // The header after a change. The menu's button is above the scroll bar and, if that is narrower, the last column.
  fit() {
    if (!this.columns) return;
    const bar = this.scroller.offsetWidth - this.scroller.clientWidth;
    this.frame.style.setProperty("--tail", `${Math.max(0, TAIL_PX - bar)}px`);
    this.indent = Math.max(INDENT.least, Math.min(INDENT.share * this.widthOf(this.columns[0].name), INDENT.most));
    // Tabulator does not sort here, and says so at every change.
    for (const {name, sort} of this.columns) {
      this.header(name).setAttribute("aria-sort", sort);
      this.header(name).querySelector(".arrow").textContent = ARROWS[sort];
    }
    this.table.fitHeader();
  }

  // ---- rows

  // Show other rows, once everything else that has changed is on the screen.
  update() {
    if (this.pending) return;
    this.wanted = this.top;
    this.pending = true;
    const later = () => setTimeout(() => { if (this.pending) this.draw(); });
    if (document.hidden) later();
    else requestAnimationFrame(later);
  }

  draw() {
    this.pending = false;
    const hadFocus = this.hasFocus();
    this.keepingPlace(() => this.drawRows(), this.wanted);
    this.frame.setAttribute("aria-rowcount", this.table.shown.length + 1);
    if (hadFocus) this.focus();
  }

  drawRows() {
    const {table: {shown, rows, isTree}, tabulator} = this;
    const all = isTree && (this.given === rows || shown.length > FEW_ROWS) ? rows : null;
    if (all && this.given === all) {
      this.jump(0);
      tabulator.refreshFilter();
      this.redraw();
    } else {
      this.given = all;
      this.written.clear();
      tabulator.setData(all ? Array.from({length: all.length}, (_, row) => ({row})) : Array.from(shown, (row) => ({row})));
    }
  }

  // Write the rows again: their contents have changed.
  redraw() {
    if (this.pending) return;
    for (const row of this.written) {
      if (row.getElement().isConnected) {
        for (const [at, cell] of row.getCells().entries()) cell.getElement().replaceChildren(this.write(cell, at));
      } else {
        // Written when it comes into view.
        this.written.delete(row);
        row.reformat();
      }
    }
    if (this.hasFocus()) this.focus();
  }

  write(cell, at) {
    const row = cell.getRow();
    const k = this.table.at[row.getData().row];
    // Already hidden, but not yet taken away.
    if (!(k >= 0)) return "";
    if (at === 0) {
      this.last = this.table.row(k);
      this.written.add(row);
      describe(row.getElement(), this.last, k);
    }
    const content = this.last.cells[at];
    const element = cell.getElement();
    element.title = content.title;
    element.classList.toggle("muted", content.muted === true);
    if (at === 0) element.style.paddingLeft = `${6 + this.indent * Math.min(this.last.level, MOST_INDENTS)}px`;
    const text = make("span", content.path ? "text path" : "text", content.path ? "" : content.text);
    if (content.path) text.append(make("bdi", "", content.text));
    const parts = document.createDocumentFragment();
    parts.append(...(at === 0 ? [markOf(this.last)] : barParts(content)), text);
    return parts;
  }

  hasFocus() {
    return this.scroller.contains(this.scroller.getRootNode().activeElement);
  }

  // Give the focus to the selected row, so that screen readers read it, or to all rows if it is out of view.
  focus() {
    const selected = this.body.querySelector('[aria-selected="true"]');
    (selected ?? this.scroller).focus({preventScroll: true});
  }

  clicked({target}) {
    const element = target.closest(`.${ROW_CLASS}`);
    if (!element) return;
    if (target.closest(".twist")) this.table.toggle(element.dataset.id);
    else this.table.picked(element.dataset.id);
  }

  // ---- scrolling

  get height() {
    return this.scroller.clientHeight;
  }

  // How far the rows are scrolled, as if all were there: after a jump, Tabulator's place is off by up to the height of the view.
  get top() {
    if (this.pending) return this.wanted;
    const [first] = this.visibleRows();
    const {scrollTop} = this.scroller;
    return first ? Number(first.dataset.place) * ROW_PX + scrollTop - first.offsetTop : scrollTop;
  }

  visibleRows() {
    const {scrollTop} = this.scroller;
    return [...this.body.children].filter(({offsetTop, offsetHeight}) => offsetTop + offsetHeight > scrollTop + 1 && offsetTop < scrollTop + this.height - 1);
  }

  scrollTo(top) {
    if (this.pending) {
      this.wanted = top;
      return;
    }
    const {scroller, table: {shown}} = this;
    // Over such a distance Tabulator jumps, to the row that has this share of all.
    if (Math.abs(top - this.top) > this.height) this.jump(Math.ceil((Math.floor(top / ROW_PX) * scroller.scrollHeight) / shown.length));
    scroller.scrollTop += top - this.top;
  }

  // Tabulator draws what is there at once.
  jump(top) {
    this.scroller.scrollTop = top;
    this.scroller.dispatchEvent(new Event("scroll"));
  }

  // Change the rows and scroll back to the place of before, without reporting that as scrolling.
  keepingPlace(change, top = this.top) {
    this.quiet = true;
    try {
      change();
      this.scrollTo(top);
    } finally {
      this.quiet = false;
      this.resting = this.scroller.scrollTop;
    }
  }

  scrolled() {
    if (this.hadFocus && !this.hasFocus()) this.focus();
    if (this.quiet || this.scroller.scrollTop === this.resting) return;
    this.resting = -1;
    this.table.scrolled();
  }

  reveal(k) {
    const top = k * ROW_PX;
    if (top < this.top || top + ROW_PX > this.top + this.height) this.scrollTo(top - (this.height - ROW_PX) / 2);
  }
}

function describe(element, {id, className, level, selected, expanded}, k) {
  element.className = `${ROW_CLASS} ${className}`;
  element.tabIndex = -1;
  Object.assign(element.dataset, {id, place: k});
  setAttributes(element, {"aria-rowindex": k + 2, "aria-level": level + 1, "aria-selected": selected});
  if (expanded === null) element.removeAttribute("aria-expanded");
  else element.setAttribute("aria-expanded", expanded);
}

function markOf({expanded, color}) {
  const mark = make("span", expanded === null ? "dot" : "twist", expanded === null ? "" : expanded ? "▾" : "▸");
  mark.style.background = color ?? "";
  return mark;
}

function barParts({share}) {
  if (!(share >= LEAST_SHARE)) return [];
  const bar = make("i", "bar");
  bar.style.setProperty("--share", Math.min(1, share));
  return [bar];
}
