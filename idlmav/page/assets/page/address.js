// The view in the page's address, behind the #: anyone who opens the link sees the same view. The first view has no address.

import { choiceOf, foldChoices } from "../fold/choices.js";
import { same } from "../base/store.js";
import { isPart } from "../graph/home.js";

// Browsers refuse an address that changes hundreds of times in some seconds.
const WAIT_MS = 250;
const MODEL = "view";
const DEPTH = "depth";

// Begin with the view in the address, in a page that is this dashboard's own.
export function openAddress(dashboard) {
  const {model, store, geometry, graph, fields} = dashboard;
  if (!model.fills_page || window !== window.parent || window.idlmav.length > 1) return null;
  const address = new Address({store, geometry, fields, isMoved: () => !graph.untouched});
  address.open((values) => {
    const {viewport, ...others} = values;
    const flow = fields.filter(({layout}) => layout).map(({name}) => [name, values[name] ?? store.get(name)]);
    graph.linked = viewport ? {viewport, flow} : null;
    store.set(others, "start");
    // Until somebody moves it, also in a window that gets its shape later, and when Python has sent the layout.
    graph.untouched ||= Boolean(viewport);
    if (viewport) graph.firstView();
  });
  return address;
}

export class Address {
  // fields: declaration of the state's values; isMoved(): whether somebody chose what is visible.
  constructor({store, geometry, fields, isMoved}) {
    Object.assign(this, {store, geometry, isMoved});
    this.fields = fields.filter(({address}) => address);
    this.first = {...store.values};
    this.viewport = this.first.viewport;
    this.isLinked = false;
  }

  // show(values): called with the view in the address, at first and when another is typed; otherwise the address follows.
  open(show) {
    const values = this.read();
    if (values) show(values);
    this.isLinked = values !== null;
    this.store.subscribe((changed) => {
      if (changed.has("viewport") && this.isMoved()) this.viewport = this.store.get("viewport");
      this.later();
    });
    this.onHash = () => {
      const typed = this.read();
      if (typed) show({...this.first, theme: this.store.get("theme"), viewport: null, ...typed});
    };
    window.addEventListener("hashchange", this.onHash);
    this.later();
  }

  close() {
    clearTimeout(this.waiting);
    window.removeEventListener("hashchange", this.onHash);
  }

  // Another model has other ops: its links mean nothing here.
  get model() {
    const {totals} = this.geometry.scene;
    return `${totals.name}-${totals.node_count}`;
  }

  // The values in the address if it is one of this model, else null.
  read() {
    const entries = new Map(location.hash.slice(1).split("&").map((entry) => entry.split("=")));
    if (text(entries.get(MODEL)) !== this.model) return null;
    const values = this.fields.map((field) => [field.name, this.valueOf(field, entries.get(field.name))]);
    const found = Object.fromEntries(values.filter(([, value]) => value !== undefined));
    const folded = foldChoices(this.geometry.scene).get(text(entries.get(DEPTH)));
    if (!isPart(found.viewport)) delete found.viewport;
    this.viewport = found.viewport ?? this.viewport;
    return folded ? {...found, folded} : found;
  }

  // undefined for what nobody can have chosen here.
  valueOf(field, written) {
    const parts = written ? written.split(",").map(text) : [];
    if (written === undefined || parts.includes(undefined)) return undefined;
    if (field.kind === "list") return parts;
    if (field.kind === "tuple") return tuple(parts, field.length);
    if (field.kind === "number") return this.numberOf(field, parts);
    const value = parts.join();
    if (field.choices !== null && !field.choices.includes(value)) return undefined;
    return field.name === "latent" && !this.canTurnAt(value) ? undefined : value;
  }

  numberOf({layout, most}, parts) {
    const value = parts.length === 1 ? Number(parts[0]) : NaN;
    return Number.isFinite(value) && (most === null || value <= most) && (!layout || this.isLive) ? value : undefined;
  }

  // Whether Python makes other layouts.
  get isLive() {
    return this.geometry.scene.flows === null;
  }

  // Named by an op's id or a module's path.
  canTurnAt(name) {
    const {geometry} = this;
    return this.isLive && (name === "" || geometry.resolve(name) !== "" || geometry.scene.groups.path.includes(name));
  }

  later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.write(), WAIT_MS);
  }

  write() {
    const hash = this.written();
    // Another anchor in the address is not ours to remove.
    const isOurs = location.hash.startsWith(`#${MODEL}=`);
    if (hash !== location.hash && (hash || isOurs)) history.replaceState(history.state, "", hash || location.pathname + location.search);
  }

  // Left out is what has its default here and at first: Python may have set the first value for all sessions.
  written() {
    const {store, geometry: {scene}, first} = this;
    const values = {...store.values, viewport: this.viewport?.map((side) => Math.round(10 * side) / 10) ?? null};
    if (!this.isLinked && this.fields.every(({name}) => same(values[name], first[name]))) return "";
    const isUsual = ({name, default: value}) => same(values[name], first[name]) && same(values[name], name === "folded" ? scene.first_folds : value);
    const entries = this.fields.filter((field) => !isUsual(field)).map(({name}) => {
      const choice = name === "folded" ? choiceOf(foldChoices(scene), values.folded) : "";
      return choice ? `${DEPTH}=${choice}` : `${name}=${[values[name] ?? []].flat().map((part) => encodeURIComponent(part ?? "")).join()}`;
    });
    return entries.length > 0 ? `#${[`${MODEL}=${encodeURIComponent(this.model)}`, ...entries].join("&")}` : "";
  }
}

// Numbers in ascending order within each pair, which may be open at one end; null for none.
function tuple(parts, length) {
  if (parts.length === 0) return null;
  const numbers = parts.map((part) => (part === "" ? null : Number(part)));
  const known = numbers.filter((number) => number !== null);
  const isPair = (k) => numbers[k] === null || numbers[k + 1] === null || numbers[k] <= numbers[k + 1];
  const isRight = numbers.length === length && known.length > 0 && known.every(Number.isFinite) && numbers.every((_, k) => k % 2 === 1 || isPair(k));
  return isRight ? numbers : undefined;
}

// undefined for nothing, and for what is broken.
function text(written) {
  try {
    return written === undefined ? undefined : decodeURIComponent(written);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
