// The legend of a number: a gradient with ticks on which a range is dragged; what is outside of it is dimmed.

import { LogScale } from "./scale.js";
import { humane } from "../base/text.js";

const CLICK_PX = 3;
const KEY_SHARE = 0.05;

export class Brush {
  constructor({gradient, range, title, unit, onRange}) {
    Object.assign(this, {scale: new LogScale(range), title, unit, onRange, shares: [0, 1], pending: 0});
    this.element = part("brush", null, {role: "group", "aria-label": `${title}: range that is not dimmed`});
    this.track = part("gradient", this.element);
    this.track.style.background = `linear-gradient(90deg, ${gradient.join(", ")})`;
    this.track.title = "Drag to choose a range; click to show everything again";
    this.veils = [part("veil", this.track), part("veil right", this.track)];
    this.handles = ["Smallest", "Largest"].map((end, k) => this.handle(end, k));
    for (const {share, text} of this.scale.ticks()) {
      const tick = part("tick", this.element);
      tick.style.left = `${100 * share}%`;
      tick.textContent = text;
    }
    this.track.addEventListener("pointerdown", (event) => this.begin(event));
  }

  handle(end, k) {
    const handle = part("handle", this.track, {role: "slider", tabindex: 0, "aria-label": `${end} ${this.title} not dimmed`});
    handle.setAttribute("aria-valuemin", 0);
    handle.setAttribute("aria-valuemax", 100);
    handle.addEventListener("keydown", (event) => {
      const step = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1}[event.key];
      if (step === undefined) return;
      event.preventDefault();
      const shares = [...this.shares];
      shares[k] = Math.min(1, Math.max(0, Math.round((shares[k] + step * KEY_SHARE) / KEY_SHARE) * KEY_SHARE));
      this.tell(shares);
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
    const at = ({clientX}) => Math.min(1, Math.max(0, (clientX - left) / width));
    const held = this.handles.indexOf(event.composedPath()[0]);
    const fixed = held < 0 ? at(event) : this.shares[1 - held];
    this.dragging = true;
    this.track.setPointerCapture(event.pointerId);
    const move = (now) => {
      if (Math.abs(now.clientX - event.clientX) < CLICK_PX) return;
      this.moved = true;
      this.place([at(now), fixed].sort((a, b) => a - b));
      cancelAnimationFrame(this.pending);
      this.pending = requestAnimationFrame(() => this.tell(this.shares));
    };
    const end = () => {
      cancelAnimationFrame(this.pending);
      this.track.removeEventListener("pointermove", move);
      const clicked = !this.moved;
      Object.assign(this, {dragging: false, moved: false});
      this.tell(clicked ? [0, 1] : this.shares);
    };
    this.track.addEventListener("pointermove", move);
    this.track.addEventListener("pointerup", end, {once: true});
  }

  tell(shares) {
    const [first, last] = shares;
    this.onRange(first <= 0 && last >= 1 ? null : this.scale.range(Math.min(first, last), Math.max(first, last)));
  }
}

function part(className, parent, attributes = {}) {
  const element = document.createElement("div");
  element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent?.append(element);
  return element;
}
