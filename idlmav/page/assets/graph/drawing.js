// Computes the columns of each layer of the graph's figure from what is visible.

import constants from "../../../scene/constants.json" with { type: "json" };
import { CORNERS, columnsOf } from "../base/figure.js";
import { fitText, fitTitle, textWidth } from "../base/text.js";

const {label_px: LABEL_PX, sublabel_px: SUBLABEL_PX, title_px: TITLE_PX, line_px: LINE_PX, highlighted_line_px: HIGHLIGHTED_PX} = constants;
const {arrow_length_px: ARROW_LENGTH_PX, card_px: CARD_PX, cards: CARDS, dimmed_alpha: DIMMED} = constants;
// Marks a folded failure without colour, too, as the label of a failed op does; the border is thicker.
const FAILED = constants.failed_sign;
const SMALLEST_FONT_PX = 9;
const TITLE_HEADER_PX = 20;
const TITLE_LEFT_PX = 8;

export function drawFrames({frames}, {geometry, appearance: {theme}}) {
  const {kind} = geometry.scene.groups;
  return columnsOf([...CORNERS, "fill", "dash", "line"], frames.map((i) => {
    const {x, y, w, h} = geometry.rect({group: true, index: i});
    const [fill, dash] = [theme.frames[geometry.depth[i] % 2], kind[i] === "module" ? "solid" : "dashed"];
    return {x0: x, y0: y, x1: x + w, y1: y + h, fill, dash, line: theme.frame_line};
  }));
}

export function drawNodes({nodes, groups}, {geometry, appearance, store}) {
  const {nodes: {status}, groups: {kind, failed}} = geometry.scene;
  const {theme, coloring, matches} = appearance;
  const selected = store.get("selected");
  const row = (place, fill, isFailed, isDimmed, {x, y, w, h} = geometry.rect(place)) => {
    const title = geometry.idOf(place);
    // Lines separate the cards of a stack.
    const line = place.group && kind[place.index] !== "module" ? theme.edge : theme.node_line;
    return {
      x0: x, y0: y, x1: x + w, y1: y + h, fill, title, width: isFailed ? 3 : 1, alpha: isDimmed ? DIMMED : 1,
      line: isFailed ? theme.error : title === selected ? theme.accent : line,
    };
  };
  const folded = groups.flatMap((i) => {
    const fill = coloring.group(i)?.fill ?? theme.group;
    return cards(geometry, i).map((card) => row({group: true, index: i}, fill, failed[i], !appearance.groupMatches(i), card));
  });
  const ops = nodes.map((i) => {
    const isDimmed = (matches !== null && !matches[i]) || status[i] === "not_run";
    return row({group: false, index: i}, coloring.node(i).fill, status[i] === "failed", isDimmed);
  });
  return columnsOf([...CORNERS, "fill", "line", "width", "alpha", "title"], [...folded, ...ops]);
}

// A folded run is a stack of cards, the others behind the first: rectangles, back to front.
function cards(geometry, i) {
  const {x, y, w, h} = geometry.rect({group: true, index: i});
  if (geometry.scene.groups.kind[i] === "module" || geometry.groups.state[i] !== 2) return [{x, y, w, h}];
  const [width, height] = [w - CARDS * CARD_PX, h - CARDS * CARD_PX];
  const steps = Array.from({length: CARDS + 1}, (_, k) => (CARDS - k) * CARD_PX);
  return steps.map((step) => ({x: x + step, y: y + step, w: width, h: height}));
}

export function drawEdges({lines, standIn}, context) {
  const {geometry, appearance: {theme}} = context;
  const hot = hotEdges(standIn, context);
  // Highlighted edges come last, so that they lie on top.
  const inOrder = [...lines.filter((k) => !hot.has(k)), ...lines.filter((k) => hot.has(k))];
  return columnsOf(["xs", "ys", "color", "width"], inOrder.map((k) => {
    const {xs, ys} = geometry.route(k);
    return {xs, ys, color: theme[hot.get(k) ?? "edge"], width: hot.has(k) ? HIGHLIGHTED_PX : LINE_PX};
  }));
}

export function drawArrows({lines, standIn}, context) {
  const {geometry, appearance: {theme}, scale} = context;
  const hot = hotEdges(standIn, context);
  const rows = scale < 0.2 ? [] : lines.map((k) => {
    const {xs, ys} = geometry.edges[k];
    const last = xs.length - 1;
    const [dx, dy] = [Math.sign(xs[last] - xs[last - 1]), Math.sign(ys[last] - ys[last - 1])];
    return {
      x: xs[last] - (dx * ARROW_LENGTH_PX) / 2, y: ys[last] - (dy * ARROW_LENGTH_PX) / 2, color: theme[hot.get(k) ?? "edge"],
      angle: dy > 0 ? Math.PI : dy < 0 ? 0 : dx > 0 ? -Math.PI / 2 : Math.PI / 2,
    };
  });
  return columnsOf(["x", "y", "angle", "color"], rows);
}

// The highlighted edges, each with the name of its colour: those under the mouse, and those at the box under the mouse and
// at the selected one, where what flows in and what flows out have colours of their own.
function hotEdges(standIn, {geometry, store, hovered, hoveredEdges = []}) {
  const drawn = (edge) => standIn.get(edge) ?? edge;
  const hot = new Map(hoveredEdges.map((edge) => [drawn(edge), "accent"]));
  for (const name of [hovered, store.get("selected")]) {
    const id = name && geometry.resolve(name);
    if (!id) continue;
    const shown = geometry.idOf(geometry.shownAs(id));
    for (const k of geometry.edgesAt(shown)) {
      hot.set(drawn(k), geometry.idOf(geometry.edges[k].target) === shown ? "into" : "out_of");
    }
  }
  return hot;
}

// {layer: {px, style, rows, data}}. All texts of a layer have one size on the screen.
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
  for (const layer of Object.values(layers)) layer.data = columnsOf(["x", "y", "text", "color"], layer.rows);
  return layers;
}

const textLayer = (px, style) => ({px, style, rows: []});

function put({rows}, row) {
  if (row.text !== "") rows.push(row);
}

function labelNode({labels, sublabels}, {geometry, appearance, scale}, i) {
  const {label, sublabel} = geometry.scene.nodes;
  const {x, y, w, h} = geometry.rect({group: false, index: i});
  if (h * scale < labels.px + 3) return;
  const {ink: color} = appearance.dimmedInk(i) ?? appearance.coloring.node(i);
  // An op that is merged into its neighbour has room for one line.
  const isDouble = sublabel[i] !== "" && sublabels.px >= SMALLEST_FONT_PX && h * scale > labels.px + sublabels.px + 4;
  const write = (layer, text, down) =>
    put(layer, {x: x + w / 2, y: y + h / 2 + down, text: fitText(text, (w - 6) * scale, layer.px, layer.style), color});
  write(labels, label[i], isDouble ? -7 : 0);
  if (isDouble) write(sublabels, sublabel[i], 8);
}

function labelGroup({labels}, {geometry, appearance, scale}, i) {
  const {title, failed} = geometry.scene.groups;
  const {x, y, w, h} = cards(geometry, i).at(-1);
  if (h * scale < labels.px + 4) return;
  const color = appearance.groupMatches(i) ? appearance.coloring.group(i)?.ink ?? appearance.theme.text : appearance.theme.muted;
  const sign = (geometry.groups.state[i] === 2 ? "▸ " : "") + (failed[i] ? FAILED : "");
  put(labels, {x: x + w / 2, y: y + h / 2, text: fitTitle(sign, title[i], w * scale - 8, labels.px, labels.style), color});
}

function titleFrame({titles}, {geometry, appearance: {found, theme}, scale}, i) {
  if (TITLE_HEADER_PX * scale < titles.px + 1) return;
  const {x, y, w} = geometry.rect({group: true, index: i});
  const text = fitTitle("▾ ", geometry.scene.groups.title[i], (w - TITLE_LEFT_PX) * scale - 6, titles.px, titles.style);
  const color = found?.has(i) ? theme.accent : theme.muted;
  put(titles, {x: x + TITLE_LEFT_PX, y: y + TITLE_HEADER_PX / 2 + 1, text, color, fill: theme.frames[geometry.depth[i] % 2]});
}

// A plate behind each title hides an edge that enters the frame there.
export function drawPlates({px, style, rows}, {scale}) {
  const half = (px * 0.62) / scale;
  return columnsOf([...CORNERS, "fill"], rows.map(({x, y, text, fill}) => ({
    x0: x - 2 / scale, x1: x + (textWidth(text, px, style) + 3) / scale, y0: y - half, y1: y + half, fill,
  })));
}

export function drawHalo({geometry, appearance, store}) {
  const id = geometry.resolve(store.get("selected"));
  const rects = id ? [geometry.rect(geometry.shownAs(id))] : [];
  return columnsOf([...CORNERS, "color"], rects.map(({x, y, w, h}) => ({
    x0: x - 4, y0: y - 4, x1: x + w + 4, y1: y + h + 4, color: appearance.theme.accent,
  })));
}
