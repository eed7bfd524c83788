// Apply search, legend and range of values, as idlmav/search/matches.py does: boxes, groups and rows that are not dimmed.

import { NUMBERS } from "../legend/colors.js";
import { search } from "./find.js";

// matches: a flag for each node, or null for all; inTable: the same, followed by the modules that were never called; steps:
// ids of the ops and modules that were found, in the order of the flow, or null; found: the groups among them; problem and
// hint: texts about the query.
export function findMatches(geometry, appearance, state) {
  const {scene} = geometry;
  const found = search(scene, state.query);
  const filters = [legendTest(scene, state), rangeTest(scene, state)].filter(Boolean);
  const all = found.nodes === null && filters.length === 0;
  const isNode = (i) => (found.nodes === null || found.nodes(i)) && filters.every((test) => test(i));
  const asked = !all && found.groups !== null && filters.length === 0;
  const groups = new Set(asked ? [...geometry.groupIds.keys()].filter((i) => found.groups(i)) : []);
  const own = all ? null : Uint8Array.from(geometry.nodeIds, (_, i) => (isNode(i) ? 1 : 0));
  const isIn = insideOf(geometry, groups);
  // Everything in a module that was found is not dimmed.
  const matches = own?.map((match, i) => match || (isIn(geometry.nodeGroup[i]) ? 1 : 0)) ?? null;
  const unreached = scene.unreached.ids.map((_, i) => (found.unreached?.(i) && filters.length === 0 ? 1 : 0));
  const holding = groupsAround(geometry, matches);
  const isDimmed = (i) => (matches !== null && !matches[i]) || scene.nodes.status[i] === "not_run";
  return {
    matches,
    inTable: matches && [...matches, ...unreached],
    steps: own && [...inOrder(geometry, own, groups), ...scene.unreached.ids.filter((_, i) => unreached[i])],
    found: groups,
    problem: found.problem,
    hint: found.hint,
    groupMatches: (group) => matches === null || holding.has(group) || isIn(group),
    dimmedInk: (i) => (isDimmed(i) ? {ink: appearance.theme.muted} : null),
  };
}

function insideOf({groupParent}, groups) {
  return (start) => {
    let group = start;
    while (group >= 0 && !groups.has(group)) group = groupParent[group];
    return group >= 0;
  };
}

function groupsAround({nodeGroup, groupParent}, matches) {
  const holding = new Set();
  matches?.forEach((match, i) => {
    for (let group = match ? nodeGroup[i] : -1; group >= 0 && !holding.has(group); group = groupParent[group]) {
      holding.add(group);
    }
  });
  return holding;
}

// A module comes before its first op.
function inOrder(geometry, own, groups) {
  const ids = [];
  const left = new Set(groups);
  geometry.nodeIds.forEach((id, i) => {
    if (left.size > 0) {
      for (const group of geometry.ancestors(id).reverse()) if (left.delete(group)) ids.push(geometry.groupIds[group]);
    }
    if (own[i]) ids.push(id);
  });
  return ids;
}

// Names that are not in this legend belong to another one and are ignored.
function legendTest(scene, {color_by: choice, highlighted}) {
  const {names, of} = scene.colors[choice] ?? {names: [], of: []};
  const wanted = new Set(highlighted.map((name) => names.indexOf(name)).filter((k) => k >= 0));
  return wanted.size > 0 ? (i) => wanted.has(of[i]) : null;
}

function rangeTest(scene, {value_range: range, color_by: color, size_by: size}) {
  const metric = [color, size].find((choice) => choice in NUMBERS);
  if (range === null || metric === undefined) return null;
  const values = scene.nodes[metric];
  const [low, high] = [range[0] ?? -Infinity, range[1] ?? Infinity];
  return (i) => values[i] !== null && values[i] >= low && values[i] <= high;
}
