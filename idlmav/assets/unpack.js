// A module of its own in a saved page, so it runs after what the page loads from a CDN: unpacks what the page holds and
// starts it, without replacing the document.

(async () => {
  const packed = document.getElementById("packed");
  const {alphabet, size} = packed.dataset;
  // What is already in the page is painted first.
  await new Promise((resolve) => setTimeout(resolve));
  const digits = new Uint8Array(128);
  for (let value = 0; value < 85; value++) digits[alphabet.charCodeAt(value)] = value;
  const chars = new TextEncoder().encode(packed.textContent);
  const bytes = new Uint8Array(chars.length / 5 * 4);
  for (let i = 0, at = 0; i < chars.length; at += 4) {
    let value = 0;
    for (const end = i + 5; i < end; i++) value = value * 85 + digits[chars[i]];
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }
  packed.remove();
  const stream = new Blob([bytes.subarray(0, Number(size))]).stream().pipeThrough(new DecompressionStream("gzip"));
  const parts = (await new Response(stream).text()).split("\0");
  const [docs, items] = parts.splice(0, 2).map((text) => JSON.parse(text));
  // es-module-shims would fetch its modules, which nbviewer's policy refuses; every browser that gets here imports.
  const importShim = (url) => import(url);
  importShim.addImportMap = () => {};
  Object.defineProperty(window, "importShim", {get: () => importShim, set: () => {}, configurable: true});
  await Promise.all(parts.map((part) => new Promise((resolve, reject) => {
    const src = URL.createObjectURL(new Blob([part], {type: "text/javascript"}));
    document.head.append(Object.assign(document.createElement("script"), {src, async: false, onload: resolve, onerror: reject}));
  })));
  if (!window.Bokeh) throw new Error("its libraries could not be loaded");
  window.Bokeh.embed.embed_items(docs, items);
  while (!window.idlmav?.length) await new Promise((resolve) => setTimeout(resolve, 16));
  await window.idlmav[0].ready;
  // Bokeh paints with the next frame; a page that is not seen has none.
  await Promise.race([new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))), new Promise((resolve) => setTimeout(resolve, 200))]);
  document.getElementById("still").remove();
})().catch((error) => {
  const note = document.getElementById("note");
  note.hidden = false;
  note.textContent = `This page needs a browser of 2023 or later: ${error}`;
});
