// What a search, the legend and a range of values leave bright, as idlmav/still/matches.py does: boxes, groups that hold some, rows of the table.

import { NUMBERS } from "../legend/colors.js";
import { search } from "./find.js";

// matches: a flag a node, or null for all; inTable: the same with the modules never called behind; steps: ids of what was
// found itself, in the order of the flow, or null; found: groups of these; problem and hint: what is wrong with the query.
export function findMatches(picture, look, state) {
  const {scene} = picture;
  const found = search(scene, state.query);
  const filters = [legendTest(scene, state), rangeTest(scene, state)].filter(Boolean);
  const all = found.nodes === null && filters.length === 0;
  const isNode = (i) => (found.nodes === null || found.nodes(i)) && filters.every((test) => test(i));
  const asked = !all && found.groups !== null && filters.length === 0;
  const groups = new Set(asked ? [...picture.groupIds.keys()].filter((i) => found.groups(i)) : []);
  const own = all ? null : Uint8Array.from(picture.nodeIds, (_, i) => (isNode(i) ? 1 : 0));
  const isIn = insideOf(picture, groups);
  // What is in a module that was found stays bright.
  const matches = own?.map((match, i) => match || (isIn(picture.nodeGroup[i]) ? 1 : 0)) ?? null;
  const unreached = scene.unreached.ids.map((_, i) => (found.unreached?.(i) && filters.length === 0 ? 1 : 0));
  const holding = groupsAround(picture, matches);
  const isDimmed = (i) => (matches !== null && !matches[i]) || scene.nodes.status[i] === "not_run";
  return {
    matches,
    inTable: matches && [...matches, ...unreached],
    steps: own && [...inOrder(picture, own, groups), ...scene.unreached.ids.filter((_, i) => unreached[i])],
    found: groups,
    problem: found.problem,
    hint: found.hint,
    groupMatches: (group) => matches === null || holding.has(group) || isIn(group),
    dimmedInk: (i) => (isDimmed(i) ? {ink: look.theme.muted} : null),
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

// A module stands before the first op in it.
function inOrder(picture, own, groups) {
  const ids = [];
  const left = new Set(groups);
  picture.nodeIds.forEach((id, i) => {
    if (left.size > 0) {
      for (const group of picture.ancestors(id).reverse()) if (left.delete(group)) ids.push(picture.groupIds[group]);
    }
    if (own[i]) ids.push(id);
  });
  return ids;
}

// Names that the legend has not are another legend's.
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
