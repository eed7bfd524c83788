// Which groups to fold: as idlmav/layout/folding/choices.py, on the columns of a scene.

import constants from "../../../scene/constants.json" with { type: "json" };

// How many groups are around each, itself included.
export function groupDepths({parent}) {
  const depths = [];
  parent.forEach((outer, i) => { depths[i] = (outer < 0 ? 0 : depths[outer]) + 1; });
  return depths;
}

// Ids of the groups that are folded if as many levels of groups are open: all for 0. The other blocks of a run look like
// the first and stay folded.
export function foldsToDepth(scene, depth) {
  const {ids} = scene.geometry.groups;
  const depths = groupDepths(scene.geometry.groups);
  return ids.filter((_, i) => depths[i] > depth || scene.groups.kind[i] === "rest");
}

// What stays folded if a node is to be seen, or what is in a group.
export function withoutFoldsAround(picture, folded, id) {
  const around = new Set(picture.ancestors(id).map((group) => picture.groupIds[group]));
  if (picture.isGroup(id)) around.add(id);
  return folded.filter((other) => !around.has(other));
}

// What each choice of the depth widget folds, the first to be named coming first.
export function foldChoices(scene) {
  const depths = groupDepths(scene.geometry.groups);
  const deepest = Math.min(constants.depths_offered, Math.max(0, ...depths) - 1);
  const choices = new Map(scene.first_folds.length > 0 ? [["auto", scene.first_folds], ["all", []]] : [["all", []]]);
  for (let depth = 0; depth <= deepest; depth++) choices.set(String(depth), foldsToDepth(scene, depth));
  return choices;
}

// The choice that gives what is folded now, or "" if none does.
export function choiceOf(choices, folded) {
  const now = new Set(folded);
  for (const [name, wanted] of choices) {
    if (wanted.length === now.size && wanted.every((id) => now.has(id))) return name;
  }
  return "";
}
