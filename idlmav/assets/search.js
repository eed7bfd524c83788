// Which nodes a query finds: words in names and operations, or conditions such as "params>1e6 & op==conv2d".

const FIELDS = {
  params: "param_count", param_count: "param_count", parameters: "param_count",
  flops: "flops", macs: "flops",
  bytes: "activation_bytes", activation_bytes: "activation_bytes", activations: "activation_bytes",
  op: "op", operation: "operation", category: "category", path: "path", module: "path",
  status: "status", dtype: "dtype", shape: "shape",
};
const FLOPS_PER = {flops: 1, macs: 2};
const CONDITION = /^(\w+)\s*(>=|<=|==|!=|=|>|<)\s*(.+)$/;
const COMPARE = {
  ">": (a, b) => a > b, ">=": (a, b) => a >= b, "<": (a, b) => a < b, "<=": (a, b) => a <= b,
  "==": (a, b) => a === b, "=": (a, b) => a === b, "!=": (a, b) => a !== b,
};

// A test (node index -> boolean) for a query, or null if the query is empty. FLOPs and MACs are what their names say,
// whichever of them is shown; an estimate that is hidden is not found.
export function matcher(scene, query) {
  return tester({...scene.nodes, ids: scene.geometry.nodes.ids}, scene.compute?.per ?? 1, query);
}

// The same for the modules that were never called.
export function unreachedMatcher({unreached}, query) {
  return tester(unreached, 1, query);
}

function tester(columns, shownPer, query) {
  const terms = query.split("&").map((term) => term.trim()).filter((term) => term !== "");
  if (terms.length === 0) return null;
  const tests = terms.map((term) => condition(columns, shownPer, term) ?? words(columns, term));
  return (i) => tests.every((test) => test(i));
}

function condition(columns, shownPer, term) {
  const [, name, operator, text] = CONDITION.exec(term) ?? [];
  const field = FIELDS[name?.toLowerCase()];
  if (field === undefined) return null;
  const values = columns[field];
  const number = Number(text);
  const numeric = ["param_count", "flops", "activation_bytes"].includes(field);
  if (numeric && Number.isNaN(number)) return null;
  const scale = field === "flops" ? shownPer / FLOPS_PER[name.toLowerCase()] : 1;
  const wanted = numeric ? number : text.replace(/^['"]|['"]$/g, "").toLowerCase();
  return (i) => {
    const value = values[i];
    if (value === null) return false;
    return COMPARE[operator](numeric ? value * scale : String(value).toLowerCase(), wanted);
  };
}

function words({ids, operation, op, label}, term) {
  const wanted = term.toLowerCase();
  return (i) => [ids[i], operation[i], op[i], label[i]].some((text) => text.toLowerCase().includes(wanted));
}
