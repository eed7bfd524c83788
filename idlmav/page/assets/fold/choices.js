// Choose the groups to fold: the twin of layout/folding/choices.py, on the columns of a scene.

import constants from "../../../scene/constants.json" with { type: "json" };

// How many groups are around each group, itself included.
export function groupDepths({parent}) {
  const depths = [];
  parent.forEach((outer, i) => { depths[i] = (outer < 0 ? 0 : depths[outer]) + 1; });
  return depths;
}

// Ids of the groups that are folded if `depth` levels of groups are open. The other blocks of a run stay folded.
export function foldsToDepth(scene, depth) {
  const depths = groupDepths(scene.geometry.groups);
  return scene.geometry.groups.ids.filter((_, i) => depths[i] > depth || scene.groups.kind[i] === "rest");
}

// The groups that stay folded if a node, or the inside of a group, is to be visible.
export function withoutFoldsAround(geometry, folded, id) {
  const around = new Set(geometry.ancestors(id).map((group) => geometry.groupIds[group]));
  if (geometry.isGroup(id)) around.add(id);
  return folded.filter((other) => !around.has(other));
}

// The groups that each choice of the depth widget folds; of equal choices the first one names them.
export function foldChoices(scene) {
  const depths = groupDepths(scene.geometry.groups);
  const deepest = Math.min(constants.depths_offered, Math.max(0, ...depths) - 1);
  const choices = new Map(scene.first_folds.length > 0 ? [["auto", scene.first_folds], ["all", []]] : [["all", []]]);
  for (let depth = 0; depth <= deepest; depth++) choices.set(String(depth), foldsToDepth(scene, depth));
  return choices;
}

// The choice that folds exactly these groups, or "" if none does.
export function choiceOf(choices, folded) {
  const now = new Set(folded);
  for (const [name, wanted] of choices) {
    if (wanted.length === now.size && wanted.every((id) => now.has(id))) return name;
  }
  return "";
}
