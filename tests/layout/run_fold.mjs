// Reads {folder, layouts: [{data, states}]}, writes for every state what makeFolder gives, arrays as plain lists.
import { readFileSync } from "node:fs";

const { folder, layouts } = JSON.parse(readFileSync(0, "utf8"));
const { makeFolder } = await import(folder);
const plain = value =>
  ArrayBuffer.isView(value) ? Array.from(value)
  : typeof value?.toJSON === "function" ? plain(value.toJSON())
  : Array.isArray(value) ? value.map(plain)
  : value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
  : value;
const results = layouts.map(({ data, states }) => {
  const fold = makeFolder(data);
  return states.map(state => plain(fold(Uint8Array.from(state))));
});
process.stdout.write(JSON.stringify(results));
