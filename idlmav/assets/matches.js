// What a search and a range of values leave bright: boxes, groups that hold some, rows of the table.

import { NUMBERS } from "./colors.js";
import { matcher, unreachedMatcher } from "./search.js";

// matches: a flag a node, or null for all; inTable: the same with the modules never called behind; matchCount: of these.
export function findMatches(picture, look, state) {
  const {scene} = picture;
  const test = matcher(scene, state.query);
  const range = rangeTest(scene, state);
  let matches = null;
  if (test || range) {
    matches = Uint8Array.from(picture.nodeIds, (_, i) => (!test || test(i)) && (!range || range(i)) ? 1 : 0);
  }
  const missed = test && unreachedMatcher(scene, state.query);
  const inTable = matches && [...matches, ...scene.unreached.ids.map((_, i) => (missed?.(i) && !range ? 1 : 0))];
  const holding = groupsAround(picture, matches);
  const isDimmed = (i) => (matches !== null && !matches[i]) || scene.nodes.status[i] === "not_run";
  return {
    matches,
    inTable,
    matchCount: inTable?.reduce((sum, match) => sum + match, 0) ?? null,
    groupMatches: (group) => matches === null || holding.has(group),
    dimmedInk: (i) => (isDimmed(i) ? {ink: look.theme.muted} : null),
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

function rangeTest(scene, {value_range: range, color_by: color, size_by: size}) {
  const metric = [color, size].find((choice) => choice in NUMBERS);
  if (range === null || metric === undefined) return null;
  const values = scene.nodes[metric];
  return (i) => values[i] !== null && values[i] >= range[0] && values[i] <= range[1];
}
