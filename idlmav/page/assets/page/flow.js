// Direction and turn of the flow, and merging. A page without a kernel holds the layouts for the other directions and turns;
// with a kernel, Python makes a new scene.

import { elementOf } from "../base/bokeh_private.js";

const OF_LAYOUT = ["flow", "geometry", "groups", "tensors", "first_folds"];
const HERE = " here";

// Switch a scene to the flow that the state asks for; return whether it changed. With a kernel Python sends a scene instead.
export function switchFlow(scene, {direction, turn}) {
  const turned = `${direction} ${turn}`;
  const name = [turned, direction].find((flow) => flow === scene.flow || (scene.flows !== null && flow in scene.flows));
  if (name === undefined || name === scene.flow) return false;
  // The sums that are shown belong to the groups of one layout.
  if (scene.compute) {
    scene.nodes.flops = scene.compute.nodes;
    scene.groups.flops = scene.compute.groups;
    delete scene.compute;
  }
  scene.flows[scene.flow] = Object.fromEntries(OF_LAYOUT.map((key) => [key, scene[key]]));
  Object.assign(scene, scene.flows[name]);
  delete scene.flows[name];
  return true;
}

export class FlowWidgets {
  // direction, turn, merge: the drop-downs, or null; view: finds their elements.
  constructor({geometry, store, view, direction, turn, merge}) {
    Object.assign(this, {geometry, store, view, direction, turn, merge});
    this.offered = new Map([turn, merge].map((model) => [model, [...(model?.options ?? [])]]));
    turn?.properties.value.change.connect(() => this.chosen(turn, (value) => this.turnTo(value)));
    merge?.properties.value.change.connect(() => this.chosen(merge, (value) => {
      if (value !== "other") store.set({merge_threshold: Number(value)}, "page");
    }));
  }

  // Id of the selected op or module, or "".
  get here() {
    return this.geometry.resolve(this.store.get("selected"));
  }

  turnTo(value) {
    if (value.endsWith(HERE)) this.store.set({latent: this.here, turn: value.slice(0, -HERE.length)}, "page");
    else this.store.set({turn: value}, "page");
  }

  update() {
    const {geometry: {scene}, store} = this;
    const live = scene.flows === null;
    const latent = store.get("latent");
    const others = live || Object.keys(scene.flows).length > 0;
    this.show(this.direction, {visible: others}, "");
    const offered = (value) => value === "none" || (value.endsWith(HERE) ? live && this.here !== "" : latent !== "");
    const turn = {value: latent === "" ? "none" : store.get("turn"), visible: others && (live || latent !== "")};
    this.show(this.turn, turn, this.turnTitle(live, latent), offered);
    const share = String(Math.max(-1, store.get("merge_threshold")));
    const isOffered = this.offered.get(this.merge)?.some(([value]) => value === share);
    const merging = "Draw small ops on their neighbour's box: those without parameters, or also those with the fewest";
    this.show(this.merge, {value: isOffered ? share : "other", visible: live}, merging, (value) => value !== "other" || !isOffered);
  }

  turnTitle(live, latent) {
    const where = latent === "" ? "" : this.geometry.turned || this.store.get("turn") === "none"
      ? `Turns at ${latent}` : `Nothing lies before or after ${latent}, so the flow does not turn there`;
    if (!live) return `${where}; another place needs Python`;
    return [where, this.here === "" ? "Select an op or a module to turn there" : `Here: at ${this.here}`].filter(Boolean).join(". ");
  }

  show(model, values, title, offers = null) {
    if (!model) return;
    const options = offers && this.offered.get(model).filter(([value]) => offers(value));
    this.showing = true;
    model.setv(options ? {...values, options, disabled: options.length < 2} : values, {sync: false});
    this.showing = false;
    elementOf(this.view, model)?.setAttribute("title", title);
  }

  // The drop-down shows a choice only once it applies.
  chosen(model, act) {
    if (this.showing) return;
    act(model.value);
    this.update();
  }
}
