// Shows a text beside the box or the edge under the mouse.

import { make } from "../base/dom.js";

const GAP_PX = 8;
const MARGIN_PX = 4;

export class Tip {
  constructor(parent) {
    this.element = parent.appendChild(make("div", "idlmav-tip"));
    this.hide();
  }

  get isShown() {
    return !this.element.hidden;
  }

  hide() {
    this.element.hidden = true;
  }

  // place: the rectangle to leave uncovered if there is room beside it; width, height: of the figure.
  show({title = "", detail, error = ""}, place, {width, height}) {
    const {element} = this;
    const lines = [["title", title], ["", detail], ["wrong", error]].filter(([, text]) => text !== "");
    element.replaceChildren(...lines.map(([name, text]) => make("div", name, text)));
    element.hidden = false;
    const {x, y} = tipPlace(place, {w: element.offsetWidth, h: element.offsetHeight}, {width, height});
    Object.assign(element.style, {left: `${x}px`, top: `${y}px`});
  }
}

// The corner of a tip: at the right of a place, else at the left, else under or over it, and always inside of the figure.
export function tipPlace({x, y, width: across, height: down}, {w, h}, {width, height}) {
  const inside = (value, room) => Math.max(MARGIN_PX, Math.min(value, room - MARGIN_PX));
  const [right, left, under, over] = [x + across + GAP_PX, x - GAP_PX - w, y + down + GAP_PX, y - GAP_PX - h];
  const beside = right + w <= width - MARGIN_PX ? right : left >= MARGIN_PX ? left : null;
  const level = beside !== null ? y : under + h <= height - MARGIN_PX ? under : over;
  return {x: inside(beside ?? x, width - w), y: inside(level, height - h)};
}
