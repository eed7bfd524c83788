// Filters: the search field, names of the legend, a range of numbers.

import { NUMBERS } from "../legend/colors.js";
import { Legend } from "../legend/legend.js";
import { SearchField } from "./field.js";
import { findMatches } from "./matches.js";

export const FILTERS = ["query", "value_range", "highlighted"];

export class Filtering {
  // element: holds the legend; model: the search field, or null; lead("graph"): the graph is about to be moved;
  // onError(node): a failure was clicked; onLeave(): moves the focus to the graph.
  constructor({element, model, view, geometry, appearance, store, lead, onError, onLeave}) {
    Object.assign(this, {geometry, appearance, store, lead});
    this.legend = new Legend(element, {
      onToggle: (name, add) => this.highlight(name, add),
      onRange: (range) => store.set({value_range: range}, "page"),
      onError: (node) => node && onError(node),
    });
    this.field = model && new SearchField({model, view, appearance, store, onStep: (step) => this.step(step), onLeave});
  }

  find() {
    Object.assign(this.appearance, findMatches(this.geometry, this.appearance, this.store.values));
  }

  showLegend() {
    const {appearance, store, geometry} = this;
    const color = store.get("color_by");
    this.legend.draw({
      legend: appearance.coloring.legend(),
      title: color === "flops" ? geometry.scene.compute.unit : NUMBERS[color] ?? "",
      unit: color === "activation_bytes" ? "B" : "",
      notes: geometry.scene.notes,
      errors: geometry.scene.errors,
      highlighted: store.get("highlighted"),
      range: store.get("value_range"),
    });
  }

  // Highlight one name of the legend alone, or also (add); a name that is highlighted is switched off.
  highlight(name, add) {
    const before = this.store.get("highlighted");
    const others = before.filter((other) => other !== name);
    const on = before.includes(name);
    const alone = on && others.length === 0 ? [] : [name];
    this.store.set({highlighted: add ? (on ? others : [...before, name]) : alone}, "page");
  }

  // Select the next match (1) or the previous one (-1), and unfold the groups around it.
  step(by) {
    const {appearance, geometry, store} = this;
    const {steps} = appearance;
    if (!steps?.length) return;
    const at = steps.indexOf(store.get("selected"));
    const id = steps[at < 0 ? (by > 0 ? 0 : steps.length - 1) : (at + by + steps.length) % steps.length];
    this.lead("graph");
    const around = geometry.unreachedAt.has(id) ? [] : geometry.ancestors(id).map((group) => geometry.groupIds[group]);
    store.set({selected: id, folded: store.get("folded").filter((group) => !around.includes(group))}, "search");
  }

  clear(origin) {
    this.store.set({query: "", highlighted: [], value_range: null}, origin);
  }
}
