// A panel that a button opens and that a click elsewhere or Esc closes.

import { elementOf, measureOnlyWhile, partsOf } from "../base/bokeh_private.js";

const MARGIN_PX = 4;

export class Popover {
  constructor(view, panel, button, container) {
    Object.assign(this, {view, panel, button});
    // Changes in a closed panel move nothing, but Bokeh would measure the whole page again.
    measureOnlyWhile(view, panel, () => panel.visible);
    container.addEventListener("pointerdown", (event) => this.pressed(event), {capture: true});
    // Its fields handle all other keys.
    container.addEventListener("keydown", (event) => { if (event.key === "Escape" && this.close()) event.stopPropagation(); }, {capture: true});
  }

  // Return whether it was open.
  close() {
    if (!this.panel.visible) return false;
    this.show(false);
    this.control?.focus();
    return true;
  }

  get control() {
    return partsOf(elementOf(this.view, this.button), "button")[0];
  }

  toggle() {
    this.show(!this.panel.visible);
  }

  show(visible) {
    this.panel.setv({visible, ...(visible ? {styles: {...this.panel.styles, ...this.place()}} : {})}, {sync: false});
    this.control?.setAttribute("aria-expanded", String(visible));
  }

  // Below its button, in whichever line that is.
  place() {
    const [panel, button] = [this.panel, this.button].map((model) => elementOf(this.view, model));
    const [around, at] = [panel.getRootNode().host, button].map((element) => element.getBoundingClientRect());
    const most = around.width - Number.parseFloat(this.panel.styles.width) - MARGIN_PX;
    const right = Math.max(MARGIN_PX, Math.min(around.right - at.right, most));
    return {top: `${at.bottom - around.top + MARGIN_PX}px`, right: `${right}px`};
  }

  pressed(event) {
    if (!this.panel.visible) return;
    const path = event.composedPath();
    const inside = [this.panel, this.button].some((model) => path.includes(elementOf(this.view, model)));
    if (!inside) this.show(false);
  }
}
