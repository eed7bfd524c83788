// FLOPs or MACs, with estimates or without: the scene's columns hold what is shown, so every view agrees.

import constants from "../../../scene/constants.json" with { type: "json" };
import { humane, thousands } from "../base/text.js";

const SOURCES = {counted: "counted by torch's formula", estimated: "estimated by a formula of IDLMAV", measured: "measured while it ran"};

// Write the shown numbers into the scene; what Python sent, FLOPs with estimates, is kept beside.
export function applyCompute(scene, {compute_unit: unit, estimates}) {
  scene.compute ??= {nodes: scene.nodes.flops, groups: scene.groups.flops};
  const all = scene.compute;
  const per = unit === "macs" ? 2 : 1;
  const hidden = estimates === "hidden";
  const {flops_source: source} = scene.nodes;
  Object.assign(all, {unit: constants.compute_units[unit], per, hidden});
  scene.nodes.flops = all.nodes.map((flops, i) => (flops === null || (hidden && source[i] === "estimated") ? null : flops / per));
  scene.groups.flops = all.groups.map((flops, i) => {
    const known = (flops - (hidden ? scene.groups.flops_estimated[i] : 0)) / per;
    return known === 0 && scene.groups.unknown_flops[i] > 0 ? null : known;
  });
}

// What a cell of the table says of node i: {text, title}.
export function cellText(scene, i) {
  const {nodes, compute} = scene;
  if (nodes.kind[i] !== "op") return {text: "", title: ""};
  const source = nodes.flops_source[i];
  const value = nodes.flops[i];
  if (compute.nodes[i] === null) return {text: "?", title: `${compute.unit} unknown`};
  if (value === null) return {text: "–", title: "Only estimated; estimates are hidden"};
  return {
    text: (source === "estimated" ? "~" : "") + humane(value),
    title: `${thousands(value)} ${compute.unit}, ${SOURCES[source]}`,
  };
}

// The sum in the table's header: at least so much if some op's number is unknown.
export function headerText({totals, compute}) {
  const counted = (totals.flops + totals.flops_measured) / compute.per;
  return `${compute.unit} [${totals.flops_unknown > 0 ? "≥" : ""}${humane(counted)}]`;
}

export function nodeText(scene, i) {
  const {unit, nodes} = scene.compute;
  const value = scene.nodes.flops[i];
  const source = scene.nodes.flops_source[i];
  if (nodes[i] === null) return `${unit} unknown`;
  if (value === null) return `${unit} only estimated`;
  return source === "counted" && value === 0 ? `0 ${unit}` : `${humane(value, unit)} ${source}`;
}

// "4.09 GFLOPs counted + 25 M estimated, 3 ops unknown"; at least is said where a number is missing.
export function sumText({unit, per, hidden}, {counted, estimated, measured = 0, unknown}) {
  const parts = [];
  if (counted > 0 || (estimated === 0 && measured === 0)) parts.push(["counted", counted]);
  if (measured > 0) parts.push(["measured", measured]);
  if (estimated > 0 && !hidden) parts.push(["estimated", estimated]);
  if (parts.length === 0) parts.push(["counted", 0]);
  if (unknown > 0 && parts.every(([, value]) => value === 0)) return `? ${unit}, ${ops(unknown)} unknown`;
  const text = parts.map(([name, value], k) => `${humane(value / per, k === 0 ? unit : "")} ${name}`).join(" + ");
  return `${unknown > 0 ? "≥ " : ""}${text}${unknown > 0 ? `, ${ops(unknown)} unknown` : ""}`;
}

export function sumTitle({unit, per}, {counted, estimated, measured = 0, unknown}) {
  const exact = (value, name) => `${thousands(value / per)} ${unit} ${name}`;
  return [exact(counted, "counted by torch's formulas"), exact(measured, "measured"), exact(estimated, "estimated"), `${ops(unknown)} unknown`].join("\n");
}

export function ops(count) {
  return `${thousands(count)} ${count === 1 ? "op" : "ops"}`;
}
