// The overview's figure: every box, and the visible part as a window that is clicked, dragged and resized.

const MOST_BOXES = 2500;
const EDGE_PX = 7;
const READABLE_SCALE = 0.16;
const SMALLEST_BOX_PX = 1.5;
const SMALLEST_WINDOW_PX = 10;
const DIMMED = 0.2;

export class OverviewView {
  constructor({figure, view, picture, look, graph, onLead}) {
    Object.assign(this, {figure, view, picture, look, graph, onLead});
    this.layers = new Map(figure.renderers.filter((r) => r.name).map((r) => [r.name, r]));
    this.drag = null;
    for (const side of ["inner_width", "inner_height"]) {
      figure.properties[side].change.connect(() => this.redraw());
    }
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

  // A long and narrow picture is drawn wider than it is, so that its boxes can be seen.
  redraw() {
    const {figure, picture} = this;
    if (!(figure.inner_width > 10) || !(figure.inner_height > 10)) return;
    const fitting = [figure.inner_width / (picture.width + 1), figure.inner_height / (picture.height + 1)].map((s) => s / 1.06);
    const least = Math.min(...fitting);
    const [sx, sy] = fitting.map((scale) => Math.min(scale, Math.max(least, READABLE_SCALE)));
    const [w, h] = [figure.inner_width / sx / 2, figure.inner_height / sy / 2];
    const [x, y] = [picture.width / 2, picture.height / 2];
    figure.x_range.setv({start: x - w, end: x + w}, {sync: false});
    figure.y_range.setv({start: y + h, end: y - h}, {sync: false});
    this.drawBoxes();
    this.drawWindow();
  }

  drawBoxes() {
    const {nodes, groups} = this.picture;
    const data = {x0: [], y0: [], x1: [], y1: [], fill: []};
    const [least_w, least_h] = this.scales.map((scale) => SMALLEST_BOX_PX / scale);
    const {look} = this;
    const push = ({x, y, w, h}, i, full, bright) => {
      const fill = bright ? full : mixed(full, look.theme.panel, DIMMED);
      const values = {x0: x[i], y0: y[i], x1: x[i] + Math.max(w[i], least_w), y1: y[i] + Math.max(h[i], least_h), fill};
      for (const [name, value] of Object.entries(values)) data[name].push(value);
    };
    const shown = [];
    for (let i = 0; i < nodes.visible.length; i++) if (nodes.visible[i]) shown.push(i);
    const step = Math.max(1, Math.ceil(shown.length / MOST_BOXES));
    for (let k = 0; k < shown.length; k += step) {
      const i = shown[k];
      push(nodes, i, look.coloring.node(i).fill, look.matches === null || look.matches[i]);
    }
    for (let i = 0; i < groups.state.length; i++) {
      if (groups.state[i] === 2) push(groups, i, look.coloring.group(i)?.fill ?? look.theme.muted, look.groupMatches(i));
    }
    this.layers.get("boxes").data_source.setv({data}, {sync: false});
  }

  // The visible part, never so small that it cannot be seen or grasped.
  drawWindow() {
    const [left, right, top, bottom] = this.graph.viewport;
    const grow = (low, high, scale) => Math.max(0, (SMALLEST_WINDOW_PX / scale - (high - low)) / 2);
    const [sx, sy] = this.scales;
    const [mx, my] = [grow(left, right, sx), grow(top, bottom, sy)];
    // As much of it as there is room for.
    const {x_range: x, y_range: y} = this.figure;
    const [inX, inY] = [1.5 / sx, 1.5 / sy];
    const clip = (value, low, high) => Math.min(high, Math.max(low, value));
    const [x0, x1] = [left - mx, right + mx].map((value) => clip(value, x.start + inX, x.end - inX));
    const [y0, y1] = [top - my, bottom + my].map((value) => clip(value, y.end + inY, y.start - inY));
    const data = {x0: [x0], x1: [x1], y0: [y0], y1: [y1], color: [this.look.theme.into]};
    this.layers.get("window").data_source.setv({data}, {sync: false});
  }

  begin({x, y}) {
    this.onLead();
    const inside = this.isInWindow(x, y);
    if (!inside) this.moveTo(x, y);
    const [cx, cy] = this.graph.center;
    this.drag = {dx: inside ? cx - x : 0, dy: inside ? cy - y : 0, edge: inside ? this.edgeAt(x, y) : null};
  }

  move({x, y}) {
    if (this.drag === null) return;
    const {graph, drag: {dx, dy, edge}} = this;
    if (edge === null) {
      graph.moveTo(x + dx, y + dy, graph.scale);
      return;
    }
    const {level, first, low, high} = edge;
    const at = level ? y : x;
    const [from, to] = first ? [at, high] : [low, at];
    if (to - from < 1) return;
    const {inner_width: width, inner_height: height} = graph.figure;
    const [cx, cy] = graph.center;
    // The edge opposite stays where it is, also at the smallest and the largest scale.
    const length = (level ? height : width) / graph.allowedScale((level ? height : width) / (to - from));
    const middle = first ? high - length / 2 : low + length / 2;
    graph.moveTo(level ? cx : middle, level ? middle : cy, (level ? height : width) / length);
  }

  isInWindow(x, y) {
    const [left, right, top, bottom] = this.graph.viewport;
    const [nearX, nearY] = this.scales.map((scale) => EDGE_PX / scale);
    return x > left - nearX && x < right + nearX && y > top - nearY && y < bottom + nearY;
  }

  // The edge of the window near a place: {level, first, low, high}; a thin window is for moving, not for resizing.
  edgeAt(x, y) {
    const [left, right, top, bottom] = this.graph.viewport;
    const [nearX, nearY] = this.scales.map((scale) => EDGE_PX / scale);
    const edges = [[true, y, top, bottom, nearY], [false, x, left, right, nearX]];
    for (const [level, at, low, high, near] of edges) {
      const distances = [Math.abs(at - low), Math.abs(at - high)];
      if (high - low > 4 * near && Math.min(...distances) < near) return {level, first: distances[0] < near, low, high};
    }
    return null;
  }

  showCursor({x, y}) {
    const inside = this.isInWindow(x, y);
    const edge = inside ? this.edgeAt(x, y) : null;
    const {el} = this.view.owner.find_one(this.figure);
    el.style.cursor = edge !== null ? (edge.level ? "ns-resize" : "ew-resize") : inside ? "grab" : "pointer";
  }

  moveTo(x, y) {
    this.onLead();
    this.graph.moveTo(x, y, this.graph.scale);
  }

  setTheme(theme) {
    this.figure.setv({background_fill_color: theme.panel, border_fill_color: theme.panel}, {sync: false});
  }
}

// A translucent colour on a ground.
function mixed(color, ground, opacity) {
  const at = (text, k) => Number.parseInt(text.slice(k, k + 2), 16);
  const channels = [1, 3, 5].map((k) => Math.round(at(color, k) * opacity + at(ground, k) * (1 - opacity)));
  return `#${channels.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}
