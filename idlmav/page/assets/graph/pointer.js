// Turns what the mouse does on the graph's figure into selecting, folding and tips.

import { edgeText, groupFacts, hoverText, nodeFacts } from "../detail/facts_text.js";
import { hit } from "./visible.js";

const DOUBLE_TAP_PX = 8;
const BELOW_MOUSE_PX = 12;

export class Pointer {
  constructor({graph, geometry, store, folding}) {
    Object.assign(this, {graph, geometry, store, folding});
    this.lastTap = {sx: 0, sy: 0};
    this.isDragging = false;
    const actions = {tap: this.tapped, doubletap: this.doubleTapped, mousemove: this.pointedAt, mouseleave: () => graph.hover("")};
    for (const [name, action] of Object.entries(actions)) graph.figure.on_event(name, (event) => action.call(this, event));
  }

  attach(element) {
    element?.addEventListener("pointermove", ({buttons}) => { this.isDragging = buttons !== 0; }, {capture: true, passive: true});
  }

  tapped({x, y, sx, sy}) {
    this.lastTap = {sx, sy};
    const place = hit(this.geometry, this.graph.visible, x, y);
    this.store.set({selected: place ? this.geometry.idOf(place) : ""}, "tap");
  }

  doubleTapped(event) {
    const {x, y, sx, sy} = event;
    // Bokeh calls any two quick taps a double one, however far apart they are.
    if (Math.hypot(sx - this.lastTap.sx, sy - this.lastTap.sy) > DOUBLE_TAP_PX) return this.tapped(event);
    const {geometry} = this;
    const place = hit(geometry, this.graph.visible, x, y);
    if (place?.group) this.folding.toggle(geometry.idOf(place), geometry.groups.state[place.index] === 1, {x, y});
    return undefined;
  }

  pointedAt({x, y, sx, sy}) {
    const {geometry, graph} = this;
    // A person who drags keeps the same place under the mouse.
    if (this.isDragging) return undefined;
    const place = hit(geometry, graph.visible, x, y);
    if (place && !place.isFrame) return this.pointedAtBox(place);
    const edges = graph.edgesAt(x, y);
    if (edges.length === 0) return graph.hover("");
    return graph.hover("", edges, {detail: edgeText(geometry, edges)}, {x: sx, y: sy + BELOW_MOUSE_PX, width: 0, height: 0});
  }

  pointedAtBox(place) {
    const {geometry, graph} = this;
    const id = geometry.idOf(place);
    // The tip does not follow the mouse within a box.
    if (id === graph.hovered && graph.tip?.isShown) return undefined;
    const facts = place.group ? groupFacts(geometry.scene, place.index) : nodeFacts(geometry.scene, place.index);
    return graph.hover(id, [], hoverText(facts), graph.onFigure(geometry.rect(place)));
  }
}
