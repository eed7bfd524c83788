// Draws the graph's figure: culls, fills the layers that HoloViews has declared, pans and zooms.

import { elementOf, scalesOf } from "../base/bokeh_private.js";
import { fittingScale, homeView, isSeen, partView, smallestScale, viewOf } from "./home.js";
import { centerFigure, hasSize, layersOf, onResize, setHere } from "../base/figure.js";
import { same } from "../base/store.js";
import { collectVisible, drawnEdges } from "./visible.js";
import { drawJunctions } from "./junctions.js";
import { Tip } from "./tip.js";
import { drawArrows, drawEdges, drawFrames, drawHalo, drawNodes, drawPlates, drawTexts } from "./drawing.js";

const MARGIN = 0.35;
const NEAR_PX = 5;
const ON_ONE_LINE_PX = 0.5;
// The rows with which HoloViews declares each layer.
const DECLARED_ROWS = 1;
const ANIMATION_MS = 160;
const MAX_SCALE = 3;

export class GraphView {
  constructor({figure, view, store, geometry, appearance, onRange}) {
    Object.assign(this, {figure, view, store, geometry, appearance, onRange});
    this.layers = layersOf(figure);
    this.textRows = new Map();
    Object.assign(this, {window: null, pending: 0, painting: 0, isStale: false});
    Object.assign(this, {hovered: "", hoveredEdges: [], tip: null, wanted: null, untouched: true});
    // The id of the box that the view was moved to, until it is moved elsewhere.
    this.centered = "";
    // The viewport in the page's address, and the values that decide on the layout in which it is.
    this.linked = null;
    for (const range of [figure.x_range, figure.y_range]) {
      for (const end of ["start", "end"]) range.properties[end].change.connect(() => this.rangeChanged());
    }
    onResize(figure, () => this.resized());
  }

  // Px on screen for one px of the layout.
  get scale() {
    const {x_range: x, inner_width: width} = this.figure;
    return width / (x.end - x.start);
  }

  // [left, right, top, bottom] of the visible part in layout px.
  get viewport() {
    const {x_range: x, y_range: y} = this.figure;
    return [x.start, x.end, Math.min(y.start, y.end), Math.max(y.start, y.end)];
  }

  get center() {
    const [left, right, top, bottom] = this.viewport;
    return [(left + right) / 2, (top + bottom) / 2];
  }

  // ---- moving

  // What is left out stays as it is.
  moveTo(view, {animate = false} = {}) {
    cancelAnimationFrame(this.animation);
    this.centered = "";
    const [[x0, y0], scale0] = [this.center, this.scale];
    const target = {x: x0, y: y0, ...view, scale: this.allowedScale(view.scale ?? scale0)};
    if (!animate || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.apply(target);
      return;
    }
    const begin = performance.now();
    const step = (now) => {
      const t = Math.min(1, Math.max(0, (now - begin) / ANIMATION_MS));
      const eased = t * (2 - t);
      const mix = (a, b) => a + (b - a) * eased;
      this.apply({x: mix(x0, target.x), y: mix(y0, target.y), scale: 1 / mix(1 / scale0, 1 / target.scale)});
      if (t < 1) this.animation = requestAnimationFrame(step);
    };
    this.animation = requestAnimationFrame(step);
  }

  apply({x, y, scale}) {
    this.wanted = {x, y, scale, top: y - this.figure.inner_height / scale / 2};
    centerFigure(this.figure, x, y, scale);
  }

  allowedScale(scale) {
    return Math.min(MAX_SCALE, Math.max(smallestScale(this.geometry, this.figure), scale));
  }

  fit(options) {
    const {width, height} = this.geometry;
    this.moveTo({x: width / 2, y: height / 2, scale: fittingScale(this.geometry, this.figure)}, options);
  }

  home() {
    this.moveTo(homeView(this.geometry, this.figure, this.geometry.rect({group: false, index: 0})));
  }

  // Show the part that the address holds if the data flows as it did there, else the start of the flow.
  firstView() {
    const {linked, store} = this;
    if (linked?.flow.every(([name, value]) => store.get(name) === value)) this.showAll(linked.viewport);
    else this.home();
  }

  // Show a part of the graph, with what lies around it where the window has another shape.
  showAll(viewport) {
    this.moveTo(partView(viewport, this.figure));
  }

  centerOn(id, options) {
    this.moveTo(this.viewOn(id, this.scale), options);
    this.centered = id;
  }

  viewOn(id, scale) {
    return viewOf(this.geometry.rect(this.geometry.shownAs(id)), scale, this.geometry, this.figure);
  }

  // Keep the box in the middle of the view there while the layout changes. Returns a function that moves the view back to it.
  hold() {
    const {geometry} = this;
    const [x, y] = this.center;
    const id = geometry.nearest((mx, my) => Math.hypot(mx - x, my - y));
    const from = id ? geometry.middle(id) : null;
    return () => {
      if (geometry.resolve(id) === "") return;
      const [mx, my] = geometry.middle(id);
      this.moveTo({x: x + mx - from[0], y: y + my - from[1]});
    };
  }

  // Whether a box lies inside the visible part, at a size that can be read.
  shows(id) {
    const [x, y] = this.center;
    return isSeen(this.geometry.rect(this.geometry.shownAs(id)), {x, y, scale: this.scale}, this.figure);
  }

  // Keep the box that the view went to in the middle, else the top of the view where it is. Show the first view again as long
  // as nobody has moved it.
  resized() {
    if (!hasSize(this.figure) || this.wanted === null) return;
    if (this.untouched) this.firstView();
    else if (this.geometry.resolve(this.centered)) this.apply(this.viewOn(this.centered, this.wanted.scale));
    else this.apply({...this.wanted, y: this.wanted.top + this.figure.inner_height / this.wanted.scale / 2});
    // Bokeh reports the size in the middle of its layout and then paints at once, before it has read the colours of new data.
    cancelAnimationFrame(this.drawing);
    this.drawing = requestAnimationFrame(() => this.redraw());
  }

  rangeChanged() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      if (!hasSize(this.figure)) return;
      // Something else is under the mouse now.
      this.hover("");
      this.keepAspect();
      this.draw(false);
      this.onRange();
    });
  }

  // Zooming on one axis only, by any tool, would distort the boxes.
  keepAspect() {
    const {figure} = this;
    const [left, right, top, bottom] = this.viewport;
    const [sx, sy] = [figure.inner_width / (right - left), figure.inner_height / (bottom - top)];
    const [x, y] = this.center;
    const scale = Math.min(sx, sy);
    // Beyond the last step of the wheel nothing moves. Otherwise the view would zoom about a place that is not under the mouse.
    const was = this.wanted?.scale ?? scale;
    const beyond = (scale > MAX_SCALE && scale > was * 1.001) || (scale < smallestScale(this.geometry, figure) && scale < was * 0.999);
    if (beyond) this.apply(this.wanted);
    else if (Math.abs(sx / sy - 1) > 1e-3) this.apply({x, y, scale});
    else this.wanted = {x, y, scale: sx, top};
  }

  // ---- drawing

  redraw() {
    // What was under the mouse may be gone.
    this.tip?.hide();
    if (hasSize(this.figure)) this.draw(true);
  }

  draw(force) {
    const {scale, window: seen} = this;
    const [left, right, top, bottom] = this.viewport;
    const inside = seen && left >= seen.left && right <= seen.right && top >= seen.top && bottom <= seen.bottom;
    if (!force && inside && Math.abs(seen.scale / scale - 1) < 1e-6) return;
    const [mx, my] = [(right - left) * MARGIN, (bottom - top) * MARGIN];
    this.window = {left: left - mx, right: right + mx, top: top - my, bottom: bottom + my, scale};
    this.visible = collectVisible(this.geometry, this.window);
    this.paint();
  }

  // Bokeh reads texts in several turns of the event loop. If they were filled again meanwhile, it would read beyond their end.
  paint() {
    if (this.painting) {
      this.isStale = true;
      return;
    }
    this.painting = setTimeout(() => {
      this.painting = 0;
      if (this.isStale) this.paint();
    });
    this.isStale = false;
    const {visible} = this;
    this.fill("frames", drawFrames(visible, this));
    this.paintEdges();
    this.fill("junctions", drawJunctions(visible, this));
    this.fill("nodes", drawNodes(visible, this));
    const texts = drawTexts(visible, this);
    this.fill("plates", drawPlates(texts.titles, this));
    for (const [name, {px, data}] of Object.entries(texts)) {
      // Silent: filling the layer applies the size as well, so it is filled even if the texts are the same.
      this.layers.get(name).glyph.setv({text_font_size: {value: `${px.toFixed(2)}px`}}, {silent: true});
      this.fill(name, this.padded(name, data), {check_eq: false});
    }
    this.fill("halo", drawHalo(this));
    const zoom = Math.min(1.5, this.scale);
    const glyph = (name, values) => setHere(this.layers.get(name).glyph, values);
    glyph("nodes", {border_radius: Math.round(6 * zoom)});
    glyph("frames", {border_radius: Math.round(8 * zoom)});
    glyph("junctions", {size: {value: 5 * zoom}});
    glyph("arrows", {size: {value: Math.max(2.5, 9 * zoom)}});
  }

  paintEdges() {
    this.fill("edges", drawEdges(this.visible, this));
    this.fill("arrows", drawArrows(this.visible, this));
  }

  fill(name, data, options = {}) {
    setHere(this.layers.get(name).data_source, {data}, options);
  }

  // Bokeh 3.9 builds texts asynchronously and meanwhile reads a colour for each text it had before, so the columns
  // never become shorter.
  padded(name, data) {
    const rows = Math.max(data.x.length, this.textRows.get(name) ?? DECLARED_ROWS);
    this.textRows.set(name, rows);
    const unused = {x: NaN, y: NaN, text: "", color: "#000000"};
    return Object.fromEntries(Object.entries(unused).map(([key, value]) => [key, [...data[key], ...new Array(rows - data.x.length).fill(value)]]));
  }

  // Highlight what is under the mouse. id: of a box or ""; edges: indices; tip: {title, detail, error} or null; place: a
  // rectangle on the figure that the tip must not cover.
  hover(id, edges = [], tip = null, place = null) {
    if (tip) this.tip ??= new Tip(elementOf(this.view, this.figure).shadowRoot);
    if (tip) this.tip.show(tip, place, {width: this.figure.outer_width, height: this.figure.outer_height});
    else this.tip?.hide();
    if (id === this.hovered && same(edges, this.hoveredEdges)) return;
    Object.assign(this, {hovered: id, hoveredEdges: edges});
    if (this.visible) this.paintEdges();
  }

  // The visible edges that run within a few px of a point: the nearest, and those that share its line there.
  edgesAt(x, y) {
    const near = NEAR_PX / this.scale;
    const {geometry, visible} = this;
    const {edges} = geometry;
    const candidates = [];
    const window = {left: x - near, right: x + near, top: y - near, bottom: y + near};
    for (const k of visible ? drawnEdges(geometry, visible.closed, window) : []) {
      const distance = distanceTo(edges[k], x, y);
      if (distance < near) candidates.push([distance, k]);
    }
    if (candidates.length === 0) return [];
    const [least, best] = candidates.reduce((a, b) => (b[0] < a[0] ? b : a));
    const isBeside = ([distance, k]) => distance < least + ON_ONE_LINE_PX && sharesEnd(edges[k], edges[best]);
    return candidates.filter(isBeside).map(([, k]) => k);
  }

  // Px of the figure of a rectangle in layout px.
  onFigure({x, y, w, h}) {
    const [across, down] = scalesOf(this.view, this.figure);
    const [x0, x1] = [x, x + w].map(across);
    const [y0, y1] = [y, y + h].map(down);
    return {x: x0, y: y0, width: x1 - x0, height: y1 - y0};
  }

  toPage(rect) {
    const {left, top} = elementOf(this.view, this.figure).getBoundingClientRect();
    const place = this.onFigure(rect);
    return {...place, x: place.x + left, y: place.y + top};
  }
}

function sharesEnd(a, b) {
  return ["source", "target"].some((end) => a[end].group === b[end].group && a[end].index === b[end].index);
}

// How far a point lies from a polyline whose lines are upright or level.
function distanceTo({xs, ys}, x, y) {
  let least = Infinity;
  for (let i = 1; i < xs.length; i++) {
    const [left, right] = [Math.min(xs[i - 1], xs[i]), Math.max(xs[i - 1], xs[i])];
    const [top, bottom] = [Math.min(ys[i - 1], ys[i]), Math.max(ys[i - 1], ys[i])];
    least = Math.min(least, Math.max(left - x, x - right, top - y, y - bottom, 0));
  }
  return least;
}
