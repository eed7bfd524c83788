// Links the views of one dashboard. The same code runs in a notebook, on a server, in Pyodide and in a saved file.

import constants from "../../../scene/constants.json" with { type: "json" };
import { openAddress } from "./address.js";
import { Coloring } from "../legend/colors.js";
import { Geometry } from "../graph/geometry.js";
import { GraphView } from "../graph/graph_view.js";
import { OverviewView } from "../graph/overview_view.js";
import { SliderView } from "../graph/slider_view.js";
import { TableView } from "../table/table_view.js";
import { Store } from "../base/store.js";
import { THEMES, applyTheme, pageTheme, watchPageTheme } from "./theme.js";
import { Arrangement } from "./arrange.js";
import { Folding } from "./depth.js";
import { allModels, elementOf, findView, isIdle, partsOf, sendOnlySynced, setComponent } from "../base/bokeh_private.js";
import { hasSize, setGround } from "../base/figure.js";
import { afterFrames } from "../base/after_frames.js";
import { FlowWidgets, switchFlow } from "./flow.js";
import { make } from "../base/dom.js";
import { FILTERS, Filtering } from "../search/filtering.js";
import { Keyboard } from "./keyboard.js";
import { makeHelp } from "./help.js";
import { Announcer, nameParts } from "./announce.js";
import { publish } from "./page_api.js";
import { plain } from "../base/plain.js";
import { Pointer } from "../graph/pointer.js";
import { Popover } from "./popover.js";
import { applyCompute } from "../detail/compute.js";
import { drawFacts } from "../detail/totals.js";
import { selectionContent } from "../detail/selection.js";

// Values that the table shows; it may be built last.
const SHOWN_LAST = ["query", "selected"];
const SETTLE_MS = 80;
const FOLLOW_MS = 3;
const RETRY_MS = 25;
const IDLE_MS = 5000;

export function render({model, view}) {
  const element = make("div", "idlmav-controller");
  const dashboard = new Dashboard(model, view, element);
  model.on("remove", () => dashboard.close());
  dashboard.start();
  return element;
}

class Dashboard {
  constructor(model, view, element) {
    Object.assign(this, {model, view, element});
    Object.assign(this, {leader: "graph", tableIsQuick: true, closed: false, connected: false});
    // Names of the values that have been changed in this page.
    this.changedHere = new Set();
    // Whether the visible part was set outside this page, by Python or in another window.
    this.following = false;
    this.ready = new Promise((resolve) => { this.resolveReady = resolve; });
    // The declaration of the state's values, as Python has it.
    this.fields = JSON.parse(model.fields);
    this.names = this.fields.map(({name}) => name);
    this.store = new Store(this.modelValues());
    this.factsElement = element.appendChild(make("div", "facts"));
    this.legendElement = element.appendChild(make("div", "legend-and-errors"));
    this.help = makeHelp(element);
    this.announcer = new Announcer(element);
  }

  find(part) {
    const name = `${this.model.uid}-${part}`;
    const {document: models} = this.view.model;
    return models.get_model_by_name(name) ?? allModels(models).find((m) => m.tags?.includes(name)) ?? null;
  }

  // Bokeh builds the views one by one; begin when the graph's figure has a size.
  start() {
    if (this.closed) return;
    sendOnlySynced(this.view.model.document);
    const figure = this.find("graph");
    if (!figure || !findView(this.view, figure) || !hasSize(figure)) {
      setTimeout(() => this.start(), RETRY_MS);
      return;
    }
    this.build(figure);
    this.connect();
    const all = this.table?.isBuilt ?? true;
    this.show(new Set(all ? ["scene", ...SHOWN_LAST] : ["scene"]), "start");
    this.unpublish = publish(this);
    this.address = openAddress(this);
    this.finish(all);
  }

  // Ready means that every view is built and painted; the table may take longest.
  finish(all) {
    if (this.closed) return;
    if (this.table && !this.table.isBuilt) {
      setTimeout(() => this.finish(false), RETRY_MS);
      return;
    }
    this.attachViews();
    if (!all) this.show(new Set(SHOWN_LAST), "start");
    this.table?.draw();
    this.letTableFollow();
    this.connectPython(performance.now() + IDLE_MS);
    // Bokeh paints texts with the second frame. After a rearrangement it needs two more, to measure and to draw.
    afterFrames(this.arrangement.frame ? 4 : 2, () => this.resolveReady(true));
  }

  // Connect when Python can answer: an answer that a server sends before Bokeh has reported the page as ready is lost.
  connectPython(latest) {
    if (this.closed) return;
    const {document: models} = this.view.model;
    if (!sendOnlySynced(models) && !isIdle(models) && performance.now() <= latest) {
      setTimeout(() => this.connectPython(latest), RETRY_MS);
      return;
    }
    this.connected = true;
    this.push(this.changedHere);
    this.model.send_msg("connected");
  }

  modelValues() {
    return Object.fromEntries(this.names.map((name) => [name, plain(this.model[name])]));
  }

  build(figure) {
    const {view, store} = this;
    this.geometry = new Geometry(JSON.parse(this.model.scene));
    this.appearance = {theme: THEMES.light, coloring: null, matches: null, steps: null, problem: "", hint: "", dimmedInk: () => null, groupMatches: () => true};
    const {geometry, appearance} = this;
    this.graph = new GraphView({figure, view, store, geometry, appearance, onRange: () => this.moved()});
    const common = {view, geometry, appearance, store, graph: this.graph, lead: (name) => this.lead(name), isLeader: (name) => this.leader === name};
    this.folding = common.folding = new Folding({...common, model: this.find("depth")});
    const [overview, table] = [this.find("overview"), this.find("table")];
    this.overview = overview && new OverviewView({...common, figure: overview});
    const sliders = [this.find("slider"), this.find("flat_slider")];
    this.slider = sliders[0] && new SliderView({...common, sliders, onMoved: () => this.moved()});
    this.table = table && new TableView({...common, model: table});
    this.pointer = new Pointer(common);
    this.flowWidgets = new FlowWidgets({...common, direction: this.find("direction"), turn: this.find("turn"), merge: this.find("merge_threshold")});
    this.detail = this.find("detail");
    this.filtering = new Filtering({
      ...common, element: this.legendElement, model: this.find("query"), onError: (node) => this.select(node),
      onLeave: () => elementOf(view, figure).focus(),
    });
    const models = {overview: this.overview?.figure, graph: figure, slider: sliders[0], flat_slider: sliders[1], side: this.find("side")};
    this.arrangement = new Arrangement(view, this.find("views"), models, {table: this.table?.model, detail: this.detail});
    this.container = elementOf(view, this.find("root")) ?? this.element;
  }

  connect() {
    const {store, model} = this;
    store.subscribe((changed, origin) => {
      this.show(changed, origin);
      if (origin === "model" || origin === "follow") return;
      for (const name of changed) this.changedHere.add(name);
      if (this.connected) this.push(changed);
    });
    model.on(this.names, () => store.set(this.modelValues(), "model"));
    // The answer to "connected" may cross what has happened here since.
    model.on("msg:custom", (values) => {
      // Sent back, it would undo what has been chosen in another window meanwhile.
      model.setv(Object.fromEntries(Object.entries(plain(values)).filter(([name]) => !this.changedHere.has(name))), {sync: false});
    });
    model.on(["scene"], () => this.replaceScene(JSON.parse(model.scene)));
    this.container.addEventListener("idlmav-select", ({detail: id}) => this.select(id));
    this.unwatch = watchPageTheme(() => this.show(new Set(["theme"]), "page"));
    this.popover = new Popover(this.view, this.find("popover"), this.find("more"), this.container);
    for (const {name} of constants.buttons) this.find(name)?.on_event("button_click", () => this.pressed(name));
    this.bindWidget("query", "value_input");
    for (const {name, drop_down: hasDropDown} of this.fields) if (hasDropDown) this.bindWidget(name, "value");
  }

  // A widget and a state value follow each other.
  bindWidget(name, property) {
    const widget = this.find(name);
    if (!widget) return;
    // Filters of one colour's legend have no meaning in another legend.
    const also = name === "color_by" ? {highlighted: [], value_range: null} : {};
    widget.properties[property].change.connect(() => {
      if (widget[property] !== this.store.get(name)) this.store.set({[name]: widget[property], ...also}, "widget");
    });
    this.store.subscribe((changed, origin) => {
      if (!changed.has(name) || origin === "widget") return;
      widget.setv(property === "value_input" ? {value: this.store.get(name), value_input: this.store.get(name)} : {value: this.store.get(name)});
    });
  }

  replaceScene(scene) {
    const before = this.geometry.scene;
    const turned = scene.flow !== before.flow || scene.latent !== before.latent || scene === before;
    const holdPlace = this.graph.hold();
    Object.assign(this.geometry, new Geometry(scene));
    this.store.set({direction: this.geometry.direction}, "model");
    this.folding.sceneChanged();
    this.show(new Set(["scene"]), "model");
    this.table?.filter(this.appearance.inTable);
    if (!turned) return holdPlace();
    // Everything lies elsewhere now; this is repeated when the views have found their new places.
    Object.assign(this, {leader: "graph", following: false});
    this.graph.untouched = true;
    return this.graph.firstView();
  }

  // ---- moving: the view that was used last leads, the others follow

  lead(name) {
    this.leader = name;
    this.following = false;
    Object.assign(this.graph, {untouched: false, centered: ""});
  }

  attachViews() {
    const element = (model) => elementOf(this.view, model);
    for (const {name, title} of constants.buttons) {
      const button = partsOf(element(this.find(name)), "button")[0];
      button?.setAttribute("title", title);
      if (button?.textContent.length === 1) button.setAttribute("aria-label", title);
    }
    this.filtering.field?.attach();
    const graphElement = element(this.graph.figure);
    this.pointer.attach(graphElement);
    this.keyboard = new Keyboard({dashboard: this, element: this.container, graphElement});
    nameParts({
      graph: graphElement, overview: element(this.overview?.figure), sliders: this.slider?.sliders.map(element) ?? [], element: this.container,
    }, this.geometry.scene);
    const views = {graph: this.graph.figure, overview: this.overview?.figure, table: this.table?.model};
    const sliders = this.slider?.sliders.map((model) => ["slider", model]) ?? [];
    for (const [name, model] of [...Object.entries(views), ...sliders]) {
      for (const event of ["pointerdown", "wheel", "touchstart", "keydown"]) {
        element(model)?.addEventListener(event, () => this.lead(name), {capture: true, passive: true});
      }
    }
  }

  moved() {
    this.overview?.drawWindow();
    if (this.slider && this.leader !== "slider") this.slider.update();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.settled(), SETTLE_MS);
    if (this.tableIsQuick) this.letTableFollow();
  }

  // If one step in the graph is a jump of thousands of rows, the table waits until the graph has come to rest.
  letTableFollow() {
    if (!this.table || this.leader === "table" || this.leader === "selection") return;
    const begin = performance.now();
    this.table.follow();
    this.tableIsQuick = performance.now() - begin < FOLLOW_MS;
  }

  settled() {
    if (this.closed) return;
    if (this.slider) this.slider.update();
    if (!this.tableIsQuick) this.letTableFollow();
    // A window that follows another one has its own shape: two of them would move each other for ever.
    this.store.set({viewport: this.graph.viewport}, this.following ? "follow" : "graph");
  }

  // ---- showing the state

  show(changed, origin) {
    const {store, graph, appearance} = this;
    const has = (...names) => changed.has("scene") || names.some((name) => changed.has(name));
    if (has("compute_unit", "estimates")) this.showCompute(changed);
    if (has("folded", "size_by")) this.geometry.update(store.get("folded"), store.get("size_by"));
    if (has("color_by")) appearance.coloring = new Coloring(this.geometry.scene, store.get("color_by"));
    if (has("folded", "color_by", "size_by")) this.table?.refresh();
    const filtered = has(...FILTERS);
    if (filtered || has("color_by", "size_by")) this.filtering.find();
    if (filtered) this.table?.filter(appearance.inTable);
    if (has("theme")) this.showTheme();
    if (changed.has("scene") && store.get("viewport")) this.showViewport();
    else if (changed.has("scene")) graph.firstView();
    if (changed.has("selected")) this.showSelection(origin);
    if (changed.has("viewport") && origin !== "graph" && origin !== "follow") this.showViewport();
    if (filtered || has("folded", "size_by", "color_by", "theme", "selected")) graph.redraw();
    if (filtered || has("folded", "size_by", "color_by", "theme")) this.overview?.redraw();
    if (has("folded", "size_by")) this.slider?.update();
    if (filtered || has("color_by", "theme")) this.filtering.showLegend();
    if (filtered || has("selected")) this.filtering.field?.show();
    if (changed.has("query")) this.announcer.matches(appearance);
    if (has("selected")) this.showDetail(changed.has("selected"));
    if (has("folded")) this.folding.showChoice();
    if (has("latent", "turn", "merge_threshold", "selected")) this.flowWidgets.update();
    if (changed.has("scene")) this.arrangement.update(this.geometry.direction);
    else if (has("direction", "turn") && switchFlow(this.geometry.scene, store.values)) this.replaceScene(this.geometry.scene);
  }

  // Numbers in another unit, or without estimates: everything that shows numbers is drawn again.
  showCompute(changed) {
    const {scene} = this.geometry;
    applyCompute(scene, this.store.values);
    drawFacts(this.factsElement, scene);
    this.table?.showNumbers();
    for (const name of ["color_by", "size_by"]) {
      const options = this.find(name)?.options.map(([value, text]) => [value, value === "flops" ? scene.compute.unit : text]);
      if (options) this.find(name).setv({options}, {sync: false});
      if (this.store.get(name) === "flops") changed.add(name);
    }
    for (const name of ["query", "value_range", "selected"]) changed.add(name);
  }

  showViewport() {
    const viewport = this.store.get("viewport");
    if (viewport === null) return;
    this.graph.untouched = false;
    this.graph.showAll(viewport);
    this.leader = "graph";
    this.following = true;
  }

  showTheme() {
    const wanted = this.store.get("theme");
    const theme = THEMES[wanted === "auto" ? pageTheme() : wanted];
    this.appearance.theme = theme;
    applyTheme(this.container, theme);
    if (this.model.fills_page) applyTheme(document.documentElement, theme);
    setGround(this.graph.figure, theme.paper);
    if (this.overview) setGround(this.overview.figure, theme.panel);
  }

  // ---- selecting and folding

  select(name) {
    const id = this.geometry.unreachedAt.has(name) ? name : this.geometry.resolve(name);
    this.store.set({selected: id}, "page");
  }

  showSelection(origin) {
    const named = this.store.get("selected");
    // A module that was never called has a row in the table but no box.
    const id = this.geometry.resolve(named);
    if (origin !== "table") this.table?.select(this.geometry.unreachedAt.has(named) ? named : id);
    // A box that was just clicked in the graph must not move away from under the mouse.
    // A link says which part is visible, also when the table is built late and shows the selection then.
    const isLinked = origin === "start" && this.graph.linked !== null;
    const move = id && !isLinked && (origin === "table" || origin === "search" || (origin !== "tap" && !this.graph.shows(id)));
    if (id && !isLinked) this.graph.untouched = false;
    if (move && origin !== "model") this.following = false;
    // The table shows the selected row; it does not follow the graph on its way there.
    if (move && this.leader !== "table") this.leader = "selection";
    if (move) this.graph.centerOn(id, {animate: origin !== "start"});
  }

  showDetail(isAnnounced) {
    const named = this.store.get("selected");
    const content = selectionContent(this.geometry, named);
    if (this.detail) setComponent(this.detail, {content});
    if (!isAnnounced) return;
    const id = this.geometry.resolve(named);
    const {group, index} = id ? this.geometry.place(id) : {};
    this.announcer.selection(content, group ? ["", "open", "folded"][this.geometry.groups.state[index]] : "");
  }

  pressed(name) {
    this.lead("graph");
    if (name === "fit") this.graph.fit({animate: true});
    if (name === "help") this.help.showModal();
    if (name === "more") this.popover.toggle();
    if (name === "theme") this.store.set({theme: this.appearance.theme.name === "dark" ? "light" : "dark"}, "page");
    if (name === "unfold") this.folding.set([]);
    if (name === "fold") this.folding.toDepth(0);
  }

  // Send values to Python, if there is one.
  push(changed) {
    const names = this.names.filter((name) => changed.has(name));
    if (names.length > 0) this.model.setv(Object.fromEntries(names.map((name) => [name, this.store.get(name)])));
  }

  close() {
    this.closed = true;
    clearTimeout(this.settling);
    this.unwatch?.();
    this.unpublish?.();
    for (const part of [this.address, this.keyboard, this.announcer, this.arrangement, this.table]) part?.close();
  }
}
