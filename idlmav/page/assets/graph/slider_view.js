// Links the range slider with the graph: two handles show which part of the flow is visible.

import { isSideways } from "../base/directions.js";
import { follow } from "../base/figure.js";

export class SliderView {
  // sliders: an upright one and a lying one. One of them is visible.
  constructor({sliders, geometry, graph, isLeader, onMoved}) {
    Object.assign(this, {sliders, geometry, graph, isLeader, onMoved});
    this.shows = sliders.map((model) => follow(model, "value", (value) => this.moved(value)));
  }

  get sideways() {
    return isSideways(this.geometry.direction);
  }

  // The graph moved: show its visible part.
  update() {
    const [left, right, top, bottom] = this.graph.viewport;
    const end = this.sideways ? this.geometry.width : this.geometry.height;
    const [low, high] = this.sideways ? [left, right] : [top, bottom];
    const clip = (value) => Math.min(end, Math.max(0, value));
    this.shows[this.sideways ? 1 : 0]({start: 0, end, value: [clip(low), clip(high)]});
  }

  // A person moved a handle: make exactly that part visible.
  moved([low, high]) {
    const {graph} = this;
    // With a kernel, Python sends the old place of the slider a second later.
    if (!this.isLeader("slider")) return this.update();
    // The graph may show more than the slider asks for. The slider follows when it has come to rest.
    this.onMoved();
    if (high - low < 1) return undefined;
    const middle = (low + high) / 2;
    const {inner_width: width, inner_height: height} = graph.figure;
    return graph.moveTo(this.sideways ? {x: middle, scale: width / (high - low)} : {y: middle, scale: height / (high - low)});
  }
}
