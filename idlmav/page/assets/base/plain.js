// Bokeh hands dicts over as Maps and arrays of numbers as typed arrays, Pyodide None as undefined; the controller works on
// plain values.
export function plain(value) {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  if (ArrayBuffer.isView(value)) return Array.from(value);
  if (Array.isArray(value)) return value.some((item) => typeof item === "object" && item !== null) ? value.map(plain) : [...value];
  if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value ?? null;
}
