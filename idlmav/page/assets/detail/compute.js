// Writes FLOPs or MACs, with estimates or without, into the columns of the scene, so that every view shows the same.

import constants from "../../../scene/constants.json" with { type: "json" };
import { atLeast, humane, thousands } from "../base/text.js";

const SOURCES = {counted: "counted by torch's formula", estimated: "estimated by a formula of IDLMAV", measured: "measured while it ran"};

// Write the numbers to show into the scene, and keep beside them what Python has sent: FLOPs with estimates.
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

// The cell of node i in the table: {text, title}.
export function cellText(scene, i) {
  const {nodes, compute} = scene;
  if (nodes.kind[i] !== "op") return {text: "", title: ""};
  const [source, value] = [nodes.flops_source[i], nodes.flops[i]];
  if (compute.nodes[i] === null) return {text: "?", title: `${compute.unit} unknown`};
  if (value === null) return {text: "–", title: "Only estimated; estimates are hidden"};
  return {
    text: (source === "estimated" ? "~" : "") + humane(value),
    title: `${thousands(value)} ${compute.unit}, ${SOURCES[source]}`,
  };
}

// The sum in the table's header, with a sign if the number of some op is unknown.
export function headerText({totals, compute}) {
  const counted = (totals.flops + totals.flops_measured) / compute.per;
  return `${compute.unit} [${atLeast(totals.flops_unknown).trim()}${humane(counted)}]`;
}

export function nodeText(scene, i) {
  const {unit, nodes} = scene.compute;
  const [source, value] = [scene.nodes.flops_source[i], scene.nodes.flops[i]];
  if (nodes[i] === null) return `${unit} unknown`;
  if (value === null) return `${unit} only estimated`;
  return source === "counted" && value === 0 ? `0 ${unit}` : `${humane(value, unit)} ${source}`;
}

// The parts of the FLOPs of group i.
export function groupSums({groups, compute}, i) {
  const estimated = groups.flops_estimated[i];
  return {counted: compute.groups[i] - estimated, estimated, unknown: groups.unknown_flops[i]};
}

// "4.09 GFLOPs counted + 25 M estimated", or with a sign: "≥ 4.09 GFLOPs counted, 3 ops unknown".
export function sumText({unit, per, hidden}, {counted, estimated, measured = 0, unknown}) {
  const known = [["counted", counted], ["measured", measured], ["estimated", hidden ? 0 : estimated]].filter(([, value]) => value > 0);
  if (unknown > 0 && known.length === 0) return `? ${unit}, ${ops(unknown)} unknown`;
  const parts = known.length > 0 ? known : [["counted", 0]];
  const text = parts.map(([name, value], k) => `${humane(value / per, k === 0 ? unit : "")} ${name}`).join(" + ");
  return `${atLeast(unknown)}${text}${unknown > 0 ? `, ${ops(unknown)} unknown` : ""}`;
}

export function sumTitle({unit, per}, {counted, estimated, measured = 0, unknown}) {
  const exact = (value, name) => `${thousands(value / per)} ${unit} ${name}`;
  return [exact(counted, "counted by torch's formulas"), exact(measured, "measured"), exact(estimated, "estimated"), `${ops(unknown)} unknown`].join("\n");
}

export function ops(count) {
  return `${thousands(count)} ${count === 1 ? "op" : "ops"}`;
}
