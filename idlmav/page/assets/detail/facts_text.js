// Writes the facts about a node, a group or a module that was never called, for the tip and the detail panel.

import { groupSums, nodeText, ops, sumText } from "./compute.js";
import { parametersText } from "./totals.js";
import { atLeast, humaneBytes, thousands } from "../base/text.js";

// {title, what, facts, error}; facts: [name, text]. Only the panel shows the names.
export function nodeFacts(scene, i) {
  const {nodes} = scene;
  const id = scene.geometry.nodes.ids[i];
  const facts = [["Output", [nodes.shape[i], nodes.dtype[i]].filter(Boolean).join(" ")]];
  if (nodes.kind[i] === "op") {
    const params = nodes.param_count[i] ? `${thousands(nodes.param_count[i])} parameters` : "";
    const bytes = nodes.activation_bytes[i] === null ? "output size unknown" : humaneBytes(nodes.activation_bytes[i]);
    facts.push(["Cost", [params, nodeText(scene, i), bytes].filter(Boolean).join(" · ")]);
  }
  facts.push(["Weights", nodes.params[i]], ["Arguments", nodes.args[i]], ["Notes", nodes.notes[i]]);
  facts.push(["State", nodes.status[i] === "not_run" ? "not run" : ""], ["Source", nodes.source[i] ?? ""]);
  return {title: id, what: nodes.operation[i] === id ? "" : nodes.operation[i], facts: known(facts), error: nodes.error[i] ?? ""};
}

export function groupFacts(scene, i) {
  const {groups, compute} = scene;
  const sums = groupSums(scene, i);
  const activations = `activations ${atLeast(groups.unknown_bytes[i])}${humaneBytes(groups.activation_bytes[i])}`;
  const sum = [ops(groups.op_count[i]), sumText(compute, sums), activations].join(" · ");
  const facts = groups.kind[i] === "module" ? [["Inside", sum]] : runFacts(scene, i, sum, sums);
  facts.push(["Holds", heldText(groups.held[i])]);
  return {title: groups.path[i], what: groups.class_name[i], facts: known(facts), error: groups.failed[i] ? "an op inside failed" : ""};
}

// The facts about blocks that are alike: about all together, and about each.
function runFacts({groups, compute}, i, all, sums) {
  const count = groups.count[i];
  const each = Object.fromEntries(Object.entries(sums).map(([name, value]) => [name, value / count]));
  const parameters = (number) => `${thousands(number)} parameters`;
  const bytes = `activations ${atLeast(groups.unknown_bytes[i])}${humaneBytes(groups.activation_bytes[i] / count)}`;
  return [
    ["Blocks", groups.title[i]],
    [`All ${count}`, `${all} · ${parameters(groups.param_count[i])}`],
    ["Each", [ops(groups.op_count[i] / count), sumText(compute, each), bytes, parameters(groups.one_param_count[i])].join(" · ")],
  ];
}

export function unreachedFacts({unreached}, i) {
  const facts = [["State", "never called"], ["Holds", heldText(unreached.held[i])]];
  return {title: unreached.path[i], what: unreached.operation[i], facts: known(facts), error: ""};
}

const known = (facts) => facts.filter(([, text]) => text !== "");

// The text of the tip: one fact per line.
export function hoverText({title, what, facts, error}) {
  const lines = facts.map(([name, text]) => (name === "Each" || name.startsWith("All ") ? `${name.toLowerCase()}: ${text}` : text));
  return {title, detail: [what, ...lines].filter(Boolean).join("\n"), error};
}

// The parameters and buffers that a module and all below it hold.
function heldText(held) {
  if (held === null || held === undefined) return "";
  const special = parametersText(held);
  const buffers = held.buffer_bytes > 0 ? ` (${humaneBytes(held.buffer_bytes)} buffers)` : "";
  const weights = `weights ${humaneBytes(held.param_bytes + held.buffer_bytes)}${buffers}`;
  return `${thousands(held.param_count)} parameters${special ? ` (${special})` : ""} · ${weights}`;
}

// The tensors that flow along visible edges that run on one line. An edge may stand for several.
export function edgeText(geometry, found) {
  const drawn = found.map((k) => geometry.edges[k]);
  const {names, of} = geometry.scene.tensors;
  const tensors = [...new Set(drawn.flatMap(({edges}) => Array.from(edges, (edge) => names[of[edge]])))];
  const more = tensors.length > 3 ? `\n+ ${tensors.length - 3} more` : "";
  const named = (end) => {
    const ids = [...new Set(drawn.map((edge) => geometry.idOf(edge[end])))];
    return ids.length > 3 ? `${ids.length} boxes` : ids.join(", ");
  };
  return `${named("source")} → ${named("target")}\n${tensors.slice(0, 3).join("\n")}${more}`;
}
