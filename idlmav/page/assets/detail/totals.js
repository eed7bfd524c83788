// Draws the line of facts: the model's numbers, each with an explanation.

import { ops, sumText, sumTitle } from "./compute.js";
import { make } from "../base/dom.js";
import { atLeast, humaneBytes, thousands } from "../base/text.js";

const CONVENTION = {FLOPs: "1 multiply-add = 2 FLOPs", MACs: "1 multiply-add = 1 MAC"};

export function drawFacts(element, scene) {
  element.replaceChildren(...facts(scene).map(([text, title, kind]) => make("span", kind, text, {title})));
}

// [text, title, class] for each.
export function facts(scene) {
  const {totals, compute} = scene;
  const shown = scene.nodes.kind.filter((kind) => kind === "op").length;
  const [all, reached] = [shown === totals.node_count, totals.param_reached === totals.param_count];
  const sums = {
    counted: totals.flops, estimated: totals.flops_estimated, measured: totals.flops_measured, unknown: totals.flops_unknown,
  };
  const missing = totals.activation_unknown > 0 ? `, ${ops(totals.activation_unknown)} unknown` : "";
  const unreached = scene.unreached.ids.length;
  const found = [
    [`${all ? "" : `${thousands(shown)} of `}${ops(totals.node_count)}${all ? "" : " drawn"}`, `${ops(totals.node_count)} captured, ${thousands(shown)} drawn; inputs and outputs are not counted`],
    [`${reached ? "" : `${thousands(totals.param_reached)} of `}${thousands(totals.param_count)} parameters${reached ? "" : " reached"}`, parametersTitle(totals)],
    [parametersText(totals), parametersTitle(totals)],
    [sumText(compute, sums), sumTitle(compute, sums)],
    [`weights ${humaneBytes(totals.param_bytes + totals.buffer_bytes)}`, `${thousands(totals.param_bytes)} B parameters\n${thousands(totals.buffer_bytes)} B buffers`],
    [`activations ${atLeast(totals.activation_unknown)}${humaneBytes(totals.activation_bytes)}`, `${thousands(totals.activation_bytes)} B, outputs of ops that are new memory${missing}`],
    [unreached > 0 ? `${thousands(unreached)} ${unreached === 1 ? "module" : "modules"} never called` : "", "Listed at the end of the table", "unreached"],
    [CONVENTION[compute.unit], "MACs are half of the FLOPs, also where these are estimated", "convention"],
  ];
  return found.filter(([text]) => text !== "");
}

// How many parameters are frozen, shared or without a size; "" if none are.
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
