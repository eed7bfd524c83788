// Links the range slider with the graph: two handles show which part of the flow is visible.

import { isSideways } from "../base/directions.js";
import { setHere } from "../base/figure.js";

export class SliderView {
  // sliders: an upright one and a lying one. One of them is visible.
  constructor({sliders, geometry, graph, isLeader, onMoved}) {
    Object.assign(this, {sliders, geometry, graph, isLeader, onMoved});
    this.writing = false;
    for (const model of sliders) model.properties.value.change.connect(() => { if (!this.writing) this.moved(); });
  }

  get sideways() {
    return isSideways(this.geometry.direction);
  }

  get model() {
    return this.sliders[this.sideways ? 1 : 0];
  }

  // The graph moved: show its visible part.
  update() {
    const [left, right, top, bottom] = this.graph.viewport;
    const end = this.sideways ? this.geometry.width : this.geometry.height;
    const [low, high] = this.sideways ? [left, right] : [top, bottom];
    const clip = (value) => Math.min(end, Math.max(0, value));
    this.writing = true;
    setHere(this.model, {start: 0, end, value: [clip(low), clip(high)]});
    this.writing = false;
  }

  // A person moved a handle: make exactly that part visible.
  moved() {
    const {graph} = this;
    // With a kernel, Python sends the old place of the slider a second later.
    if (!this.isLeader()) return this.update();
    // The graph may show more than the slider asks for. The slider follows when it has come to rest.
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
