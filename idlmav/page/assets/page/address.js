// The view in the page's address, behind the #: who opens the link sees it. Nothing is told of the first view.

import { choiceOf, foldChoices } from "../fold/choices.js";
import { same } from "../base/store.js";
import { TURNS } from "./flow.js";
import { isPart } from "../graph/home.js";

// Browsers refuse an address that changes hundreds of times in some seconds.
const WAIT_MS = 250;
const MODEL = "view";
const DEPTH = "depth";
const LISTS = ["folded", "highlighted"];
const NUMBERS = {viewport: 4, value_range: 2, merge_threshold: 1};
// What is told, in this order, unless it has this value here and at first: sessions may share what Python has set.
export const USUAL = {
  selected: "", folded: null, query: "", color_by: "operation", size_by: "none", value_range: null, highlighted: [], compute_unit: "flops",
  estimates: "shown", direction: "down", turn: "opposite", latent: "", merge_threshold: -1, viewport: [0, 0, 0, 0],
};

// Begin with what the address tells, in a page that is this dashboard's own.
export function openAddress(dashboard, offers) {
  const {model, store, geometry, graph} = dashboard;
  if (!model.fills_page || window !== window.parent || window.idlmav.length > 1) return null;
  const address = new Address({store, geometry, offers, isMoved: () => !graph.untouched});
  address.open((values) => {
    const {viewport, ...others} = values;
    graph.linked = viewport ? {...store.values, ...values} : null;
    store.set(others, "start");
    // Until somebody moves it, also in a window that gets its shape later, and when Python has sent the layout.
    graph.untouched ||= Boolean(viewport);
    if (viewport) graph.firstView();
  });
  return address;
}

export class Address {
  // offers(name): the values that a drop-down can have, or null; isMoved(): whether somebody chose what is visible.
  constructor({store, geometry, offers, isMoved}) {
    Object.assign(this, {store, geometry, offers, isMoved});
    this.first = {...store.values};
    this.viewport = this.first.viewport;
    this.isLinked = false;
  }

  // show(values): do what the address tells, at first and when another is typed; otherwise it follows the state.
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
      if (typed) show({...this.first, theme: this.store.get("theme"), viewport: undefined, ...typed});
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

  // The values that the address tells of this model, or null.
  read() {
    const entries = new Map(location.hash.slice(1).split("&").map((entry) => entry.split("=")));
    if (text(entries.get(MODEL)) !== this.model) return null;
    const values = Object.keys(USUAL).map((name) => [name, this.valueOf(name, entries.get(name))]);
    const found = Object.fromEntries(values.filter(([, value]) => value !== undefined));
    const folded = foldChoices(this.geometry.scene).get(text(entries.get(DEPTH)));
    if (found.viewport && !isPart(found.viewport)) delete found.viewport;
    this.viewport = found.viewport ?? this.viewport;
    return folded ? {...found, folded} : found;
  }

  // undefined for what nobody can have chosen here.
  valueOf(name, written) {
    const parts = written ? written.split(",").map(text) : [];
    if (written === undefined || parts.includes(undefined)) return undefined;
    if (LISTS.includes(name)) return parts;
    if (name in NUMBERS) return this.numbersOf(name, parts.map(Number));
    const value = parts.join();
    const offered = name === "turn" ? TURNS : this.offers(name);
    if (offered && !offered.includes(value)) return undefined;
    return name === "latent" && !this.canTurnAt(value) ? undefined : value;
  }

  numbersOf(name, numbers) {
    if (name === "value_range" && numbers.length === 0) return null;
    if (numbers.length !== NUMBERS[name] || !numbers.every(Number.isFinite)) return undefined;
    if (name !== "merge_threshold") return numbers;
    return this.isLive && numbers[0] <= 1 ? numbers[0] : undefined;
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
    // What somebody else has written there is not ours to take away.
    const isOurs = location.hash.startsWith(`#${MODEL}=`);
    if (hash !== location.hash && (hash || isOurs)) history.replaceState(history.state, "", hash || location.pathname + location.search);
  }

  written() {
    const {store, geometry: {scene}, first} = this;
    const values = {...store.values, viewport: this.viewport.map((side) => Math.round(10 * side) / 10)};
    const usual = {...USUAL, folded: scene.first_folds};
    const names = Object.keys(USUAL);
    if (!this.isLinked && names.every((name) => same(values[name], first[name]))) return "";
    const told = names.filter((name) => !same(values[name], first[name]) || !same(values[name], usual[name])).map((name) => {
      const choice = name === "folded" ? choiceOf(foldChoices(scene), values.folded) : "";
      return choice ? `${DEPTH}=${choice}` : `${name}=${[values[name] ?? []].flat().map(encodeURIComponent).join()}`;
    });
    return told.length > 0 ? `#${[`${MODEL}=${encodeURIComponent(this.model)}`, ...told].join("&")}` : "";
  }
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
