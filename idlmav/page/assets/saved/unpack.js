// Unpacks the content of a saved page and starts it in the same document. It is a module script, so it runs after the
// scripts that the page loads from a CDN.

(async () => {
  const packed = document.getElementById("packed");
  const {alphabet, size} = packed.dataset;
  // Let the browser paint the page first.
  await new Promise((resolve) => setTimeout(resolve));
  const {body: stream} = new Response(decoded(packed.textContent, alphabet).subarray(0, Number(size)));
  packed.remove();
  // es-module-shims would fetch its modules, which nbviewer's policy refuses; every browser that gets here imports.
  const importShim = (url) => import(url);
  importShim.addImportMap = () => {};
  Object.defineProperty(window, "importShim", {get: () => importShim, set: () => {}, configurable: true});
  // Scripts stay bytes, which the browser parses in parallel.
  const [first, ...parts] = await cut(stream.pipeThrough(new DecompressionStream("gzip")));
  const last = parts.pop();
  const loaded = parts.map((part) => new Promise((resolve, reject) => {
    const src = URL.createObjectURL(new Blob(part, {type: "text/javascript"}));
    document.head.append(Object.assign(document.createElement("script"), {src, async: false, onload: resolve, onerror: reject}));
  }));
  const [items, docs] = [first, last].map((part) => JSON.parse(text(part)));
  await Promise.all(loaded);
  if (!window.Bokeh) throw new Error("its libraries could not be loaded");
  const opened = new Promise((resolve) => addEventListener("idlmav-opened", resolve, {once: true}));
  await Promise.all([window.Bokeh.embed.embed_items(docs, items), opened]);
  // Removed in the frame in which the page is ready: until then it covers the page from clicks.
  await window.idlmav[0].ready;
  document.getElementById("still").remove();
})().catch((error) => {
  const note = document.getElementById("note");
  note.hidden = false;
  const isOld = typeof DecompressionStream === "undefined";
  note.textContent = `This page ${isOld ? "needs a browser of 2023 or later" : "could not be opened"}: ${error}`;
});

// Base 85.
function decoded(text, alphabet) {
  const digits = new Uint8Array(128);
  for (let value = 0; value < 85; value++) digits[alphabet.charCodeAt(value)] = value;
  const chars = new TextEncoder().encode(text);
  const bytes = new DataView(new ArrayBuffer((chars.length / 5) * 4));
  for (let i = 0, at = 0; i < chars.length; i += 5, at += 4) {
    let value = 0;
    for (let k = i; k < i + 5; k++) value = (Math.imul(value, 85) + digits[chars[k]]) | 0;
    bytes.setInt32(at, value);
  }
  return new Uint8Array(bytes.buffer);
}

// Decode directly: a Blob would be copied to the browser's process and back.
function text(part) {
  const decoder = new TextDecoder();
  return part.map((bytes) => decoder.decode(bytes, {stream: true})).join("");
}

// Cut a stream at its zero bytes; each part is a list of arrays.
async function cut(stream) {
  const parts = [[]];
  for (const reader = stream.getReader(); ;) {
    const {value, done} = await reader.read();
    if (done) return parts;
    let start = 0;
    for (let end; (end = value.indexOf(0, start)) >= 0; start = end + 1) {
      parts[parts.length - 1].push(value.subarray(start, end));
      parts.push([]);
    }
    parts[parts.length - 1].push(value.subarray(start));
  }
}
