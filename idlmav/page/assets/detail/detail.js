// Draws the panel about the selection: its facts, and links to where its data come from and go to.

import { make, makeButton } from "../base/dom.js";
import { plain } from "../base/plain.js";

export function render({model}) {
  const element = make("div", "idlmav-detail", "", {role: "region", "aria-label": "Details of the selection"});
  const show = () => {
    element.replaceChildren(...parts(plain(model.content)));
    element.scrollTop = 0;
  };
  model.on("content", show);
  show();
  return element;
}

function parts({title = "", what = "", docs = "", facts = [], links = [], error = "", code = ""}) {
  const head = make("div", "head");
  if (title === "") head.append(make("span", "hint", "Click a box or a row: its details appear here."));
  else head.append(make("span", "title", title), make("span", "what", what));
  if (docs !== "") head.append(make("a", "docs", "torch docs ↗", {href: docs, target: "_blank", rel: "noopener noreferrer"}));
  const found = [head];
  if (error !== "") found.push(make("div", "idlmav-error", error));
  if (code !== "") found.push(make("code", "code", code));
  const [list, ways] = [make("dl", "about"), make("dl", title === "" ? "ways spots" : "ways")];
  for (const [name, text] of facts) list.append(make("dt", "", name), make("dd", "fact", text));
  for (const [name, targets, more] of links) {
    const all = make("dd", "");
    for (const target of targets) all.append(link(target), " ");
    if (more > 0) all.append(make("span", "hint", `+ ${more} more`));
    ways.append(make("dt", "", name), all);
  }
  const lists = make("div", "lists");
  lists.append(...[list, ways].filter((each) => each.children.length > 0));
  return [...found, lists];
}

function link({id, text, note = "", hint}) {
  // The event reaches the controller through all shadow roots.
  const select = () => button.dispatchEvent(new CustomEvent("idlmav-select", {detail: id, bubbles: true, composed: true}));
  const button = makeButton("link", text, select, {title: hint});
  if (note !== "") button.append(make("span", "hint", note));
  return button;
}
