// Draws the overview: every box, and the visible part as a window that a person clicks, drags and resizes.

import { elementOf } from "../base/bokeh_private.js";
import { CORNERS, centerFigure, columnsOf, hasSize, layersOf, onResize, setHere } from "../base/figure.js";

const MOST_BOXES = 2500;
const EDGE_PX = 7;
const READABLE_SCALE = 0.16;
const SMALLEST_BOX_PX = 1.5;
const SMALLEST_WINDOW_PX = 10;
const DIMMED = 0.2;

export class OverviewView {
  constructor({figure, view, geometry, appearance, graph, lead}) {
    Object.assign(this, {figure, view, geometry, appearance, graph, lead});
    this.layers = layersOf(figure);
    this.drag = null;
    onResize(figure, () => this.redraw());
    figure.on_event("tap", (event) => this.moveTo(event.x, event.y));
    figure.on_event("panstart", (event) => this.begin(event));
    figure.on_event("pan", (event) => this.move(event));
    figure.on_event("panend", () => { this.drag = null; });
    figure.on_event("mousemove", (event) => this.showCursor(event));
  }

  // Px of the overview for one px of the layout, across and down.
  get scales() {
    const {x_range: x, y_range: y, inner_width: width, inner_height: height} = this.figure;
    return [width / Math.abs(x.end - x.start), height / Math.abs(y.end - y.start)];
  }

  // A long and narrow graph is drawn wider than it is, so that its boxes can be seen.
  redraw() {
    const {figure, geometry} = this;
    if (!hasSize(figure)) return;
    const fitting = [figure.inner_width / (geometry.width + 1), figure.inner_height / (geometry.height + 1)].map((s) => s / 1.06);
    const least = Math.min(...fitting);
    const [sx, sy] = fitting.map((scale) => Math.min(scale, Math.max(least, READABLE_SCALE)));
    centerFigure(figure, geometry.width / 2, geometry.height / 2, sx, sy);
    this.drawBoxes();
    this.drawWindow();
  }

  drawBoxes() {
    const {appearance: {coloring, matches, theme, groupMatches}, geometry: {nodes, groups}} = this;
    const [leastW, leastH] = this.scales.map((scale) => SMALLEST_BOX_PX / scale);
    const row = ({x, y, w, h}, i, full, isBright) => ({
      x0: x[i], y0: y[i], x1: x[i] + Math.max(w[i], leastW), y1: y[i] + Math.max(h[i], leastH),
      fill: isBright ? full : mixed(full, theme.panel, DIMMED),
    });
    const rows = [];
    const shown = [...nodes.visible.keys()].filter((i) => nodes.visible[i]);
    const step = Math.max(1, Math.ceil(shown.length / MOST_BOXES));
    for (let k = 0; k < shown.length; k += step) rows.push(row(nodes, shown[k], coloring.node(shown[k]).fill, matches === null || matches[shown[k]]));
    groups.state.forEach((state, i) => { if (state === 2) rows.push(row(groups, i, coloring.group(i)?.fill ?? theme.muted, groupMatches(i))); });
    setHere(this.layers.get("boxes").data_source, {data: columnsOf([...CORNERS, "fill"], rows)});
  }

  // The visible part, never so small that it cannot be seen or grasped.
  drawWindow() {
    const [left, right, top, bottom] = this.graph.viewport;
    const grow = (low, high, scale) => Math.max(0, (SMALLEST_WINDOW_PX / scale - (high - low)) / 2);
    const [sx, sy] = this.scales;
    const [mx, my] = [grow(left, right, sx), grow(top, bottom, sy)];
    // Only the part of it that lies in the overview is drawn.
    const {x_range: x, y_range: y} = this.figure;
    const [inX, inY] = [1.5 / sx, 1.5 / sy];
    const clip = (value, low, high) => Math.min(high, Math.max(low, value));
    const [x0, x1] = [left - mx, right + mx].map((value) => clip(value, x.start + inX, x.end - inX));
    const [y0, y1] = [top - my, bottom + my].map((value) => clip(value, y.end + inY, y.start - inY));
    const data = {x0: [x0], x1: [x1], y0: [y0], y1: [y1], color: [this.appearance.theme.into]};
    setHere(this.layers.get("window").data_source, {data});
  }

  begin({x, y}) {
    this.lead("overview");
    const {isInside, edge} = this.windowAt(x, y);
    if (!isInside) this.moveTo(x, y);
    const [cx, cy] = this.graph.center;
    this.drag = {dx: isInside ? cx - x : 0, dy: isInside ? cy - y : 0, edge};
  }

  move({x, y}) {
    if (this.drag === null) return;
    const {graph, drag: {dx, dy, edge}} = this;
    if (edge === null) {
      graph.moveTo({x: x + dx, y: y + dy});
      return;
    }
    const {level, first, low, high} = edge;
    const at = level ? y : x;
    const wanted = first ? high - at : at - low;
    if (wanted < 1) return;
    const room = level ? graph.figure.inner_height : graph.figure.inner_width;
    // The edge opposite stays where it is, also at the smallest and the largest scale.
    const scale = graph.allowedScale(room / wanted);
    const middle = first ? high - room / scale / 2 : low + room / scale / 2;
    graph.moveTo({[level ? "y" : "x"]: middle, scale});
  }

  // Whether a place is in the window, and the edge near it or null; a thin window is for moving, not for resizing.
  windowAt(x, y) {
    const [left, right, top, bottom] = this.graph.viewport;
    const [nearX, nearY] = this.scales.map((scale) => EDGE_PX / scale);
    const sides = [{level: true, at: y, low: top, high: bottom, near: nearY}, {level: false, at: x, low: left, high: right, near: nearX}];
    const isInside = sides.every(({at, low, high, near}) => at > low - near && at < high + near);
    const edges = sides.flatMap((side) => [{...side, first: true}, {...side, first: false}]);
    const isNear = ({at, low, high, near, first}) => high - low > 4 * near && Math.abs(at - (first ? low : high)) < near;
    return {isInside, edge: (isInside && edges.find(isNear)) || null};
  }

  showCursor({x, y}) {
    const {isInside, edge} = this.windowAt(x, y);
    elementOf(this.view, this.figure).style.cursor = edge ? (edge.level ? "ns-resize" : "ew-resize") : isInside ? "grab" : "pointer";
  }

  moveTo(x, y) {
    this.lead("overview");
    this.graph.moveTo({x, y});
  }
}

// The colour that a translucent colour has on a ground.
function mixed(color, ground, opacity) {
  const at = (text, k) => Number.parseInt(text.slice(k, k + 2), 16);
  const channels = [1, 3, 5].map((k) => Math.round(at(color, k) * opacity + at(ground, k) * (1 - opacity)));
  return `#${channels.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}
