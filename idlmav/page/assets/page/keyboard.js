// The keys of the dashboard. Those that it uses are stopped; all others go to the notebook and the browser.

import { ARROWS, boxes, neighbour } from "../graph/navigation.js";

const ZOOM_STEP = 1.3;
const FIELDS = "input, textarea, select, [contenteditable], .menu button, .menu-button[aria-expanded=true]";
const SUPPRESS = "data-lm-suppress-shortcuts";

export class Keyboard {
  // element: the whole dashboard; graphElement: takes the focus for the graph.
  constructor({dashboard, element, graphElement}) {
    Object.assign(this, {dashboard, element, graphElement});
    this.onKey = (event) => this.pressed(event);
    // On the window, so that this listener runs before JupyterLab's, which is on the document.
    window.addEventListener("keydown", this.onKey, {capture: true});
    graphElement.tabIndex = 0;
    graphElement.addEventListener("pointerdown", () => graphElement.focus({preventScroll: true}));
    this.guard();
  }

  // Keys in a field or on a button are not shortcuts of the notebook.
  guard() {
    const {element, graphElement} = this;
    let host = element;
    while (host.getRootNode() instanceof ShadowRoot) ({host} = host.getRootNode());
    const suppress = (on) => host.toggleAttribute(SUPPRESS, on);
    element.addEventListener("focusin", (event) => suppress(event.composedPath()[0] !== graphElement));
    element.addEventListener("focusout", () => suppress(false));
    // The element gets no event when the focus moves from one part inside to another.
    graphElement.addEventListener("focus", () => suppress(false));
    graphElement.addEventListener("blur", () => suppress(true));
    for (const type of ["keydown", "keypress"]) {
      element.addEventListener(type, (event) => { if (event.composedPath()[0].matches?.(FIELDS)) event.stopPropagation(); });
    }
  }

  pressed(event) {
    const path = event.composedPath();
    if (!path.includes(this.element) || event.ctrlKey || event.metaKey || event.altKey) return;
    const inField = path[0].matches?.(FIELDS);
    if (inField || !this.handle(event, path.includes(this.graphElement))) return;
    event.preventDefault();
    event.stopPropagation();
  }

  // Do what the key means here; return whether it means something.
  handle({key, shiftKey}, inGraph) {
    const {dashboard} = this;
    if (dashboard.help.open) {
      const isClosing = key === "Escape" || key === "?";
      if (isClosing) dashboard.help.close();
      return isClosing;
    }
    const anywhere = {
      "/": () => dashboard.filtering.field?.focus(), "?": () => dashboard.help.showModal(), f: () => dashboard.pressed("fit"), Escape: () => this.clear(),
    };
    const zoom = (factor) => () => this.zoom(factor);
    const inside = {"+": zoom(ZOOM_STEP), "=": zoom(ZOOM_STEP), "-": zoom(1 / ZOOM_STEP)};
    if (!shiftKey) {
      Object.assign(inside, {Enter: () => this.fold(), Home: () => this.end(0), End: () => this.end(-1)});
      for (const arrow of Object.keys(ARROWS)) inside[arrow] = () => this.step(arrow);
    }
    const action = anywhere[key] ?? (inGraph ? inside[key] : undefined);
    action?.();
    return action !== undefined;
  }

  get selected() {
    return this.dashboard.geometry.resolve(this.dashboard.store.get("selected"));
  }

  go(id) {
    if (!id) return;
    this.dashboard.lead("graph");
    this.dashboard.store.set({selected: id}, "keyboard");
  }

  step(arrow) {
    const {geometry, graph} = this.dashboard;
    if (this.selected) return this.go(neighbour(geometry, this.selected, arrow));
    const all = boxes(geometry);
    return this.go(all.find((id) => graph.shows(id)) ?? all[0]);
  }

  end(at) {
    this.go(boxes(this.dashboard.geometry).at(at));
  }

  // Fold or unfold the selected group, or fold the one around the selected op.
  fold() {
    const {geometry, folding} = this.dashboard;
    const id = this.selected && geometry.idOf(geometry.shownAs(this.selected));
    if (!id) return;
    const group = geometry.isGroup(id) ? geometry.groupAt.get(id) : geometry.ancestors(id)[0];
    if (group === undefined) return;
    folding.toggle(geometry.groupIds[group], geometry.groups.state[group] === 1);
    this.go(geometry.groupIds[group]);
  }

  zoom(factor) {
    const {graph} = this.dashboard;
    this.dashboard.lead("graph");
    graph.moveTo({scale: graph.scale * factor}, {animate: true});
  }

  // Clear the selection first, then the filters.
  clear() {
    const {store, filtering, popover} = this.dashboard;
    if (popover.close()) return;
    if (store.get("selected")) store.set({selected: ""}, "keyboard");
    else filtering.clear("keyboard");
  }

  close() {
    window.removeEventListener("keydown", this.onKey, {capture: true});
  }
}
