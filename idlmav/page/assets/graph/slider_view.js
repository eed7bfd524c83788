// The range slider: the part of the flow that is visible, as two handles.

import { isSideways } from "../page/arrange.js";

export class SliderView {
  // sliders: an upright one and a lying one, of which one is visible.
  constructor({sliders, picture, graph, isLeader, onMoved}) {
    Object.assign(this, {sliders, picture, graph, isLeader, onMoved});
    this.writing = false;
    for (const model of sliders) {
      model.properties.value.change.connect(() => {
        if (!this.writing) this.moved();
      });
    }
  }

  get sideways() {
    return isSideways(this.picture.direction);
  }

  get model() {
    return this.sliders[this.sideways ? 1 : 0];
  }

  // The graph moved: show its visible part.
  update() {
    const [left, right, top, bottom] = this.graph.viewport;
    const end = this.sideways ? this.picture.width : this.picture.height;
    const [low, high] = this.sideways ? [left, right] : [top, bottom];
    const clip = (value) => Math.min(end, Math.max(0, value));
    this.writing = true;
    this.model.setv({start: 0, end, value: [clip(low), clip(high)]}, {sync: false});
    this.writing = false;
  }

  // A person moved a handle: make exactly that part visible.
  moved() {
    const {graph} = this;
    // With a kernel, Python says a second later where the slider was.
    if (!this.isLeader()) return this.update();
    // What is shown may be more than was asked for: the slider says so when it has come to rest.
    this.onMoved();
    const [low, high] = this.model.value;
    if (high - low < 1) return undefined;
    const [cx, cy] = graph.center;
    const middle = (low + high) / 2;
    if (this.sideways) graph.moveTo(middle, cy, graph.figure.inner_width / (high - low));
    else graph.moveTo(cx, middle, graph.figure.inner_height / (high - low));
    return undefined;
  }
}
