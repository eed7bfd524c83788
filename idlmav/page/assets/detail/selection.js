// Collects the contents of the detail panel: the facts about the selection and links to its neighbours, or the costliest ops.

import { groupFacts, nodeFacts, unreachedFacts } from "./facts_text.js";
import { humane } from "../base/text.js";

const MOST_LINKS = 12;
const COSTLIEST = 4;

// {title, what, docs, facts: [[name, text]], links: [[name, [{id, text, hint}], how many more]], error, code}.
export function selectionContent(geometry, name) {
  const {scene} = geometry;
  const unreached = geometry.unreachedAt.get(name);
  const id = geometry.resolve(name);
  if (unreached !== undefined) return {...unreachedFacts(scene, unreached), links: []};
  if (!id) return overall(scene);
  const {group, index} = geometry.place(id);
  const facts = group ? groupFacts(scene, index) : nodeFacts(scene, index);
  const columns = group ? scene.groups : scene.nodes;
  const settings = columns.settings[index] ? [["Settings", columns.settings[index]]] : [];
  const module = group && scene.groups.class_path[index] ? [["Class", scene.groups.class_path[index]]] : [];
  const failure = scene.errors.find(({node}) => node === id);
  return {
    ...facts,
    docs: group ? "" : scene.docs[scene.nodes.operation[index]] ?? "",
    facts: group ? [...facts.facts, ...settings, ...module] : [...facts.facts.slice(0, 2), ...settings, ...facts.facts.slice(2)],
    links: neighbours(geometry, id),
    code: failure?.code ?? "",
  };
}

// The ops from which data come and to which they go, across the border of a group.
function neighbours(geometry, id) {
  const {geometry: {edges, nodes: {ids}}, tensors: {names, of}} = geometry.scene;
  const inside = membership(geometry, id);
  const [from, to] = [new Map(), new Map()];
  for (let k = 0; k < edges.source.length; k++) {
    const [source, target] = [edges.source[k], edges.target[k]];
    if (inside(target) && !inside(source)) from.set(source, names[of[k]]);
    else if (inside(source) && !inside(target)) to.set(target, names[of[k]]);
  }
  const links = (found) => [...found].slice(0, MOST_LINKS).map(([i, tensor]) => ({id: ids[i], text: ids[i], hint: tensor}));
  return [["Inputs", from], ["Outputs", to]]
    .filter(([, found]) => found.size > 0)
    .map(([name, found]) => [name, links(found), Math.max(0, found.size - MOST_LINKS)]);
}

function membership(geometry, id) {
  if (!geometry.isGroup(id)) return (node) => node === geometry.nodeAt.get(id);
  const {groupParent, nodeGroup} = geometry;
  const held = new Uint8Array(groupParent.length);
  // Parents come first.
  groupParent.forEach((parent, i) => { held[i] = i === geometry.groupAt.get(id) || (parent >= 0 && held[parent]) ? 1 : 0; });
  return (node) => nodeGroup[node] >= 0 && held[nodeGroup[node]] === 1;
}

function overall(scene) {
  const {totals, compute} = scene;
  const links = [
    costliest(scene, "param_count", "Most parameters", totals.param_count, ""),
    costliest(scene, "flops", `Most ${compute.unit}`, (totals.flops + totals.flops_measured + (compute.hidden ? 0 : totals.flops_estimated)) / compute.per, compute.unit),
  ];
  return {title: "", what: "", facts: [], links: links.filter(([, found]) => found.length > 0), error: ""};
}

function costliest(scene, metric, name, total, unit) {
  const values = scene.nodes[metric];
  const found = values.map((_, i) => i).filter((i) => values[i] > 0).sort((a, b) => values[b] - values[a]).slice(0, COSTLIEST);
  const share = (value) => (total > 0 ? ` ${((100 * value) / total).toFixed(value < 0.1 * total ? 1 : 0)} %` : "");
  const {ids} = scene.geometry.nodes;
  return [name, found.map((i) => ({id: ids[i], text: ids[i], note: share(values[i]), hint: humane(values[i], unit)})), 0];
}
