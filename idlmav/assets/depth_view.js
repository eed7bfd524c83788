// The drop-down that folds to a depth; it shows which of its choices the picture is folded to, if any.

import { choiceOf, foldChoices } from "./folds.js";

export class DepthView {
  constructor({model, picture, store, onChoose}) {
    Object.assign(this, {model, picture, store, onChoose, all: [...model.options]});
    this.showing = false;
    model.properties.value.change.connect(() => this.chosen());
    this.update(true);
  }

  // A scene that is new may have other choices.
  update(isNew = false) {
    const {model, picture, store} = this;
    if (isNew) {
      this.choices = foldChoices(picture.scene);
      const options = this.all.filter(([value]) => this.choices.has(value) || value === "" || value === "selected");
      this.show({options});
    }
    this.show({value: choiceOf(this.choices, store.get("folded"))});
    return model;
  }

  show(values) {
    this.showing = true;
    this.model.setv(values, {sync: false});
    this.showing = false;
  }

  chosen() {
    if (this.showing) return;
    this.onChoose(this.model.value, this.choices.get(this.model.value));
    this.update();
  }
}
