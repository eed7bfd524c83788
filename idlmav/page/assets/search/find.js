// Find what a query asks for, as idlmav/search/find.py does: ops, modules, and modules that were never called.

import { nearest } from "./nearest.js";
import { NUMERIC, QueryError, parse } from "./query.js";

const FLOPS_PER = {flops: 1, macs: 2};
const COMPARE = {">": (a, b) => a > b, ">=": (a, b) => a >= b, "<": (a, b) => a < b, "<=": (a, b) => a <= b, "==": (a, b) => a === b, "!=": (a, b) => a !== b};
// Fields with few values, so that a misspelt value can be recognised.
const NAMED = new Set(["op", "category", "class", "status", "dtype"]);

// {nodes, groups, unreached, problem, hint}: tests (index -> boolean), all null for an empty query or one with a problem;
// hint names a value that does not occur in the model.
export function search(scene, query) {
  const nothing = {nodes: null, groups: null, unreached: null, problem: "", hint: ""};
  try {
    const asked = parse(query);
    if (asked === null) return nothing;
    const {nodes, groups, unreached} = targets(scene);
    const inGroups = modulesToo(asked) ? compiled(asked, groups) : () => false;
    return {
      nodes: compiled(asked, nodes),
      // The other blocks of a run are one box, but no module.
      groups: (i) => scene.groups.kind[i] !== "rest" && inGroups(i),
      unreached: compiled(asked, unreached), problem: "", hint: hintOn(asked, [nodes, groups, unreached]),
    };
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    return {...nothing, problem: error.message};
  }
}

// Numbers, and texts by field, of ops, groups and modules that were never called. FLOPs and MACs mean what their names say,
// whichever of them is shown; a hidden estimate is not found.
function targets(scene) {
  const {nodes, groups = {}, unreached = {ids: []}, geometry} = scene;
  const per = scene.compute?.per ?? 1;
  const bare = (text) => text.replace(/^nn\.|\(.*\)$/g, "");
  const ofOps = (columns, ids) => ({
    per, numbers: columns,
    words: (i) => [ids[i], columns.operation[i], columns.op[i], columns.label[i]],
    texts: {
      id: (i) => [ids[i]], op: (i) => [columns.op[i], columns.operation[i], bare(columns.operation[i])],
      class: (i) => (/\)$|^(in|out)put$/.test(columns.operation[i]) ? [] : [columns.operation[i], bare(columns.operation[i])]),
      dtype: (i) => columns.dtype[i].split(", "), shape: (i) => columns.shape[i].split(/(?<=\)), /).map(sizes),
      status: (i) => [columns.status[i].replace("_", " ")],
    },
    columns,
  });
  return {
    nodes: ofOps(nodes, geometry.nodes.ids),
    unreached: {...ofOps(unreached, unreached.ids), per: 1},
    groups: {
      per, numbers: {...groups, param_count: groups.held?.map((held, i) => held?.param_count ?? groups.param_count[i])},
      words: (i) => [groups.path[i], groups.class_name[i]],
      texts: {id: (i) => [groups.path[i], geometry.groups.ids[i]], class: (i) => [groups.class_name[i]]}, columns: {path: groups.path},
    },
  };
}

// Whether a query can find modules: those are found by name, path and class; fields that only ops have exclude them, and
// numbers mean those of ops unless a class is named.
function modulesToo(asked) {
  const fields = new Set([...conditions(asked)].map(({field}) => field));
  return [...fields].every((field) => ["path", "id", "class"].includes(field) || (fields.has("class") && NUMERIC.has(field)));
}

function* conditions(asked) {
  if (asked.kind === "condition") yield asked;
  for (const part of asked.parts ?? [asked.part].filter(Boolean)) yield* conditions(part);
}

function compiled(asked, target) {
  if (asked.kind === "not") {
    const test = compiled(asked.part, target);
    return (i) => !test(i);
  }
  if (asked.kind === "and" || asked.kind === "or") {
    const tests = asked.parts.map((part) => compiled(part, target));
    return asked.kind === "and" ? (i) => tests.every((test) => test(i)) : (i) => tests.some((test) => test(i));
  }
  if (asked.kind === "text") return (i) => target.words(i).some((text) => text.toLowerCase().includes(asked.text));
  if (asked.kind === "regex") return (i) => target.words(i).some((text) => asked.regex.test(text));
  return NUMERIC.has(asked.field) ? comparison(asked, target) : likeness(asked, target);
}

function comparison({name, field, operator, value: wanted}, {numbers, per}) {
  const values = numbers[field];
  const scale = field === "flops" ? per / FLOPS_PER[name] : 1;
  return (i) => (values[i] ?? null) !== null && COMPARE[operator](values[i] * scale, wanted);
}

function textsOf({texts, columns}, field) {
  return texts[field] ?? ((i) => [columns[field]?.[i] ?? ""]);
}

function likeness({field, operator, value, regex}, target) {
  const get = textsOf(target, field);
  const wanted = normal(field, value);
  if (regex) return (i) => (operator === "!=") !== get(i).some((text) => regex.test(text));
  if (operator === "~") return (i) => get(i).some((text) => text.toLowerCase().includes(wanted));
  const glob = wanted.includes("*") ? new RegExp(`^${wanted.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`) : null;
  const equals = (text) => (glob ? glob.test(text) : text === wanted);
  return (i) => (operator === "!=") !== get(i).some((text) => equals(text.toLowerCase()));
}

function normal(field, value) {
  const text = value.toLowerCase();
  return field === "shape" ? sizes(text) : field === "dtype" ? text.replace(/^torch\./, "") : field === "status" ? text.replace("_", " ") : text;
}

// One spelling for a shape that may be written (1, 64, 56, 56), [1,64,56,56] or 1x64x56x56.
function sizes(text) {
  return text.replace(/[×x]/g, ",").replace(/[()[\]\s]|,(?=\s*[)\]]|$)/g, "");
}

function hintOn(asked, targets) {
  for (const {name, field, operator, value, regex} of conditions(asked)) {
    if (!NAMED.has(field) || operator !== "==" || regex || value.includes("*")) continue;
    const known = new Set();
    for (const target of targets) {
      const get = textsOf(target, field);
      const {length} = Object.values(target.columns)[0] ?? [];
      for (let i = 0; i < length; i++) for (const text of get(i)) if (text) known.add(text);
    }
    const wanted = normal(field, value);
    if ([...known].some((text) => text.toLowerCase() === wanted)) continue;
    return `No ${name} '${value}' in this model.${nearest(wanted, known)}`;
  }
  return "";
}
