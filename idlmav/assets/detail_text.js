// What the hover and the detail line say about a node or a group.

import { humane, thousands } from "./text.js";

function flopsText(flops, source) {
  if (flops === null) return "FLOPs unknown";
  return `${humane(flops, "FLOPs")}${source === "counted" ? "" : ` (${source})`}`;
}

// {title, detail, error} as plain text, one fact a line.
export function nodeDetail(scene, i) {
  const {nodes} = scene;
  const id = scene.geometry.nodes.ids[i];
  const facts = [nodes.operation[i] === id ? "" : nodes.operation[i]];
  facts.push([nodes.shape[i], nodes.dtype[i]].filter(Boolean).join(" "));
  if (nodes.kind[i] === "op") {
    const params = nodes.param_count[i] ? `${thousands(nodes.param_count[i])} parameters` : "";
    facts.push([params, flopsText(nodes.flops[i], nodes.flops_source[i])].filter(Boolean).join(" · "));
  }
  facts.push(nodes.args[i], nodes.notes[i], nodes.status[i] === "not_run" ? "not run" : "", nodes.source[i] ?? "");
  return {title: id, detail: facts.filter(Boolean).join("\n"), error: nodes.error[i] ?? ""};
}

export function groupDetail(scene, i) {
  const {groups} = scene;
  const unknown = groups.unknown_flops[i] > 0 ? `, ${groups.unknown_flops[i]} ops unknown` : "";
  const facts = [
    groups.class_name[i],
    `${groups.op_count[i]} ops · ${thousands(groups.param_count[i])} parameters · ${humane(groups.flops[i], "FLOPs")}${unknown}`,
  ];
  return {title: groups.path[i], detail: facts.join("\n"), error: groups.failed[i] ? "an op inside failed" : ""};
}
