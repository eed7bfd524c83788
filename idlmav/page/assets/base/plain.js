// Makes plain values of what Bokeh and Pyodide pass: dicts are Maps there, arrays of numbers typed arrays, None undefined.
export function plain(value) {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  if (ArrayBuffer.isView(value)) return Array.from(value);
  if (Array.isArray(value)) return value.some((item) => typeof item === "object" && item !== null) ? value.map(plain) : [...value];
  if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value ?? null;
}
