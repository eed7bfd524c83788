// The graph's figure: culls, writes the HoloViews layers' data, pans and zooms, reports taps.

import { fittingScale, homeView, isSeen, partView, smallestScale, viewOf } from "./home.js";
import { same } from "../base/store.js";
import { collectVisible, drawnEdges } from "./visible.js";
import { drawJunctions } from "./junctions.js";
import { Tip } from "./tip.js";
import { drawArrows, drawEdges, drawFrames, drawHalo, drawNodes, drawPlates, drawTexts } from "./drawing.js";

const MARGIN = 0.35;
const NEAR_PX = 5;
const ON_ONE_LINE_PX = 0.5;
// What HoloViews declares each layer with.
const DECLARED_ROWS = 1;
const ANIMATION_MS = 160;
const MAX_SCALE = 3;

export class GraphView {
  constructor({figure, view, store, picture, look, onRange}) {
    Object.assign(this, {figure, view, store, picture, look, onRange});
    this.layers = new Map(figure.renderers.filter((r) => r.name).map((r) => [r.name, r]));
    this.textRows = new Map();
    this.window = null;
    this.pending = 0;
    this.painting = 0;
    this.isStale = false;
    this.hovered = "";
    this.hoveredEdges = [];
    this.tip = null;
    this.wanted = null;
    this.untouched = true;
    // The id of the box that the view was moved to, until it is moved elsewhere.
    this.centered = "";
    // The viewport in the page's address, and the values that decide on the layout in which it is.
    this.linked = null;
    for (const range of [figure.x_range, figure.y_range]) {
      for (const end of ["start", "end"]) range.properties[end].change.connect(() => this.rangeChanged());
    }
    for (const side of ["inner_width", "inner_height"]) {
      figure.properties[side].change.connect(() => this.resized());
    }
  }

  get ready() {
    return this.figure.inner_width > 10 && this.figure.inner_height > 10;
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

  moveTo(x, y, scale, {animate = false} = {}) {
    cancelAnimationFrame(this.animation);
    this.centered = "";
    const target = {x, y, scale: this.allowedScale(scale)};
    if (!animate || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.apply(target);
      return;
    }
    const [x0, y0] = this.center;
    const scale0 = this.scale;
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
    const {figure} = this;
    const [w, h] = [figure.inner_width / scale / 2, figure.inner_height / scale / 2];
    this.wanted = {x, y, scale, top: y - h};
    figure.x_range.setv({start: x - w, end: x + w}, {sync: false});
    figure.y_range.setv({start: y + h, end: y - h}, {sync: false});
  }

  allowedScale(scale) {
    return Math.min(MAX_SCALE, Math.max(this.smallestScale(), scale));
  }

  smallestScale() {
    return smallestScale(this.picture, this.figure);
  }

  fittingScale() {
    return fittingScale(this.picture, this.figure);
  }

  fit(options) {
    this.moveTo(this.picture.width / 2, this.picture.height / 2, this.fittingScale(), options);
  }

  home() {
    const {x, y, scale} = homeView(this.picture, this.figure, this.picture.rect({group: false, index: 0}));
    this.moveTo(x, y, scale);
  }

  // What was linked, if the data flows as it did there, else the start of the flow.
  firstView() {
    const {linked, store} = this;
    if (linked?.flow.every(([name, value]) => store.get(name) === value)) this.showAll(linked.viewport);
    else this.home();
  }

  // A part of the picture, with what lies around it where the window has another shape.
  showAll(viewport) {
    const {x, y, scale} = partView(viewport, this.figure);
    this.moveTo(x, y, scale);
  }

  centerOn(id, options) {
    const {x, y, scale} = viewOf(this.picture.rect(this.picture.shownAs(id)), this.scale, this.picture, this.figure);
    this.moveTo(x, y, scale, options);
    this.centered = id;
  }

  // Whether a box lies inside the visible part, at a size that can be read.
  shows(id) {
    const [x, y] = this.center;
    return isSeen(this.picture.rect(this.picture.shownAs(id)), {x, y, scale: this.scale}, this.figure);
  }

  // What the view went to stays in its middle, else the top of the picture where it is; as long as nobody has moved it, the
  // first view is made anew.
  resized() {
    if (!this.ready || this.wanted === null) return;
    if (this.untouched) this.firstView();
    else if (this.picture.resolve(this.centered)) this.apply(viewOf(this.picture.rect(this.picture.shownAs(this.centered)), this.wanted.scale, this.picture, this.figure));
    else this.apply({...this.wanted, y: this.wanted.top + this.figure.inner_height / this.wanted.scale / 2});
    // Bokeh tells of it in the middle of its layout and then paints at once, before it has read the colours of other data.
    cancelAnimationFrame(this.drawing);
    this.drawing = requestAnimationFrame(() => this.redraw());
  }

  rangeChanged() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      if (!this.ready) return;
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
    // At the last step of the wheel that can be taken nothing moves; it would turn about a place that is not under the mouse.
    const was = this.wanted?.scale ?? scale;
    const beyond = (scale > MAX_SCALE && scale > was * 1.001) || (scale < this.smallestScale() && scale < was * 0.999);
    if (beyond) this.apply(this.wanted);
    else if (Math.abs(sx / sy - 1) > 1e-3) this.apply({x, y, scale});
    else this.wanted = {x, y, scale: sx, top};
  }

  // ---- drawing

  redraw() {
    // What was under the mouse may be gone.
    this.tip?.hide();
    if (this.ready) this.draw(true);
  }

  draw(force) {
    const {scale, window: seen} = this;
    const [left, right, top, bottom] = this.viewport;
    const inside = seen && left >= seen.left && right <= seen.right && top >= seen.top && bottom <= seen.bottom;
    if (!force && inside && Math.abs(seen.scale / scale - 1) < 1e-6) return;
    const [mx, my] = [(right - left) * MARGIN, (bottom - top) * MARGIN];
    this.window = {left: left - mx, right: right + mx, top: top - my, bottom: bottom + my, scale};
    const visible = collectVisible(this.picture, this.window);
    this.visible = visible;
    this.paint();
  }

  // Bokeh takes up texts in several turns: filled again meanwhile, they would be read beyond their end.
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
    const {context, visible, scale} = this;
    this.fill("frames", drawFrames(visible, context));
    this.fill("edges", drawEdges(visible, context));
    this.fill("arrows", drawArrows(visible, context));
    this.fill("junctions", drawJunctions(visible, context));
    this.fill("nodes", drawNodes(visible, context));
    const texts = drawTexts(visible, context);
    this.fill("plates", drawPlates(texts.titles, context));
    for (const [name, {px, data}] of Object.entries(texts)) {
      // Silent: filling the layer applies the size as well, so it is filled even if the texts are the same.
      this.layers.get(name).glyph.setv({text_font_size: {value: `${px.toFixed(2)}px`}}, {silent: true});
      this.fill(name, this.padded(name, data), {check_eq: false});
    }
    this.fill("halo", drawHalo(context));
    const zoom = Math.min(1.5, scale);
    const glyph = (name, values) => this.layers.get(name).glyph.setv(values, {sync: false});
    glyph("nodes", {border_radius: Math.round(6 * zoom)});
    glyph("frames", {border_radius: Math.round(8 * zoom)});
    glyph("junctions", {size: {value: 5 * zoom}});
    glyph("arrows", {size: {value: Math.max(2.5, 9 * zoom)}});
  }

  // A server need not hear of it: what is drawn follows from the state.
  fill(name, data, options = {}) {
    this.layers.get(name).data_source.setv({data}, {sync: false, ...options});
  }

  // Bokeh 3.9 builds texts asynchronously and meanwhile reads a colour for each text it had before, so the columns
  // never become shorter.
  padded(name, data) {
    const rows = Math.max(data.x.length, this.textRows.get(name) ?? DECLARED_ROWS);
    this.textRows.set(name, rows);
    const missing = new Array(rows - data.x.length);
    return {
      x: [...data.x, ...missing.fill(NaN)],
      y: [...data.y, ...missing.fill(NaN)],
      text: [...data.text, ...missing.fill("")],
      color: [...data.color, ...missing.fill("#000000")],
    };
  }

  get context() {
    const {picture, look, scale, store, hovered, hoveredEdges} = this;
    return {picture, look, scale, store, hovered, hoveredEdges};
  }

  // Under the mouse: the id of a box or "", the indices of visible edges, what to say of it, where on the figure.
  hover(id, edges = [], said = null, place = null) {
    this.showTip(said, place);
    if (id === this.hovered && same(edges, this.hoveredEdges)) return;
    Object.assign(this, {hovered: id, hoveredEdges: edges});
    if (!this.visible) return;
    this.fill("edges", drawEdges(this.visible, this.context));
    this.fill("arrows", drawArrows(this.visible, this.context));
  }

  // The visible edges that run within a few px of a point: the nearest, and those that share its line there.
  edgesAt(x, y) {
    const near = NEAR_PX / this.scale;
    const {picture, visible} = this;
    const {edges} = picture;
    const candidates = [];
    const window = {left: x - near, right: x + near, top: y - near, bottom: y + near};
    for (const k of visible ? drawnEdges(picture, visible.closed, window) : []) {
      const distance = distanceTo(edges[k], x, y);
      if (distance < near) candidates.push([distance, k]);
    }
    if (candidates.length === 0) return [];
    const [least, best] = candidates.reduce((a, b) => (b[0] < a[0] ? b : a));
    const isBeside = ([distance, k]) => distance < least + ON_ONE_LINE_PX && sharesEnd(edges[k], edges[best]);
    return candidates.filter(isBeside).map(([, k]) => k);
  }

  // said: {title, detail, error}; place: a rectangle on the figure that the tip is not to cover.
  showTip(said, place) {
    if (said === null) return this.tip?.hide();
    this.tip ??= new Tip(this.view.owner.find_one(this.figure).el.shadowRoot);
    return this.tip.show(said, place, {width: this.figure.outer_width, height: this.figure.outer_height});
  }

  setTheme(theme) {
    this.figure.setv({background_fill_color: theme.paper, border_fill_color: theme.paper}, {sync: false});
  }

  // Px of the figure of a rectangle in layout px.
  onFigure({x, y, w, h}) {
    const {frame} = this.view.owner.find_one(this.figure);
    const [x0, x1] = [x, x + w].map((value) => frame.x_scale.compute(value));
    const [y0, y1] = [y, y + h].map((value) => frame.y_scale.compute(value));
    return {x: x0, y: y0, width: x1 - x0, height: y1 - y0};
  }

  toPage(rect) {
    const {left, top} = this.view.owner.find_one(this.figure).el.getBoundingClientRect();
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
