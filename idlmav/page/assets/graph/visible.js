// Finds the boxes, frames and edges that are inside a window and large enough to read.

import { distinctLines } from "./thinning.js";

const NODE_PX = 38;
const LEGIBLE_PX = 2.5;
const GROUP_PX = 16;

// {nodes, frames, groups, edges}: indices; groups are boxes in place of all that they hold. lines: the edges to draw.
export function collectVisible(geometry, window) {
  const closed = closedGroups(geometry, window.scale);
  const {nodes, groups} = geometry;
  const isIn = ({x, y, w, h}, i) =>
    x[i] <= window.right && x[i] + w[i] >= window.left && y[i] <= window.bottom && y[i] + h[i] >= window.top;
  const found = {nodes: [], frames: [], groups: [], edges: [], closed};
  for (let i = 0; i < groups.state.length; i++) {
    const owner = closed.owner[i];
    if (groups.state[i] === 0 || (owner >= 0 && owner !== i) || !isIn(groups, i)) continue;
    (groups.state[i] === 2 || owner === i ? found.groups : found.frames).push(i);
  }
  for (let i = 0; i < nodes.visible.length; i++) {
    if (nodes.visible[i] && ownerOf(geometry.nodeGroup[i], closed) < 0 && isIn(nodes, i)) found.nodes.push(i);
  }
  found.edges = drawnEdges(geometry, closed, window);
  return Object.assign(found, distinctLines(geometry, found.edges, closed, window));
}

// owner: for each group the box in which it disappears, or -1: an open group whose contents are too small to see, which is
// drawn as one box, has its own number, and so have the groups in it.
function closedGroups({groupParent, groups: {h, state}}, scale) {
  const owner = new Int32Array(groupParent.length).fill(-1);
  if (NODE_PX * scale >= LEGIBLE_PX) return {owner};
  const largest = new Float64Array(groupParent.length);
  groupParent.forEach((parent, i) => { if (parent >= 0) largest[parent] = Math.max(largest[parent], h[i] * scale); });
  // Parents come first.
  groupParent.forEach((parent, i) => {
    if (parent >= 0) owner[i] = owner[parent];
    if (owner[i] < 0 && state[i] === 1 && largest[i] < GROUP_PX) owner[i] = i;
  });
  return {owner};
}

// Indices of the edges in a window, without those that lie in one closed box.
export function drawnEdges(geometry, closed, {left, top, right, bottom}) {
  return geometry.edgesIn(left, top, right, bottom).filter((k) => !sameCover(geometry, geometry.edges[k], closed));
}

const ownerOf = (group, {owner}) => (group < 0 ? -1 : owner[group]);

// Whether both ends of an edge are in the same closed box.
function sameCover(geometry, edge, closed) {
  const owner = ({group, index}) => ownerOf(group ? index : geometry.nodeGroup[index], closed);
  const source = owner(edge.source);
  return source >= 0 && source === owner(edge.target);
}

// The innermost thing drawn at a point: a node's box, a closed group, an open frame, or null.
export function hit(geometry, visible, x, y) {
  if (!visible) return null;
  const at = (boxes, indices) =>
    indices.findLast((i) => x >= boxes.x[i] && x <= boxes.x[i] + boxes.w[i] && y >= boxes.y[i] && y <= boxes.y[i] + boxes.h[i]);
  const {nodes, groups} = geometry;
  const places = [[nodes, visible.nodes], [groups, visible.groups], [groups, visible.frames]].map((layer) => at(...layer));
  const found = places.findIndex((index) => index !== undefined);
  return found < 0 ? null : {group: found > 0, index: places[found], isFrame: found === 2};
}
