// Columns for the layers of the graph's figure, from the visible part of the picture.

import constants from "../../../scene/constants.json" with { type: "json" };
import { fitText, textWidth } from "../base/text.js";

const {label_px: LABEL_PX, sublabel_px: SUBLABEL_PX, title_px: TITLE_PX, line_px: LINE_PX, highlighted_line_px: HIGHLIGHTED_PX} = constants;
const {arrow_length_px: ARROW_LENGTH_PX, card_px: CARD_PX, cards: CARDS, dimmed_alpha: DIMMED} = constants;
// Marks a folded failure without colour, too, as the label of a failed op does; the border is thicker.
const FAILED = constants.failed_sign;
const SMALLEST_FONT_PX = 9;
const TITLE_HEADER_PX = 20;
const TITLE_LEFT_PX = 8;

export function drawFrames({frames}, {picture, look}) {
  const {theme} = look;
  return {
    ...corners(frames, picture.groups),
    fill: frames.map((i) => theme.frames[picture.depth[i] % 2]),
    dash: frames.map((i) => (picture.scene.groups.kind[i] === "module" ? "solid" : "dashed")),
    line: frames.map(() => theme.frame_line),
  };
}

export function drawNodes({nodes, groups}, {picture, look, store}) {
  const {scene} = picture;
  const {theme, coloring, matches} = look;
  const selected = store.get("selected");
  const data = {x0: [], y0: [], x1: [], y1: [], fill: [], line: [], width: [], alpha: [], title: []};
  const push = (place, fill, failed, dimmed, {x, y, w, h} = picture.rect(place)) => {
    const title = picture.idOf(place);
    const values = {x0: x, y0: y, x1: x + w, y1: y + h, fill, title};
    // The cards of a stack are told apart by their lines.
    const line = place.group && scene.groups.kind[place.index] !== "module" ? theme.edge : theme.node_line;
    values.line = failed ? theme.error : title === selected ? theme.accent : line;
    values.width = failed ? 3 : 1;
    values.alpha = dimmed ? DIMMED : 1;
    for (const [name, value] of Object.entries(values)) data[name].push(value);
  };
  for (const i of groups) {
    const fill = coloring.group(i)?.fill ?? theme.group;
    for (const card of cards(picture, i)) {
      push({group: true, index: i}, fill, scene.groups.failed[i], !look.groupMatches(i), card);
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
function cards(picture, i) {
  const {x, y, w, h} = picture.rect({group: true, index: i});
  if (picture.scene.groups.kind[i] === "module" || picture.groups.state[i] !== 2) return [{x, y, w, h}];
  const [width, height] = [w - CARDS * CARD_PX, h - CARDS * CARD_PX];
  const steps = Array.from({length: CARDS + 1}, (_, k) => (CARDS - k) * CARD_PX);
  return steps.map((step) => ({x: x + step, y: y + step, w: width, h: height}));
}

export function drawEdges({lines, standIn}, {picture, look, store, hovered, hoveredEdges}) {
  const {theme} = look;
  const hot = hotEdges(picture, standIn, [hovered, store.get("selected")], hoveredEdges);
  const data = {xs: [], ys: [], color: [], width: []};
  // Highlighted edges come last, so that they lie on top.
  for (const k of [...lines.filter((edge) => !hot.has(edge)), ...lines.filter((edge) => hot.has(edge))]) {
    const {xs, ys} = picture.route(k);
    data.xs.push(xs);
    data.ys.push(ys);
    data.color.push(hot.has(k) ? theme[hot.get(k)] : theme.edge);
    data.width.push(hot.has(k) ? HIGHLIGHTED_PX : LINE_PX);
  }
  return data;
}

export function drawArrows({lines, standIn}, {picture, look, scale, store, hovered, hoveredEdges}) {
  const {theme} = look;
  const hot = hotEdges(picture, standIn, [hovered, store.get("selected")], hoveredEdges);
  const data = {x: [], y: [], angle: [], color: []};
  if (scale < 0.2) return data;
  for (const k of lines) {
    const {xs, ys} = picture.edges[k];
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
function hotEdges(picture, standIn, ids, edges = []) {
  const drawn = (edge) => standIn.get(edge) ?? edge;
  const hot = new Map(edges.map((edge) => [drawn(edge), "accent"]));
  for (const name of ids) {
    const id = name && picture.resolve(name);
    if (!id) continue;
    const shown = picture.idOf(picture.shownAs(id));
    for (const k of picture.edgesAt(shown)) {
      hot.set(drawn(k), picture.idOf(picture.edges[k].target) === shown ? "into" : "out_of");
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

function labelNode({labels, sublabels}, {picture, look, scale}, i) {
  const {label, sublabel} = picture.scene.nodes;
  const {x, y, w, h} = picture.rect({group: false, index: i});
  if (h * scale < labels.px + 3) return;
  const {ink} = look.dimmedInk(i) ?? look.coloring.node(i);
  const middle = x + w / 2;
  // An op that is merged into its neighbour has room for one line.
  const two = sublabel[i] !== "" && sublabels.px >= SMALLEST_FONT_PX && h * scale > labels.px + sublabels.px + 4;
  const room = (w - 6) * scale;
  put(labels, middle, y + h / 2 - (two ? 7 : 0), label[i], room, ink);
  if (two) put(sublabels, middle, y + h / 2 + 8, sublabel[i], room, ink);
}

function labelGroup({labels}, {picture, look, scale}, i) {
  const {x, y, w, h} = cards(picture, i).at(-1);
  if (h * scale < labels.px + 4) return;
  const ink = look.groupMatches(i) ? look.coloring.group(i)?.ink ?? look.theme.text : look.theme.muted;
  const sign = (picture.groups.state[i] === 2 ? "▸ " : "") + (picture.scene.groups.failed[i] ? FAILED : "");
  const room = w * scale - 8;
  put(labels, x + w / 2, y + h / 2, titleIn(room, labels, sign, picture.scene.groups.title[i]), room, ink);
}

// A group's name and class, or the name alone where there is no room for both.
function titleIn(room, {px, style}, sign, title) {
  const full = sign + title;
  return textWidth(full, px, style) <= room ? full : sign + title.split(": ")[0];
}

function titleFrame({titles}, {picture, look, scale}, i) {
  if (TITLE_HEADER_PX * scale < titles.px + 1) return;
  const {x, y, w} = picture.rect({group: true, index: i});
  const room = (w - TITLE_LEFT_PX) * scale - 6;
  const text = titleIn(room, titles, "▾ ", picture.scene.groups.title[i]);
  put(titles, x + TITLE_LEFT_PX, y + TITLE_HEADER_PX / 2 + 1, text, room, look.found?.has(i) ? look.theme.accent : look.theme.muted, picture.depth[i]);
}

// A plate behind each title, so that an edge that enters the frame there passes behind the text.
export function drawPlates({px, style, data}, {look, scale}) {
  const plates = {x0: [], y0: [], x1: [], y1: [], fill: []};
  data.text.forEach((text, k) => {
    const [x, y] = [data.x[k], data.y[k]];
    const half = (px * 0.62) / scale;
    plates.x0.push(x - 2 / scale);
    plates.x1.push(x + (textWidth(text, px, style) + 3) / scale);
    plates.y0.push(y - half);
    plates.y1.push(y + half);
    plates.fill.push(look.theme.frames[data.depth[k] % 2]);
  });
  return plates;
}

export function drawHalo({picture, look, store}) {
  const id = picture.resolve(store.get("selected"));
  if (!id) return {x0: [], y0: [], x1: [], y1: [], color: []};
  const {x, y, w, h} = picture.rect(picture.shownAs(id));
  return {x0: [x - 4], y0: [y - 4], x1: [x + w + 4], y1: [y + h + 4], color: [look.theme.accent]};
}

function corners(indices, {x, y, w, h}) {
  return {
    x0: indices.map((i) => x[i]),
    y0: indices.map((i) => y[i]),
    x1: indices.map((i) => x[i] + w[i]),
    y1: indices.map((i) => y[i] + h[i]),
  };
}
