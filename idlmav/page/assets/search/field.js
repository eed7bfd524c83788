// The search field: the number of matches, which of them is selected, buttons to step, and problems of a query.

import { elementOf, partsOf } from "../base/bokeh_private.js";
import { make, makeButton } from "../base/dom.js";

export class SearchField {
  // onStep(1 or -1) selects the next or previous match; onLeave moves the focus to the graph.
  constructor({model, view, store, appearance, onStep, onLeave}) {
    Object.assign(this, {model, view, store, appearance, onStep, onLeave});
    this.input = null;
  }

  // Call when Bokeh has built the field.
  attach() {
    const input = partsOf(elementOf(this.view, this.model), "input")[0];
    if (!input || input === this.input) return;
    this.input = input;
    this.tools = make("span", "idlmav-search");
    this.count = this.tools.appendChild(make("span", "matches"));
    for (const [sign, step, title] of [["‹", -1, "Previous match (Shift+Enter)"], ["›", 1, "Next match (Enter)"]]) {
      this.tools.append(makeButton("", sign, () => this.onStep(step), {title, "aria-label": title}));
    }
    this.problem = make("div", "idlmav-problem", "", {id: "idlmav-problem"});
    input.setAttribute("aria-describedby", this.problem.id);
    input.after(this.tools, this.problem);
    input.parentElement.style.position = "relative";
    input.addEventListener("keydown", (event) => this.pressed(event));
    this.show();
  }

  pressed({key, shiftKey}) {
    if (key === "Enter") this.onStep(shiftKey ? -1 : 1);
    if (key !== "Escape") return;
    if (this.store.get("query") === "") this.onLeave();
    else this.store.set({query: ""}, "page");
  }

  focus() {
    this.input?.focus();
    this.input?.select();
  }

  // Show the number of matches, or which of them is selected.
  show() {
    if (!this.input) return;
    const {steps, problem, hint} = this.appearance;
    this.count.textContent = this.text(steps ?? []);
    this.tools.hidden = steps === null || problem !== "";
    this.tools.classList.toggle("none", steps?.length === 0);
    this.problem.textContent = problem || hint;
    this.problem.hidden = this.problem.textContent === "";
    this.problem.classList.toggle("wrong", problem !== "");
    this.input.setAttribute("aria-invalid", String(problem !== ""));
    this.input.style.paddingRight = this.tools.hidden ? "" : `${this.tools.offsetWidth + 8}px`;
  }

  text(steps) {
    const at = steps.indexOf(this.store.get("selected"));
    if (steps.length === 0) return "none";
    return at < 0 ? `${steps.length} found` : `${at + 1} of ${steps.length}`;
  }
}
