// The line of facts: what was captured, and the model's numbers with what each of them is.

import { ops, sumText, sumTitle } from "./compute.js";
import { make } from "../legend/legend.js";
import { humaneBytes, thousands } from "../base/text.js";

const CONVENTION = {FLOPs: "1 multiply-add = 2 FLOPs", MACs: "1 multiply-add = 1 MAC"};

export function drawFacts(element, scene) {
  element.replaceChildren(...facts(scene).map(([text, title, kind]) => {
    const fact = make("span", kind ?? "", text);
    fact.title = title;
    return fact;
  }));
}

// [text, title, class] for each.
export function facts(scene) {
  const {totals, compute} = scene;
  const shown = scene.nodes.kind.filter((kind) => kind === "op").length;
  const [all, reached] = [shown === totals.node_count, totals.param_reached === totals.param_count];
  const found = [
    [`${all ? "" : `${thousands(shown)} of `}${ops(totals.node_count)}${all ? "" : " drawn"}`, `${ops(totals.node_count)} captured, ${thousands(shown)} drawn; inputs and outputs are not counted`],
    [`${reached ? "" : `${thousands(totals.param_reached)} of `}${thousands(totals.param_count)} parameters${reached ? "" : " reached"}`, parametersTitle(totals)],
  ];
  const special = parametersText(totals);
  if (special !== "") found.push([special, parametersTitle(totals)]);
  const sums = {
    counted: totals.flops, estimated: totals.flops_estimated, measured: totals.flops_measured, unknown: totals.flops_unknown,
  };
  found.push([sumText(compute, sums), sumTitle(compute, sums)]);
  found.push([`weights ${humaneBytes(totals.param_bytes + totals.buffer_bytes)}`, bytesTitle(totals)]);
  const least = totals.activation_unknown > 0 ? "≥ " : "";
  const missing = totals.activation_unknown > 0 ? `, ${ops(totals.activation_unknown)} unknown` : "";
  found.push([`activations ${least}${humaneBytes(totals.activation_bytes)}`, `${thousands(totals.activation_bytes)} B, outputs of ops that are new memory${missing}`]);
  const unreached = scene.unreached.ids.length;
  if (unreached > 0) found.push([`${thousands(unreached)} ${unreached === 1 ? "module" : "modules"} never called`, "Listed at the end of the table", "unreached"]);
  found.push([CONVENTION[compute.unit], "MACs are half of the FLOPs, also where these are estimated", "convention"]);
  return found;
}

// What is special about parameters: frozen, shared, without a size; nothing if nothing is.
export function parametersText({param_count: count, trainable_count: trainable, shared_count: shared, param_unknown: unknown}) {
  const parts = [];
  if (count > trainable) parts.push(trainable === 0 ? "all frozen" : `${thousands(count - trainable)} frozen`);
  if (shared > 0) parts.push(`${thousands(shared)} shared`);
  if (unknown > 0) parts.push(`${thousands(unknown)} of unknown size`);
  return parts.join(", ");
}

function parametersTitle(totals) {
  const {param_count: count, trainable_count: trainable, shared_count: shared, param_unknown: unknown} = totals;
  const lines = [
    `${thousands(count)} in total`, `${thousands(trainable)} trainable`, `${thousands(count - trainable)} frozen`,
    `${thousands(shared)} shared by several modules, counted once`,
  ];
  if (unknown > 0) lines.push(`${thousands(unknown)} parameters have no size yet`);
  return lines.join("\n");
}

export function bytesTitle({param_bytes: parameters, buffer_bytes: buffers}) {
  return `${thousands(parameters)} B parameters\n${thousands(buffers)} B buffers`;
}
