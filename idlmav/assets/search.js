// Which nodes a query finds: words in names and operations, or conditions such as "params>1e6 & op==conv2d".

const FIELDS = {
  params: "param_count", param_count: "param_count", parameters: "param_count",
  flops: "flops",
  bytes: "activation_bytes", activation_bytes: "activation_bytes", activations: "activation_bytes",
  op: "op", operation: "operation", category: "category", path: "path", module: "path",
  status: "status", dtype: "dtype", shape: "shape",
};
const CONDITION = /^(\w+)\s*(>=|<=|==|!=|=|>|<)\s*(.+)$/;
const COMPARE = {
  ">": (a, b) => a > b, ">=": (a, b) => a >= b, "<": (a, b) => a < b, "<=": (a, b) => a <= b,
  "==": (a, b) => a === b, "=": (a, b) => a === b, "!=": (a, b) => a !== b,
};

// A test (node index -> boolean) for a query, or null if the query is empty.
export function matcher(scene, query) {
  const terms = query.split("&").map((term) => term.trim()).filter((term) => term !== "");
  if (terms.length === 0) return null;
  const tests = terms.map((term) => condition(scene, term) ?? words(scene, term));
  return (i) => tests.every((test) => test(i));
}

function condition(scene, term) {
  const [, name, operator, text] = CONDITION.exec(term) ?? [];
  const field = FIELDS[name?.toLowerCase()];
  if (field === undefined) return null;
  const values = scene.nodes[field];
  const number = Number(text);
  const numeric = ["param_count", "flops", "activation_bytes"].includes(field);
  if (numeric && Number.isNaN(number)) return null;
  const wanted = numeric ? number : text.replace(/^['"]|['"]$/g, "").toLowerCase();
  return (i) => {
    const value = values[i];
    if (value === null) return false;
    return COMPARE[operator](numeric ? value : String(value).toLowerCase(), wanted);
  };
}

function words(scene, term) {
  const wanted = term.toLowerCase();
  const {ids} = scene.geometry.nodes;
  const {operation, op, label} = scene.nodes;
  return (i) => [ids[i], operation[i], op[i], label[i]].some((text) => text.toLowerCase().includes(wanted));
}
