// The arrangement of the views. The side (table and details) is at the right of the graph, or below it in a narrow page;
// overview and slider are above and below the graph if the flow is horizontal. The border to the side can be dragged.

import constants from "../../../scene/constants.json" with { type: "json" };

import { elementOf, measureAgain } from "../base/bokeh_private.js";
import { make } from "../base/dom.js";
import { isSideways } from "../base/directions.js";

const OVERVIEW_PX = 84;
const NARROW_PX = 760;
const SLIM_PX = 1200;
const NARROW_OVERVIEW_PX = 64;
const SLIM_OVERVIEW_PX = 84;
const {detail_px: DETAIL_PX} = constants;
const NARROW_DETAIL_PX = 102;
// The side's share of the width, or of the height where it is below; the first and the last are those of views.css.
const SHARES = {beside: 0.46, slim: 0.5, below: 0.45};
const LEAST_SHARE = 0.15;
const KEY_STEP = 0.02;

// row: the container of the views; parts: the Bokeh model of each view, or null where it is switched off, with a slider for
// each orientation; inSide: the models in the side.
export class Arrangement {
  constructor(view, row, parts, inSide) {
    Object.assign(this, {view, row, parts, inSide});
    const {sizing_mode, width, height, min_height} = parts.overview ?? {};
    this.upright = {sizing_mode, width, height, min_height};
    this.direction = "down";
    this.shown = "";
    // A vertical flow in a wide page, as in views.css.
    this.placed = `false ${!inSide.table} ${(100 * SHARES.beside).toFixed(2)}%`;
    // Shares that were chosen by dragging.
    this.shares = {};
    this.element = elementOf(view, row);
    this.element.shadowRoot.append(this.splitter = this.makeSplitter());
    this.observer = new ResizeObserver(() => this.update(this.direction));
    this.observer.observe(this.element);
  }

  close() {
    this.observer.disconnect();
  }

  update(direction) {
    this.direction = direction;
    const sideways = isSideways(direction);
    const narrow = this.element.clientWidth < NARROW_PX;
    const slim = this.element.clientWidth < SLIM_PX;
    const shown = `${sideways} ${narrow} ${slim}`;
    if (shown === this.shown) return;
    Object.assign(this, {shown, sideways, narrow, slim});
    const {overview, slider, flat_slider: flatSlider} = this.parts;
    slider?.setv({visible: !sideways}, {sync: false});
    flatSlider?.setv({visible: sideways}, {sync: false});
    const flat = {sizing_mode: "stretch_width", width: null, height: OVERVIEW_PX, min_height: OVERVIEW_PX};
    const upright = {...this.upright, width: narrow ? NARROW_OVERVIEW_PX : slim ? SLIM_OVERVIEW_PX : this.upright.width};
    overview?.setv(sideways ? flat : upright, {sync: false});
    this.inSide.detail?.setv({styles: {height: `${narrow ? NARROW_DETAIL_PX : DETAIL_PX}px`}}, {sync: false});
    this.place();
  }

  place() {
    const {splitter, narrow, element, sideways, below} = this;
    const side = `${(100 * this.share).toFixed(2)}%`;
    const placed = `${sideways} ${below} ${side}`;
    element.classList.toggle("sideways", sideways);
    element.classList.toggle("below", below);
    // Details without a table take the height that they need.
    if (this.inSide.table) element.style.setProperty("--side", side);
    splitter.setAttribute("aria-orientation", narrow ? "horizontal" : "vertical");
    splitter.setAttribute("aria-valuenow", Math.round(100 * this.share));
    // As the style sheet has it at first, so as Bokeh has measured it.
    if (this.placed === placed) return;
    this.placed = placed;
    // Bokeh has measured meanwhile; the sizes are final with the next frame.
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => measureAgain(this.view, this.row));
  }

  get share() {
    return this.shares[this.narrow ? "below" : "beside"] ?? SHARES[this.narrow ? "below" : this.slim ? "slim" : "beside"];
  }

  get below() {
    return this.narrow || !this.inSide.table;
  }

  // ---- the border, which is dragged or moved with the arrow keys

  makeSplitter() {
    const splitter = make("div", "idlmav-splitter", "", {
      tabindex: 0, role: "separator", "aria-label": "Width of the table", "aria-valuemin": 100 * LEAST_SHARE, "aria-valuemax": 100 * (1 - LEAST_SHARE),
    });
    splitter.addEventListener("pointerdown", (event) => {
      splitter.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    splitter.addEventListener("pointermove", (event) => {
      if (!splitter.hasPointerCapture(event.pointerId)) return;
      const {right, bottom, width, height} = this.element.getBoundingClientRect();
      this.setShare(this.narrow ? (bottom - event.clientY) / height : (right - event.clientX) / width);
    });
    splitter.addEventListener("keydown", (event) => {
      const step = {ArrowLeft: KEY_STEP, ArrowUp: KEY_STEP, ArrowRight: -KEY_STEP, ArrowDown: -KEY_STEP}[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.setShare(this.share + step);
    });
    return splitter;
  }

  setShare(share) {
    this.shares[this.narrow ? "below" : "beside"] = Math.min(1 - LEAST_SHARE, Math.max(LEAST_SHARE, share));
    this.place();
  }
}
