// Columns for the layers of the graph's figure, from the visible part of the picture.

import { fitText, textWidth } from "../base/text.js";

const LABEL_PX = 12;
const SUBLABEL_PX = 10;
const TITLE_PX = 11;
const SMALLEST_FONT_PX = 9;
const TITLE_HEADER_PX = 20;
const TITLE_LEFT_PX = 8;
const ARROW_LENGTH_PX = 7;
// Tells a folded failure without colour, too, as the label of a failed op does; the border is thicker.
const FAILED = "✕ ";
const CARD_PX = 3;
const CARDS = 2;

export function drawFrames({frames}, {geometry, appearance}) {
  const {theme} = appearance;
  return {
    ...corners(frames, geometry.groups),
    fill: frames.map((i) => theme.frames[geometry.depth[i] % 2]),
    dash: frames.map((i) => (geometry.scene.groups.kind[i] === "module" ? "solid" : "dashed")),
    line: frames.map(() => theme.frameLine),
  };
}

export function drawNodes({nodes, groups}, {geometry, appearance, store}) {
  const {scene} = geometry;
  const {theme, coloring, matches} = appearance;
  const selected = store.get("selected");
  const data = {x0: [], y0: [], x1: [], y1: [], fill: [], line: [], width: [], alpha: [], title: []};
  const push = (place, fill, failed, dimmed, {x, y, w, h} = geometry.rect(place)) => {
    const title = geometry.idOf(place);
    const values = {x0: x, y0: y, x1: x + w, y1: y + h, fill, title};
    // The cards of a stack are told apart by their lines.
    const line = place.group && scene.groups.kind[place.index] !== "module" ? theme.edge : theme.nodeLine;
    values.line = failed ? theme.error : title === selected ? theme.accent : line;
    values.width = failed ? 3 : 1;
    values.alpha = dimmed ? 0.2 : 1;
    for (const [name, value] of Object.entries(values)) data[name].push(value);
  };
  for (const i of groups) {
    const fill = coloring.group(i)?.fill ?? theme.group;
    for (const card of cards(geometry, i)) {
      push({group: true, index: i}, fill, scene.groups.failed[i], !appearance.groupMatches(i), card);
    }
  }
  for (const i of nodes) {
    const status = scene.nodes.status[i];
    const dimmed = (matches !== null && !matches[i]) || status === "not_run";
    push({group: false, index: i}, coloring.node(i).fill, status === "failed", dimmed);
  }
  return data;
}

// A folded run is a stack of cards, the others behind the first: rectangles, back to front.
function cards(geometry, i) {
  const {x, y, w, h} = geometry.rect({group: true, index: i});
  if (geometry.scene.groups.kind[i] === "module" || geometry.groups.state[i] !== 2) return [{x, y, w, h}];
  const [width, height] = [w - CARDS * CARD_PX, h - CARDS * CARD_PX];
  const steps = Array.from({length: CARDS + 1}, (_, k) => (CARDS - k) * CARD_PX);
  return steps.map((step) => ({x: x + step, y: y + step, w: width, h: height}));
}

export function drawEdges({lines, standIn}, {geometry, appearance, store, hovered, hoveredEdges}) {
  const {theme} = appearance;
  const hot = hotEdges(geometry, standIn, [hovered, store.get("selected")], hoveredEdges);
  const data = {xs: [], ys: [], color: [], width: []};
  // Highlighted edges come last, so that they lie on top.
  for (const k of [...lines.filter((edge) => !hot.has(edge)), ...lines.filter((edge) => hot.has(edge))]) {
    const {xs, ys} = geometry.route(k);
    data.xs.push(xs);
    data.ys.push(ys);
    data.color.push(hot.has(k) ? theme[hot.get(k)] : theme.edge);
    data.width.push(hot.has(k) ? 2.4 : 1.2);
  }
  return data;
}

export function drawArrows({lines, standIn}, {geometry, appearance, scale, store, hovered, hoveredEdges}) {
  const {theme} = appearance;
  const hot = hotEdges(geometry, standIn, [hovered, store.get("selected")], hoveredEdges);
  const data = {x: [], y: [], angle: [], color: []};
  if (scale < 0.2) return data;
  for (const k of lines) {
    const {xs, ys} = geometry.edges[k];
    const last = xs.length - 1;
    const [dx, dy] = [Math.sign(xs[last] - xs[last - 1]), Math.sign(ys[last] - ys[last - 1])];
    data.x.push(xs[last] - (dx * ARROW_LENGTH_PX) / 2);
    data.y.push(ys[last] - (dy * ARROW_LENGTH_PX) / 2);
    data.angle.push(dy > 0 ? Math.PI : dy < 0 ? 0 : dx > 0 ? -Math.PI / 2 : Math.PI / 2);
    data.color.push(hot.has(k) ? theme[hot.get(k)] : theme.edge);
  }
  return data;
}

// Edges at the given boxes, and those under the mouse: what flows in and what flows out have colours of their own.
function hotEdges(geometry, standIn, ids, edges = []) {
  const drawn = (edge) => standIn.get(edge) ?? edge;
  const hot = new Map(edges.map((edge) => [drawn(edge), "accent"]));
  for (const name of ids) {
    const id = name && geometry.resolve(name);
    if (!id) continue;
    const shown = geometry.idOf(geometry.shownAs(id));
    for (const k of geometry.edgesAt(shown)) {
      hot.set(drawn(k), geometry.idOf(geometry.edges[k].target) === shown ? "into" : "outOf");
    }
  }
  return hot;
}

// {layer: {px, data}}: all texts of a layer have one size on the screen.
export function drawTexts({nodes, groups, frames}, context) {
  const {scale} = context;
  const layers = {
    labels: textLayer(Math.max(SMALLEST_FONT_PX, LABEL_PX * scale), "bold"),
    sublabels: textLayer(SUBLABEL_PX * scale, "normal"),
    titles: textLayer(Math.min(Math.max(SMALLEST_FONT_PX, TITLE_PX * scale), 15), "bold"),
  };
  for (const i of nodes) labelNode(layers, context, i);
  for (const i of groups) labelGroup(layers, context, i);
  for (const i of frames) titleFrame(layers, context, i);
  return layers;
}

function textLayer(px, style) {
  return {px, style, data: {x: [], y: [], text: [], color: [], depth: []}};
}

function put({px, style, data}, x, y, text, room, color, depth = 0) {
  const fitting = fitText(text, room, px, style);
  if (fitting === "") return;
  data.x.push(x);
  data.y.push(y);
  data.text.push(fitting);
  data.color.push(color);
  data.depth.push(depth);
}

function labelNode({labels, sublabels}, {geometry, appearance, scale}, i) {
  const {label, sublabel} = geometry.scene.nodes;
  const {x, y, w, h} = geometry.rect({group: false, index: i});
  if (h * scale < labels.px + 3) return;
  const {ink} = appearance.dimmedInk(i) ?? appearance.coloring.node(i);
  const middle = x + w / 2;
  // An op that is merged into its neighbour has room for one line.
  const two = sublabel[i] !== "" && sublabels.px >= SMALLEST_FONT_PX && h * scale > labels.px + sublabels.px + 4;
  const room = (w - 6) * scale;
  put(labels, middle, y + h / 2 - (two ? 7 : 0), label[i], room, ink);
  if (two) put(sublabels, middle, y + h / 2 + 8, sublabel[i], room, ink);
}

function labelGroup({labels}, {geometry, appearance, scale}, i) {
  const {x, y, w, h} = cards(geometry, i).at(-1);
  if (h * scale < labels.px + 4) return;
  const ink = appearance.groupMatches(i) ? appearance.coloring.group(i)?.ink ?? appearance.theme.text : appearance.theme.muted;
  const sign = (geometry.groups.state[i] === 2 ? "▸ " : "") + (geometry.scene.groups.failed[i] ? FAILED : "");
  const room = w * scale - 8;
  put(labels, x + w / 2, y + h / 2, titleIn(room, labels, sign, geometry.scene.groups.title[i]), room, ink);
}

// A group's name and class, or the name alone where there is no room for both.
function titleIn(room, {px, style}, sign, title) {
  const full = sign + title;
  return textWidth(full, px, style) <= room ? full : sign + title.split(": ")[0];
}

function titleFrame({titles}, {geometry, appearance, scale}, i) {
  if (TITLE_HEADER_PX * scale < titles.px + 1) return;
  const {x, y, w} = geometry.rect({group: true, index: i});
  const room = (w - TITLE_LEFT_PX) * scale - 6;
  const text = titleIn(room, titles, "▾ ", geometry.scene.groups.title[i]);
  put(titles, x + TITLE_LEFT_PX, y + TITLE_HEADER_PX / 2 + 1, text, room, appearance.found?.has(i) ? appearance.theme.accent : appearance.theme.muted, geometry.depth[i]);
}

// A plate behind each title, so that an edge that enters the frame there passes behind the text.
export function drawPlates({px, style, data}, {appearance, scale}) {
  const plates = {x0: [], y0: [], x1: [], y1: [], fill: []};
  data.text.forEach((text, k) => {
    const [x, y] = [data.x[k], data.y[k]];
    const half = (px * 0.62) / scale;
    plates.x0.push(x - 2 / scale);
    plates.x1.push(x + (textWidth(text, px, style) + 3) / scale);
    plates.y0.push(y - half);
    plates.y1.push(y + half);
    plates.fill.push(appearance.theme.frames[data.depth[k] % 2]);
  });
  return plates;
}

export function drawHalo({geometry, appearance, store}) {
  const id = geometry.resolve(store.get("selected"));
  if (!id) return {x0: [], y0: [], x1: [], y1: [], color: []};
  const {x, y, w, h} = geometry.rect(geometry.shownAs(id));
  return {x0: [x - 4], y0: [y - 4], x1: [x + w + 4], y1: [y + h + 4], color: [appearance.theme.accent]};
}

function corners(indices, {x, y, w, h}) {
  return {
    x0: indices.map((i) => x[i]),
    y0: indices.map((i) => y[i]),
    x1: indices.map((i) => x[i] + w[i]),
    y1: indices.map((i) => y[i] + h[i]),
  };
}
