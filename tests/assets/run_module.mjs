// Reads {assets, code, input}, runs the code with a function that imports modules, writes what it returns as JSON.
import { readFileSync } from "node:fs";

const { assets, code, input, charWidth } = JSON.parse(readFileSync(0, "utf8"));
if (charWidth) {
  // There is no canvas in Node.js: every character is as wide as the other.
  const measureText = text => ({ width: text.length * charWidth });
  globalThis.document = { createElement: () => ({ getContext: () => ({ measureText }) }) };
}
const plain = value =>
  ArrayBuffer.isView(value) ? Array.from(value)
  : value instanceof Map ? Object.fromEntries(value)
  : typeof value?.toJSON === "function" ? plain(value.toJSON())
  : Array.isArray(value) ? value.map(plain)
  : value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
  : value;
const load = name => import(`${assets}/${name}.js`);
const body = Object.getPrototypeOf(async () => {}).constructor("load", "input", code);
process.stdout.write(JSON.stringify(plain(await body(load, input)) ?? null));
