// A dialog with the keys and the grammar of a search; opened with ?.

import { make, makeButton } from "../base/dom.js";

const KEYS = [
  ["← ↑ → ↓", "follow the edges, or go to the box beside"],
  ["Home  End", "first, last op"],
  ["Enter", "fold or unfold the selected module, or the one around the selected op"],
  ["+  −", "zoom"],
  ["f", "show everything"],
  ["/", "search; then Enter, Shift+Enter: next, previous match"],
  ["Esc", "clear the selection, then the search and the filters"],
  ["?", "show or hide this help"],
];
const SEARCHES = [
  ["layer1  BasicBlock", "in names, operations, classes"],
  ["/conv[12]$/i", "a regular expression, i for any case"],
  ["params>1M & op==conv2d", "also | ! ( ) and flops, bytes, category, class, path, shape, dtype, status, args, source"],
  ["path==layer1.*  op~norm", "* for anything, ~ for contains"],
];

// The browser keeps the focus inside the dialog and restores it afterwards.
export function makeHelp(parent) {
  const dialog = parent.appendChild(make("dialog", "help", "", {"aria-label": "Keys and search"}));
  const close = makeButton("close", "Close", () => dialog.close());
  dialog.append(make("h2", "", "Keys, when the graph has the focus"), list(KEYS), make("h2", "", "Search"), list(SEARCHES), close);
  // A click outside closes it.
  dialog.addEventListener("click", (event) => { if (event.composedPath()[0] === dialog) dialog.close(); });
  return dialog;
}

function list(entries) {
  const element = make("dl");
  for (const [key, meaning] of entries) element.append(make("dt", "", key), make("dd", "", meaning));
  return element;
}
