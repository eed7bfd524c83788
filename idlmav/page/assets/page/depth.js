// Folding one group in place, all groups, or those below a depth; and the drop-down that offers this.

import { follow } from "../base/figure.js";
import { choiceOf, foldChoices, foldsToDepth, withoutFoldsAround } from "../fold/choices.js";

export class Folding {
  // model: the drop-down, or null.
  constructor({geometry, store, graph, lead, model}) {
    Object.assign(this, {geometry, store, graph, lead});
    this.offered = model ? [...model.options] : [];
    this.show = follow(model, "value", (value) => this.chosen(value));
    this.sceneChanged();
  }

  // Fold or unfold one group, which stays where it is on the screen, and under the mouse if that toggled it.
  toggle(name, wanted, mouse = null) {
    const {geometry, graph, store} = this;
    const id = geometry.isGroup(name) ? name : geometry.groupIds[geometry.scene.groups.path.indexOf(name)];
    if (id === undefined) return;
    this.lead("graph");
    const place = {group: true, index: geometry.groupAt.get(id)};
    const before = geometry.rect(place);
    const others = store.get("folded").filter((other) => other !== id);
    store.set({folded: wanted ? [...others, id] : others}, "page");
    const after = geometry.rect(place);
    const share = mouse === null ? 0.5 : (mouse.x - before.x) / before.w;
    const below = mouse === null ? 0 : Math.max(0, mouse.y - before.y - after.h);
    const [x, y] = graph.center;
    graph.moveTo({x: x + after.x + share * after.w - before.x - share * before.w, y: y + after.y - before.y - below});
  }

  // Fold these groups and no others, and show the picture from its start.
  set(folded) {
    this.lead("graph");
    this.store.set({folded: [...folded]}, "page");
    this.graph.home();
  }

  toDepth(depth) {
    this.set(foldsToDepth(this.geometry.scene, depth));
  }

  // Unfold the groups around a node, or a group itself, and go there.
  reveal(name) {
    const id = name && this.geometry.resolve(name);
    if (!id) return;
    this.lead("graph");
    this.store.set({folded: withoutFoldsAround(this.geometry, this.store.get("folded"), id)}, "page");
    this.graph.centerOn(id);
  }

  // ---- the drop-down shows the choice that folds the same groups, if there is one

  sceneChanged() {
    this.choices = foldChoices(this.geometry.scene);
    const always = ["", "selected"];
    this.show({options: this.offered.filter(([value]) => this.choices.has(value) || always.includes(value))});
    this.showChoice();
  }

  showChoice() {
    this.show({value: choiceOf(this.choices, this.store.get("folded"))});
  }

  chosen(value) {
    if (value === "selected") this.reveal(this.store.get("selected"));
    else if (this.choices.has(value)) this.set(this.choices.get(value));
    this.showChoice();
  }
}
