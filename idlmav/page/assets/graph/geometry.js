// What is drawn where: the layout after folding and sizing, with look-ups by id, place and order.

import constants from "../../../scene/constants.json" with { type: "json" };
import { makeFolder } from "../fold/fold.js";
import { stretch } from "./sizing.js";
import { growth } from "../legend/colors.js";

const CORNER_PX = 6;
const CORNER_STEPS = [0.25, 0.5, 0.75];

export class Picture {
  constructor(scene) {
    this.scene = scene;
    const {nodes, groups, direction} = scene.geometry;
    this.direction = direction;
    // Whether the data flows back or to the side after a latent op.
    this.turned = Boolean(groups.flow);
    this.nodeIds = nodes.ids;
    this.groupIds = groups.ids;
    this.nodeGroup = nodes.group;
    this.groupParent = groups.parent;
    this.nodeAt = new Map(nodes.ids.map((id, i) => [id, i]));
    this.groupAt = new Map(groups.ids.map((id, i) => [id, i]));
    this.unreachedAt = new Map(scene.unreached?.ids.map((id, i) => [id, i]));
    this.depth = [];
    groups.parent.forEach((parent, i) => { this.depth[i] = parent < 0 ? 0 : this.depth[parent] + 1; });
    this.foldGeometry = makeFolder(scene.geometry);
    this.routes = new Map();
  }

  update(folded, sizeBy) {
    const flags = new Uint8Array(this.groupIds.length);
    for (const id of folded) if (this.groupAt.has(id)) flags[this.groupAt.get(id)] = 1;
    let geometry = this.foldGeometry(flags);
    if (sizeBy !== "none") geometry = stretch(geometry, growth(this.scene, sizeBy, constants.growth_px), this.direction);
    Object.assign(this, {nodes: geometry.nodes, groups: geometry.groups, edges: geometry.edges});
    Object.assign(this, {width: geometry.width, height: geometry.height});
    // Sizes are drawn by stretching: then every edge is looked at.
    this.edgesIn = sizeBy === "none" ? geometry.edgesIn : edgesByBox(this.edges);
    this.routes.clear();
    this.incident = new Map();
  }

  // An id for what the user names: a node, a group, or a module's path.
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

  // The first node in a group.
  firstIn(id) {
    const group = this.groupAt.get(id);
    return this.nodeIds.find((node) => this.ancestors(node).includes(group)) ?? "";
  }

  // The box that stands for an id now: itself, or the outermost folded group around it.
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

  // Indices of the edges at a box.
  edgesAt(id) {
    if (!this.incident.has(id)) {
      const {group, index} = this.place(id);
      const isAt = (end) => end.index === index && end.group === group;
      const found = [];
      this.edges.forEach(({source, target}, k) => { if (isAt(source) || isAt(target)) found.push(k); });
      this.incident.set(id, found);
    }
    return this.incident.get(id);
  }

  // The route of an edge with its corners rounded.
  route(k) {
    let route = this.routes.get(k);
    if (route === undefined) {
      route = roundCorners(this.edges[k].xs, this.edges[k].ys);
      this.routes.set(k, route);
    }
    return route;
  }
}

// A function that finds the numbers of the edges in a window.
export function edgesByBox(edges) {
  const boxes = edges.map(routeBox);
  return (left, top, right, bottom) => {
    const found = [];
    boxes.forEach(([x0, y0, x1, y1], k) => {
      if (x0 <= right && x1 >= left && y0 <= bottom && y1 >= top) found.push(k);
    });
    return found;
  };
}

function routeBox({xs, ys}) {
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

export function roundCorners(xs, ys) {
  const outX = [xs[0]];
  const outY = [ys[0]];
  for (let i = 1; i < xs.length - 1; i++) {
    const [x, y] = [xs[i], ys[i]];
    const into = Math.hypot(x - xs[i - 1], y - ys[i - 1]);
    const out = Math.hypot(xs[i + 1] - x, ys[i + 1] - y);
    const radius = Math.min(CORNER_PX, into / 2, out / 2);
    if (radius < 0.5) {
      outX.push(x);
      outY.push(y);
      continue;
    }
    const [ax, ay] = [x + ((xs[i - 1] - x) * radius) / into, y + ((ys[i - 1] - y) * radius) / into];
    const [bx, by] = [x + ((xs[i + 1] - x) * radius) / out, y + ((ys[i + 1] - y) * radius) / out];
    outX.push(ax);
    outY.push(ay);
    for (const t of CORNER_STEPS) {
      outX.push((1 - t) * (1 - t) * ax + 2 * t * (1 - t) * x + t * t * bx);
      outY.push((1 - t) * (1 - t) * ay + 2 * t * (1 - t) * y + t * t * by);
    }
    outX.push(bx);
    outY.push(by);
  }
  outX.push(xs[xs.length - 1]);
  outY.push(ys[ys.length - 1]);
  return {xs: outX, ys: outY};
}
