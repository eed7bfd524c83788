// Draws the legend of a number: a gradient with ticks. A person drags a range on it; what lies outside is dimmed.

import { make } from "../base/dom.js";
import { humane } from "../base/text.js";
import { LogScale } from "./scale.js";

const CLICK_PX = 3;
const KEY_SHARE = 0.05;
const STEPS = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1};

const clip = (share) => Math.min(1, Math.max(0, share));

export class Brush {
  constructor({gradient, range, title, unit, onRange}) {
    Object.assign(this, {scale: new LogScale(range), title, unit, onRange, shares: [0, 1], pending: 0});
    this.element = make("div", "brush", "", {role: "group", "aria-label": `${title}: range that is not dimmed`});
    this.track = make("div", "gradient", "", {title: "Drag to choose a range; click to show everything again"});
    this.track.style.background = `linear-gradient(90deg, ${gradient.join(", ")})`;
    this.veils = [make("div", "veil"), make("div", "veil right")];
    this.handles = ["Smallest", "Largest"].map((end, k) => this.handle(end, k));
    this.track.append(...this.veils, ...this.handles);
    this.element.append(this.track);
    for (const {share, text} of this.scale.ticks()) {
      const tick = this.element.appendChild(make("div", "tick", text));
      tick.style.left = `${100 * share}%`;
    }
    this.track.addEventListener("pointerdown", (event) => this.begin(event));
  }

  handle(end, k) {
    const handle = make("div", "handle", "", {
      role: "slider", tabindex: 0, "aria-label": `${end} ${this.title} not dimmed`, "aria-valuemin": 0, "aria-valuemax": 100,
    });
    handle.addEventListener("keydown", (event) => {
      const {[event.key]: step} = STEPS;
      if (step === undefined) return;
      event.preventDefault();
      const shares = [...this.shares];
      shares[k] = clip(Math.round((shares[k] + step * KEY_SHARE) / KEY_SHARE) * KEY_SHARE);
      this.choose(shares);
    });
    return handle;
  }

  show(range) {
    if (!this.dragging) this.place(range === null ? [0, 1] : range.map((value, k) => (value === null ? k : this.scale.share(value))));
  }

  place(shares) {
    this.shares = shares;
    this.veils[0].style.width = `${100 * shares[0]}%`;
    this.veils[1].style.width = `${100 * (1 - shares[1])}%`;
    this.scale.range(...shares).forEach((value, k) => {
      this.handles[k].style.left = `${100 * shares[k]}%`;
      this.handles[k].setAttribute("aria-valuenow", Math.round(100 * shares[k]));
      this.handles[k].setAttribute("aria-valuetext", humane(value, this.unit));
    });
  }

  // A drag that begins at a handle moves it, elsewhere it draws a new range; a click clears.
  begin(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    const {left, width} = this.track.getBoundingClientRect();
    const at = ({clientX}) => clip((clientX - left) / width);
    const held = this.handles.indexOf(event.composedPath()[0]);
    const fixed = held < 0 ? at(event) : this.shares[1 - held];
    this.dragging = true;
    this.track.setPointerCapture(event.pointerId);
    const move = (now) => {
      if (Math.abs(now.clientX - event.clientX) < CLICK_PX) return;
      this.moved = true;
      this.place([at(now), fixed].sort((a, b) => a - b));
      cancelAnimationFrame(this.pending);
      this.pending = requestAnimationFrame(() => this.choose(this.shares));
    };
    const end = () => {
      cancelAnimationFrame(this.pending);
      this.track.removeEventListener("pointermove", move);
      const clicked = !this.moved;
      Object.assign(this, {dragging: false, moved: false});
      this.choose(clicked ? [0, 1] : this.shares);
    };
    this.track.addEventListener("pointermove", move);
    this.track.addEventListener("pointerup", end, {once: true});
  }

  choose(shares) {
    const [first, last] = [...shares].sort((a, b) => a - b);
    this.onRange(first <= 0 && last >= 1 ? null : this.scale.range(first, last));
  }
}
