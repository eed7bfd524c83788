// The lines under the toolbar: what went wrong, and what the colours mean; its entries filter.

import { Brush } from "./brush.js";
import { make } from "../base/dom.js";

export class Legend {
  // onToggle(name, add) and onRange(range or null): what a person filters; onError(node): whose failure was clicked.
  constructor(element, {onToggle, onRange, onError}) {
    Object.assign(this, {element, onToggle, onRange, onError});
    this.drawn = "";
    this.chips = new Map();
    this.open = false;
    this.observer = new ResizeObserver(() => this.count());
  }

  // Only what is new is built: an entry that was just pressed keeps the focus.
  draw({legend, title, unit, errors, highlighted, range}) {
    const key = JSON.stringify([legend, title, unit, errors]);
    if (key !== this.drawn) {
      this.observer.disconnect();
      Object.assign(this, {drawn: key, brush: null, chips: new Map()});
      const row = make("div", "legend");
      row.append(make("span", "legend-title", title), ...(legend.gradient ? this.numbers(legend, title, unit) : this.names(legend)));
      this.element.replaceChildren(...errors.map((error) => errorButton(error, this.onError)), row);
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
    this.list = make("div", "entries");
    this.list.setAttribute("role", "group");
    this.list.setAttribute("aria-label", "Legend: press an entry to show it alone, with Ctrl to add it");
    for (const entry of entries) {
      const chip = this.chip(entry);
      this.chips.set(entry.name, chip);
      this.list.append(chip);
    }
    this.more = make("button", "more");
    this.more.type = "button";
    this.more.addEventListener("click", () => {
      this.open = !this.open;
      this.count();
    });
    this.observer.observe(this.list);
    return [this.list, this.more];
  }

  chip({name, color, count}) {
    const button = make("button", "chip");
    button.type = "button";
    const swatch = make("i", "swatch");
    swatch.style.background = color;
    button.append(swatch, make("span", "", name), make("span", "count", String(count)));
    button.title = `Show ${name} alone; with Ctrl or Shift, too`;
    button.addEventListener("click", (event) => this.onToggle(name, event.ctrlKey || event.metaKey || event.shiftKey));
    return button;
  }

  // How many entries one line has no room for; they can be opened.
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
  const button = make("button", "error");
  button.type = "button";
  button.append(make("b", "", "✕ "), make("span", "", message), make("span", "source", source));
  button.addEventListener("click", () => onError(node));
  return button;
}
