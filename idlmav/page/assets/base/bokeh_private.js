// Holds every use of names that BokehJS, Panel's models and Tabulator keep for themselves. Where a new version lacks one,
// the name is noted and a stand-in does nothing in its place, so the rest of the page works; a browser test lists the notes.

const missing = new Set();

export const missingNames = () => [...missing].sort();

function note(name, standIn) {
  missing.add(name);
  return standIn;
}

// Return what an object has under a name. owner: the class that the name belongs to.
function take(owner, object, name, standIn) {
  return object?.[name] ?? note(`${owner}.${name}`, standIn);
}

// ---- views

// Without it the page never starts: no view is found.
export function findView({owner}, model) {
  return owner && model ? take("ViewManager", owner, "find_one", () => null).call(owner, model) : null;
}

// Without it nothing can be listened to, named or placed in what Bokeh draws.
export function elementOf(view, model) {
  const found = findView(view, model);
  return found && take("View", found, "el", null);
}

// Without the class names buttons, fields and handles have no titles and names for screen readers, and the search field
// has no buttons.
export function partsOf(element, selector) {
  if (!element) return [];
  const found = [...(element.shadowRoot?.querySelectorAll(selector) ?? [])];
  return found.length > 0 ? found : note(selector, found);
}

// Without it the tip and the boxes of `window.idlmav` lie at a wrong place.
export function scalesOf(view, figure) {
  const frame = take("PlotView", findView(view, figure), "frame", {});
  const scales = ["x_scale", "y_scale"].map((name) => take("CartesianFrameView", frame, name, {compute: (value) => value}));
  return scales.map((scale) => (value) => scale.compute(value));
}

// Without it a view that was moved keeps its old size.
export function measureAgain(view, model) {
  const found = findView(view, model);
  if (found) take("LayoutDOMView", found, "invalidate_layout", () => {}).call(found);
}

// Without it every change in a closed panel makes Bokeh measure the whole page.
export function measureOnlyWhile(view, model, isShown) {
  const found = findView(view, model);
  if (!found) return;
  const measure = take("LayoutDOMView", found, "invalidate_layout", () => {});
  found.invalidate_layout = () => { if (isShown()) measure.call(found); };
}

// ---- models

// Without it only parts with a name are found, and a notebook sends everything to Python.
export function allModels(document) {
  return [...take("Document", document, "_all_models", new Map()).values()];
}

// Without it a page on a server may send its first message before it is answered.
export function isIdle(document) {
  return take("Document", document, "is_idle", true);
}

// Without it a notebook sends to Python what is marked as not to be sent: the drawing of each frame, and what Python has
// just set, which undoes what somebody chose meanwhile (Panel 1.9 and 1.10). Returns whether this is a notebook.
export function sendOnlySynced(document) {
  const comm = allModels(document).find(({type}) => type.endsWith("CommManager"));
  if (!comm) return false;
  if (!Object.hasOwn(comm, "_document_changed")) {
    const send = take("CommManager", comm, "_document_changed", () => {});
    comm._document_changed = (event) => { if (event.sync !== false) send.call(comm, event); };
  }
  return true;
}

// Without it the detail panel stays empty.
export function setComponent(model, values) {
  take("ReactiveESM", model, "data", {setv: () => {}}).setv(values, {sync: false});
}

// ---- the table

// Without it the page is never ready. Returns null until Tabulator has built itself.
export function tabulatorOf(view, model) {
  const {tabulator} = findView(view, model) ?? {};
  return tabulator && take("Tabulator", tabulator, "initialized", true) ? tabulator : null;
}

export const ROW_CLASS = "tabulator-row";

// Without them rows cannot be clicked, scrolled to or read by screen readers. frame: around all; scroller; body: holds rows.
export function tableParts(tabulator) {
  const element = () => document.createElement("div");
  const frame = take("Tabulator", tabulator, "element", element());
  const part = (selector) => frame.querySelector(selector) ?? note(selector, element());
  return {frame, scroller: part(".tabulator-tableholder"), body: part(".tabulator-table")};
}

// Without it the table's menu has no style.
export function tableRoot(view, model) {
  const found = findView(view, model);
  return take("TabulatorView", found, "shadow_el", found.el);
}

// Without the first name the table jumps back to its old place two frames after Panel redraws it, without the next two it
// asks for its size for ever after an error elsewhere in the page, and without the last it jumps when it is redrawn.
export function keepTablePlace(view, model, keepingPlace) {
  const found = findView(view, model);
  const own = (name, standIn) => take("TabulatorView", Object.getPrototypeOf(found), name, standIn);
  own("restore_scroll");
  found.restore_scroll = () => {};
  const flush = own("_flush_resize_when_root_ready", async () => {});
  take("TabulatorView", found, "_resize_pending", false);
  found._flush_resize_when_root_ready = () => flush.call(found).catch(() => { found._resize_pending = false; });
  const redraw = own("redraw", () => {});
  found.redraw = (...how) => keepingPlace(() => redraw.apply(found, how));
}
