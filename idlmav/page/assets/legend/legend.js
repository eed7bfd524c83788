// Draws the lines under the toolbar: notes, errors, and the meaning of the colours. A click on an entry filters.

import { make, makeButton } from "../base/dom.js";
import { Brush } from "./brush.js";

export class Legend {
  // onToggle(name, add) and onRange(range or null): a person filters; onError(node): a person clicks the error of a node.
  constructor(element, {onToggle, onRange, onError}) {
    Object.assign(this, {element, onToggle, onRange, onError});
    Object.assign(this, {drawn: "", chips: new Map(), open: false, observer: new ResizeObserver(() => this.count())});
  }

  // Only new parts are built, so that an entry that a person has just pressed keeps the focus.
  draw({legend, title, unit, notes, errors, highlighted, range}) {
    const key = JSON.stringify([legend, title, unit, notes, errors]);
    if (key !== this.drawn) {
      this.observer.disconnect();
      Object.assign(this, {drawn: key, brush: null, chips: new Map()});
      const row = make("div", "legend");
      row.append(make("span", "legend-title", title), ...(legend.gradient ? this.numbers(legend, title, unit) : this.names(legend)));
      this.element.replaceChildren(...notes.map((note) => make("div", "note", note)), ...errors.map((error) => errorButton(error, this.onError)), row);
      this.count();
    }
    this.brush?.show(range);
    const some = highlighted.some((name) => this.chips.has(name));
    for (const [name, chip] of this.chips) {
      const on = highlighted.includes(name);
      chip.setAttribute("aria-pressed", String(on));
      chip.classList.toggle("off", some && !on);
    }
  }

  numbers(legend, title, unit) {
    this.brush = new Brush({...legend, title, unit, onRange: this.onRange});
    return [this.brush.element, make("span", "count", "log scale, drag to filter")];
  }

  names({entries}) {
    this.chips = new Map(entries.map((entry) => [entry.name, this.chip(entry)]));
    this.list = make("div", "entries", "", {role: "group", "aria-label": "Legend: press an entry to show it alone, with Ctrl to add it"});
    this.list.append(...this.chips.values());
    this.more = makeButton("more", "", () => {
      this.open = !this.open;
      this.count();
    });
    this.observer.observe(this.list);
    return [this.list, this.more];
  }

  chip({name, color, count}) {
    const toggle = ({ctrlKey, metaKey, shiftKey}) => this.onToggle(name, ctrlKey || metaKey || shiftKey);
    const button = makeButton("chip", "", toggle, {title: `Show ${name} alone; with Ctrl or Shift, too`});
    button.append(make("i", "swatch"), make("span", "", name), make("span", "count", String(count)));
    button.firstChild.style.background = color;
    return button;
  }

  // Count the entries for which one line has no room; a person can open them.
  count() {
    if (this.chips.size === 0) return;
    const chips = [...this.chips.values()];
    this.list.classList.toggle("open", this.open);
    const behind = chips.filter((chip) => chip.offsetTop > chips[0].offsetTop + 4);
    for (const chip of chips) chip.style.visibility = !this.open && behind.includes(chip) ? "hidden" : "";
    this.more.hidden = behind.length === 0;
    this.more.textContent = this.open ? "less" : `+ ${behind.length} more`;
    this.more.setAttribute("aria-expanded", String(this.open));
  }
}

function errorButton({node, message, source}, onError) {
  const button = makeButton("error", "", () => onError(node));
  button.append(make("b", "", "✕ "), make("span", "", message), make("span", "source", source));
  return button;
}
