// For screen readers: names of the page's parts, and announcements of what has been selected or found.

import { partsOf } from "../base/bokeh_private.js";
import { make, setAttributes } from "../base/dom.js";
import { ops } from "../detail/compute.js";

const FACTS = 3;
const CALM_MS = 250;

export class Announcer {
  constructor(parent) {
    this.element = parent.appendChild(make("div", "announcement", "", {role: "status", "aria-live": "polite"}));
  }

  // Of several announcements in quick succession only the last is made.
  say(text) {
    clearTimeout(this.pending);
    this.pending = setTimeout(() => { this.element.textContent = text; }, CALM_MS);
  }

  selection({title, what, facts, error}, state) {
    if (title === "") return this.say("Nothing is selected.");
    return this.say([title, state, what, ...facts.slice(0, FACTS).map(([, text]) => text), error].filter(Boolean).join(", "));
  }

  matches({steps, problem, hint}) {
    if (problem || hint) return this.say(problem || hint);
    return steps === null ? undefined : this.say(`${steps.length} found`);
  }

  close() {
    clearTimeout(this.pending);
  }
}

// Name the parts to which Bokeh gives no accessible names.
export function nameParts({graph, overview, sliders, element}, {totals, nodes}) {
  const shown = nodes.kind.filter((kind) => kind === "op").length;
  const label = (node, attributes) => { if (node) setAttributes(node, attributes); };
  label(graph, {role: "application", "aria-roledescription": "graph", "aria-label": `Graph of ${totals.name}. Arrow keys follow the edges, ? lists all keys.`});
  const pictures = [[graph, `${totals.name}: ${ops(shown)} and the tensors that flow between them. The table lists the same ops.`], [overview, `Overview of ${totals.name}: the whole graph, and which part of it is shown.`]];
  for (const [figure, text] of pictures) {
    const [first, ...others] = canvases(figure);
    label(first, {role: "img", "aria-label": text});
    for (const other of others) label(other, {"aria-hidden": "true"});
  }
  for (const slider of sliders) {
    for (const [k, handle] of partsOf(slider, ".noUi-handle").entries()) label(handle, {"aria-label": `${k === 0 ? "Start" : "End"} of the part that is shown`});
  }
  label(element, {role: "region", "aria-label": `Architecture of ${totals.name}`});
}

function canvases(figure) {
  const found = (node) => [...node.querySelectorAll("*")].flatMap((child) => (child.tagName === "CANVAS" ? [child] : child.shadowRoot ? found(child.shadowRoot) : []));
  return figure ? found(figure.shadowRoot) : [];
}
