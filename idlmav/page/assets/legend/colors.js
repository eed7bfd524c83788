// Computes colours from a name or a number, and the legend that explains them.

import constants from "../../../scene/constants.json" with { type: "json" };
import { LogScale } from "./scale.js";

// Titles of the numbers that colour and size can show.
export const NUMBERS = constants.metrics;

// Fill and text colour for every node and group under one choice of color_by.
export class Coloring {
  constructor(scene, choice) {
    this.scene = scene;
    this.choice = choice;
    this.isNumber = choice in NUMBERS;
    if (!this.isNumber) return;
    this.range = positiveRange(scene.nodes[choice]);
    this.scale = new LogScale(this.range);
  }

  node(i) {
    if (this.isNumber) return this.ofNumber(this.scene.nodes[this.choice][i]);
    const {of, colors, inks} = this.scene.colors[this.choice];
    return {fill: colors[of[i]], ink: inks[of[i]]};
  }

  // A folded group has a colour of its own only where a sum makes sense. Otherwise it has that of a frame.
  group(i) {
    return this.isNumber ? this.ofNumber(this.scene.groups[this.choice][i]) : null;
  }

  ofNumber(value) {
    if (value === null) return constants.unknown;
    const {gradient, gradient_inks: inks} = this.scene;
    const share = this.scale.share(value);
    const step = Math.min(gradient.length - 1, Math.floor(share * gradient.length));
    return {fill: gradient[step], ink: inks[step]};
  }

  // [{name, color, count}], most frequent first; a number gives its smallest and largest.
  legend() {
    if (this.isNumber) return {gradient: this.scene.gradient, range: this.range};
    const {names, colors, of} = this.scene.colors[this.choice];
    const counts = new Array(names.length).fill(0);
    for (const k of of) counts[k] += 1;
    const entries = names.map((name, k) => ({name, color: colors[k], count: counts[k]}));
    return {entries: entries.filter((entry) => entry.count > 0).sort((a, b) => b.count - a.count)};
  }
}

export function positiveRange(values) {
  const positive = values.filter((value) => value > 0);
  return positive.length > 0 ? [Math.min, Math.max].map((best) => positive.reduce((a, b) => best(a, b))) : [1, 1];
}

// Px by which the box of each node grows along the flow. Its area follows the number.
export function growth(scene, choice, most) {
  const values = scene.nodes[choice];
  if (!values) return new Float64Array(scene.nodes.label.length);
  const high = positiveRange(values)[1];
  return Float64Array.from(values, (value) => Math.round(most * Math.sqrt((value ?? 0) / high)));
}
