// Where the views stand: beside each other if the flow runs up or down, above each other if it runs to a side.

// Heights when they lie.
const OVERVIEW_PX = 84;
const SLIDER_PX = 34;

export const isSideways = (direction) => direction === "left" || direction === "right";

// row: the container of the views; parts: the Bokeh model of each view, or null where it is switched off. There is a
// slider for either case.
export class Arrangement {
  constructor(view, row, parts) {
    Object.assign(this, {view, row, parts});
    this.sideways = false;
    const {sizing_mode, width, height, min_height} = parts.overview ?? {};
    this.upright = {sizing_mode, width, height, min_height};
  }

  update(direction) {
    const sideways = isSideways(direction);
    if (sideways === this.sideways) return;
    this.sideways = sideways;
    const {overview, slider, flat_slider: flatSlider} = this.parts;
    slider?.setv({visible: !sideways}, {sync: false});
    flatSlider?.setv({visible: sideways}, {sync: false});
    const flat = {sizing_mode: "stretch_width", width: null, height: OVERVIEW_PX, min_height: OVERVIEW_PX};
    overview?.setv(sideways ? flat : this.upright, {sync: false});
    for (const [name, model] of Object.entries(this.parts)) {
      model?.setv({styles: {"grid-area": sideways ? name : "auto"}}, {sync: false});
    }
    // Said in either case: Bokeh adds styles, but takes none away.
    this.row.setv({styles: sideways ? this.grid() : {display: "flex"}}, {sync: false});
    // Bokeh has measured in between; the sizes are final with the next frame.
    requestAnimationFrame(() => this.view.owner.find_one(this.row)?.invalidate_layout());
  }

  // The table stays at the right, as high as the others together.
  grid() {
    const {overview, flat_slider: flatSlider, table} = this.parts;
    const rows = [
      [overview, "overview", `${OVERVIEW_PX}px`],
      [true, "graph", "minmax(0, 1fr)"],
      [flatSlider, "flat_slider", `${SLIDER_PX}px`],
    ].filter(([shown]) => shown);
    return {
      display: "grid",
      "grid-template-areas": rows.map(([, name]) => (table ? `"${name} table"` : `"${name}"`)).join(" "),
      "grid-template-columns": table ? "minmax(0, 3fr) minmax(0, 2fr)" : "minmax(0, 1fr)",
      "grid-template-rows": rows.map(([, , size]) => size).join(" "),
    };
  }
}
