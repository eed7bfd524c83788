// Holds the layout after folding and sizing, with look-ups by id, place and order.

import constants from "../../../scene/constants.json" with { type: "json" };
import { makeFolder } from "../fold/fold.js";
import { stretch } from "./sizing.js";
import { growth } from "../legend/colors.js";

const CORNER_PX = 6;
const CORNER_STEPS = [0, 0.25, 0.5, 0.75, 1];

export class Geometry {
  constructor(scene) {
    const {nodes, groups, direction} = scene.geometry;
    // turned: whether the data flows back or to the side after a latent op.
    Object.assign(this, {scene, direction, turned: Boolean(groups.flow)});
    Object.assign(this, {nodeIds: nodes.ids, groupIds: groups.ids, nodeGroup: nodes.group, groupParent: groups.parent});
    [this.nodeAt, this.groupAt, this.unreachedAt] = [nodes, groups, scene.unreached].map((kind) => new Map(kind?.ids.map((id, i) => [id, i])));
    this.depth = [];
    groups.parent.forEach((parent, i) => { this.depth[i] = parent < 0 ? 0 : this.depth[parent] + 1; });
    this.foldLayout = makeFolder(scene.geometry);
    this.routes = new Map();
  }

  update(folded, sizeBy) {
    const flags = new Uint8Array(this.groupIds.length);
    for (const id of folded) if (this.groupAt.has(id)) flags[this.groupAt.get(id)] = 1;
    const folds = this.foldLayout(flags);
    const {nodes, groups, edges, width, height} = sizeBy === "none" ? folds : stretch(folds, growth(this.scene, sizeBy, constants.growth_px), this.direction);
    // The index of the edges fits the layout before it is stretched.
    Object.assign(this, {nodes, groups, edges, width, height, edgesIn: sizeBy === "none" ? folds.edgesIn : edgesByBox(edges)});
    this.routes.clear();
    this.incident = new Map();
  }

  // The id of a node or a group for its id or the path of its module, or "".
  resolve(name) {
    if (name === "") return "";
    if (this.nodeAt.has(name) || this.groupAt.has(name)) return name;
    const at = this.scene.nodes.path.indexOf(name);
    return at < 0 ? "" : this.nodeIds[at];
  }

  isGroup(id) {
    return !this.nodeAt.has(id) && this.groupAt.has(id);
  }

  // Groups around a node or a group, innermost first, as indices.
  ancestors(id) {
    const found = [];
    const start = this.isGroup(id) ? this.groupParent[this.groupAt.get(id)] : this.nodeGroup[this.nodeAt.get(id)];
    for (let group = start; group >= 0; group = this.groupParent[group]) found.push(group);
    return found;
  }

  // The box in which an id is shown now: its own, or that of the outermost folded group around it.
  shownAs(id) {
    const folded = this.ancestors(id).filter((group) => this.groups.state[group] === 2);
    return folded.length > 0 ? {group: true, index: folded[folded.length - 1]} : this.place(id);
  }

  place(id) {
    return this.isGroup(id) ? {group: true, index: this.groupAt.get(id)} : {group: false, index: this.nodeAt.get(id)};
  }

  idOf({group, index}) {
    return group ? this.groupIds[index] : this.nodeIds[index];
  }

  rect({group, index}) {
    const {x, y, w, h} = group ? this.groups : this.nodes;
    return {x: x[index], y: y[index], w: w[index], h: h[index]};
  }

  // The middle of the box in which an id is shown.
  middle(id) {
    const {x, y, w, h} = this.rect(this.shownAs(id));
    return [x + w / 2, y + h / 2];
  }

  // The id of the box, of all that are drawn, for whose middle distance(x, y) is least.
  nearest(distance) {
    let [nearest, least] = ["", Infinity];
    const consider = ({x, y, w, h}, ids, isDrawn) => {
      for (let i = 0; i < ids.length; i++) {
        const found = isDrawn(i) ? distance(x[i] + w[i] / 2, y[i] + h[i] / 2) : Infinity;
        if (found < least) [least, nearest] = [found, ids[i]];
      }
    };
    consider(this.nodes, this.nodeIds, (i) => this.nodes.visible[i]);
    consider(this.groups, this.groupIds, (i) => this.groups.state[i] === 2);
    return nearest;
  }

  // Indices of the edges at a box.
  edgesAt(id) {
    if (!this.incident.has(id)) {
      const {group, index} = this.place(id);
      const isAt = (end) => end.index === index && end.group === group;
      this.incident.set(id, [...this.edges.keys()].filter((k) => isAt(this.edges[k].source) || isAt(this.edges[k].target)));
    }
    return this.incident.get(id);
  }

  // The route of an edge with its corners rounded.
  route(k) {
    if (!this.routes.has(k)) this.routes.set(k, roundCorners(this.edges[k].xs, this.edges[k].ys));
    return this.routes.get(k);
  }
}

// A function that finds the numbers of the edges in a window.
export function edgesByBox(edges) {
  const boxes = edges.map(({xs, ys}) => [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]);
  return (left, top, right, bottom) => {
    const found = [];
    boxes.forEach(([x0, y0, x1, y1], k) => { if (x0 <= right && x1 >= left && y0 <= bottom && y1 >= top) found.push(k); });
    return found;
  };
}

export function roundCorners(xs, ys) {
  const round = {xs: [xs[0]], ys: [ys[0]]};
  const push = (x, y) => {
    round.xs.push(x);
    round.ys.push(y);
  };
  for (let i = 1; i < xs.length - 1; i++) {
    const [x, y] = [xs[i], ys[i]];
    const into = Math.hypot(x - xs[i - 1], y - ys[i - 1]);
    const out = Math.hypot(xs[i + 1] - x, ys[i + 1] - y);
    const radius = Math.min(CORNER_PX, into / 2, out / 2);
    if (radius < 0.5) {
      push(x, y);
      continue;
    }
    const [ax, ay] = [x + ((xs[i - 1] - x) * radius) / into, y + ((ys[i - 1] - y) * radius) / into];
    const [bx, by] = [x + ((xs[i + 1] - x) * radius) / out, y + ((ys[i + 1] - y) * radius) / out];
    for (const t of CORNER_STEPS) {
      const [first, middle, last] = [(1 - t) * (1 - t), 2 * t * (1 - t), t * t];
      push(first * ax + middle * x + last * bx, first * ay + middle * y + last * by);
    }
  }
  push(xs[xs.length - 1], ys[ys.length - 1]);
  return round;
}
