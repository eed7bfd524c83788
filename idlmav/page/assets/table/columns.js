// Defines the columns of the table: the value of a row in each, its short text and its exact text.

import { cellText, groupSums, headerText, ops, sumTitle } from "../detail/compute.js";
import { search } from "../search/find.js";
import { atLeast, humane, humaneBytes, textWidth, thousands } from "../base/text.js";

const FONT_PX = 12;
const HEADER_PX = 11;
const TOTAL_ROOM_PX = 28;
const ROOM_FOR_SPACES_PX = 104;
// No digit, comma or bracket is narrower.
const NARROWEST_PX = 2;

const EMPTY = {text: "", title: ""};

// kind: "nodes", "groups" or "unreached", which are columns of a scene; i: a place in them.
const textColumn = (field) => ({
  value: (scene, kind, i) => scene[kind][field]?.[i] ?? "",
  cell(...place) {
    const text = this.value(...place);
    return {text, title: text};
  },
});
const numberColumn = (field) => ({number: true, value: (scene, kind, i) => scene[kind][field][i], sum: ({totals}) => totals[field]});

export const COLUMNS = [
  {name: "name", title: "Name", width: 168, least: 102, shown: true, value: (scene, kind, i) => (kind === "unreached" ? scene.unreached : scene.geometry[kind]).ids[i]},
  {
    name: "operation", title: "Operation", width: 128, least: 98, shown: true, value: operation,
    cell(scene, kind, i, width) {
      const title = operation(scene, kind, i);
      const tooLong = title.startsWith("nn.") && textWidth(title, FONT_PX) > width;
      return {text: tooLong ? title.slice(3) : title, title};
    },
  },
  {
    name: "shape", title: "Output shape", width: 124, least: 98, shown: true, ...textColumn("shape"),
    cell(scene, kind, i, width) {
      if (kind === "nodes") return {text: shapeText(scene.nodes.shape[i], width), title: scene.nodes.shape[i]};
      const text = kind === "groups" ? ops(scene.groups.op_count[i]) : scene.unreached.status[i];
      return {text, title: text, muted: true};
    },
  },
  {name: "dtype", title: "dtype", width: 70, least: 50, ...textColumn("dtype")},
  {
    name: "param_count", title: "Params", width: 116, least: 84, shown: true, ...numberColumn("param_count"), query: () => "params",
    cell: parametersCell,
    total: ({totals}) => ({exact: thousands(totals.param_count), short: humane(totals.param_count)}),
  },
  {
    name: "flops", title: "FLOPs", width: 82, least: 76, shown: true, ...numberColumn("flops"),
    query: (scene) => scene.compute.unit.toLowerCase(),
    heading: headerText,
    value: (scene, kind, i) => (scene.nodes.kind[i] === "op" || kind !== "nodes" ? scene[kind].flops[i] : null),
    cell: (scene, kind, i) => (kind === "nodes" ? cellText(scene, i) : kind === "groups" ? groupFlops(scene, i) : EMPTY),
    total(scene) {
      const exact = `${thousands(this.sum(scene))} ${scene.compute.unit}, estimates included; in brackets what torch's formulas count`;
      return {exact, short: ""};
    },
    sum: (scene) => scene.nodes.flops.reduce((sum, flops) => sum + (flops ?? 0), 0),
  },
  {
    name: "activation_bytes", title: "Activations", width: 128, least: 100, ...numberColumn("activation_bytes"), query: () => "bytes",
    cell: bytesCell,
    total: ({totals}) => bytesText(totals.activation_bytes, totals.activation_unknown),
  },
  {name: "args", title: "Arguments", width: 180, least: 130, ...textColumn("args")},
  {name: "source", title: "Source", width: 210, least: 150, ...textColumn("source")},
];

// For a run, the number of its blocks: its title names the module before it.
function operation(scene, kind, i) {
  if (kind !== "groups") return scene[kind].operation[i];
  const {kind: kinds, title, class_name: names, path} = scene.groups;
  const own = `${path[i].slice(path[i].lastIndexOf(".") + 1)}: `;
  return kinds[i] === "module" ? names[i] : title[i].startsWith(own) ? title[i].slice(own.length) : title[i];
}

// A shape, in a narrow column without spaces. A shape that does not fit is cut between two numbers.
export function shapeText(shape, width) {
  let text = width < ROOM_FOR_SPACES_PX ? shape.replaceAll(", ", ",") : shape;
  if (textWidth(text, FONT_PX) <= width) return text;
  // The output of a model may be thousands of tensors.
  text = text.slice(0, Math.ceil(width / NARROWEST_PX));
  while (text.includes(",") && textWidth(`${text},…)`, FONT_PX) > width) text = text.slice(0, text.lastIndexOf(","));
  return `${text},…${text.lastIndexOf("(") > text.lastIndexOf(")") ? ")" : ""}`;
}

function parametersCell(scene, kind, i, width) {
  const count = scene[kind].param_count[i];
  const exact = thousands(count);
  const {params, shares_params: shares} = scene.nodes;
  const shared = kind === "nodes" && shares[i] ? " shared" : "";
  const text = textWidth(exact + shared, FONT_PX, kind === "groups" ? "600" : "normal") <= width ? exact : humane(count);
  if (kind === "unreached") return {text, title: `${exact} in this module and all below`};
  if (kind === "groups") return {text, title: `${exact} first read in here`};
  const again = shared ? "; parameters of an earlier op count there" : "";
  return {text: text + shared, title: params[i] === "" ? "" : `${exact} first read here${again}`};
}

function groupFlops(scene, i) {
  const {[i]: flops} = scene.groups.flops;
  const sums = groupSums(scene, i);
  const title = sumTitle(scene.compute, sums);
  if (flops === null) return {text: "?", title};
  const mark = atLeast(sums.unknown) || (sums.estimated > 0 && sums.counted === 0 ? "~" : "");
  return {text: mark + humane(flops), title};
}

function bytesCell(scene, kind, i) {
  const bytes = scene[kind].activation_bytes[i];
  if (kind === "unreached") return EMPTY;
  if (bytes === null) return {text: "?", title: "Bytes unknown"};
  const {short, exact} = bytesText(bytes, kind === "groups" ? scene.groups.unknown_bytes[i] : 0);
  return {text: short, title: exact};
}

function bytesText(bytes, unknown) {
  return {short: atLeast(unknown) + humaneBytes(bytes), exact: `${atLeast(unknown)}${thousands(bytes)} B`};
}

// {text, title} of a column's header: with the sum below, the exact one if there is room for it.
export function heading(column, scene, width) {
  if (!column.total) return {text: column.title, title: column.title};
  const {exact, short} = column.total(scene);
  const fits = textWidth(`[${exact}]`, HEADER_PX, "600") + TOTAL_ROOM_PX <= width;
  const text = column.heading?.(scene) ?? `${column.title} [${fits ? exact : short}]`;
  return {text: text.replace(" [", "\n["), title: `${text}\n${exact}`};
}

// Whether a row passes the filter in a column's header, or null if the text is not a filter.
export function columnTest(column, scene, text) {
  if (!column.number) return (kind, i) => String(column.value(scene, kind, i) ?? "").toLowerCase().includes(text.toLowerCase());
  const query = columnQuery(column, scene, text);
  if (query === null) return null;
  const {nodes, unreached} = search(scene, query);
  return (kind, i) => (kind === "nodes" ? nodes(i) : unreached(i));
}

// The query for the text in a header's filter. A bare number means at least as much.
export function columnQuery(column, scene, text) {
  const [, operator, number] = /^\s*(>=|<=|==|!=|=|>|<)?\s*(\S+)\s*$/.exec(text) ?? [];
  return number === undefined || Number.isNaN(Number(number)) ? null : `${column.query(scene)}${operator ?? ">="}${number}`;
}

// Rows as comma-separated values: whole ids, raw numbers, empty where unknown.
export function csv(scene, rows, columns) {
  const quote = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const unit = (column) => (column.name === "flops" ? scene.compute.unit : column.name === "activation_bytes" ? "Activation bytes" : column.title);
  const lines = rows.map(({kind, index}) => [
    kind === "nodes" ? scene.nodes.kind[index] : kind === "groups" ? "group" : "module never called",
    ...columns.map((column) => String(column.value(scene, kind, index) ?? "")),
  ]);
  return [["Kind", ...columns.map(unit)], ...lines].map((line) => line.map(quote).join(",")).join("\r\n");
}
