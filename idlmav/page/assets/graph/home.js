// Computes where the first view is, in the live figure and in the still picture before it.

import { isSideways } from "../base/directions.js";

// At a smaller scale nobody can read the texts.
const READABLE_SCALE = 0.7;

// Whether these are left, right, top and bottom of a part of the graph.
export const isPart = (sides) => sides?.every(Number.isFinite) && sides[1] > sides[0] && sides[3] > sides[2];

// Px on screen for one px of the layout, so that everything is seen.
export function fittingScale(geometry, {inner_width: width, inner_height: height}) {
  return Math.min(width / (geometry.width + 40), height / (geometry.height + 40), 1.2);
}

export function smallestScale(geometry, figure) {
  return Math.min(0.6 * fittingScale(geometry, figure), 0.2);
}

// A rectangle in the middle, not smaller than before, at a size that can be read, but all of it if that is possible.
export function viewOf({x, y, w, h}, scale, geometry, figure) {
  const room = Math.min(figure.inner_width / (w + 60), figure.inner_height / (h + 60));
  return {x: x + w / 2, y: y + h / 2, scale: Math.min(Math.max(scale, READABLE_SCALE), Math.max(room, smallestScale(geometry, figure)))};
}

// Whether a rectangle lies inside a view, at a size that can be read.
export function isSeen({x, y, w, h}, {x: cx, y: cy, scale}, {inner_width: width, inner_height: height}) {
  const isIn = (start, size, middle, seen) => start >= middle - seen / scale / 2 && start + size <= middle + seen / scale / 2;
  return scale >= 0.9 * READABLE_SCALE && isIn(x, w, cx, width) && isIn(y, h, cy, height);
}

// A part of the geometry, with what lies around it where the window has another shape.
export function partView([left, right, top, bottom], {inner_width: width, inner_height: height}) {
  return {x: (left + right) / 2, y: (top + bottom) / 2, scale: Math.min(width / (right - left), height / (bottom - top))};
}

// The start of the flow at a size that can be read; everything if that can be read. first: rectangle of the first box.
export function homeView(geometry, figure, first) {
  const {width, height, direction} = geometry;
  const whole = fittingScale(geometry, figure);
  if (whole >= READABLE_SCALE) return {x: width / 2, y: height / 2, scale: whole};
  const sideways = isSideways(direction);
  const across = sideways ? figure.inner_height / (height + 40) : figure.inner_width / (width + 40);
  const scale = Math.min(1, Math.max(READABLE_SCALE, across));
  const [w, h] = [figure.inner_width / scale / 2, figure.inner_height / scale / 2];
  const [x, y] = [first.x + first.w / 2, first.y + first.h / 2];
  const all = across >= scale;
  // A turned flow starts further in: what is beside its start is not seen unless all of the width is.
  const start = all ? {x: 0, y: 0, w: width, h: height} : first;
  const near = {down: [x, start.y - 20 + h], up: [x, start.y + start.h + 20 - h], right: [start.x - 20 + w, y], left: [start.x + start.w + 20 - w, y]};
  const centered = all ? (sideways ? [null, height / 2] : [width / 2, null]) : [null, null];
  const [cx, cy] = near[direction].map((value, k) => centered[k] ?? value);
  return {x: cx, y: cy, scale};
}
