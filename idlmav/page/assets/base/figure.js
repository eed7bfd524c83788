// Writes into Bokeh figures and widgets. Python gets none of it: what is drawn follows from the state.

const SMALLEST_PX = 10;
export const CORNERS = ["x0", "y0", "x1", "y1"];

// Set properties of a model in this page only.
export const setHere = (model, values, options = {}) => model.setv(values, {sync: false, ...options});

// Call back when a person changes a property of a model. Returns a function that sets properties without calling back.
export function follow(model, property, call) {
  let isShowing = false;
  model?.properties[property].change.connect(() => { if (!isShowing) call(model[property]); });
  return (values) => {
    isShowing = true;
    if (model) setHere(model, values);
    isShowing = false;
  };
}

// Whether Bokeh has given a figure its size.
export const hasSize = ({inner_width: width, inner_height: height}) => width > SMALLEST_PX && height > SMALLEST_PX;

export function onResize(figure, call) {
  for (const side of ["inner_width", "inner_height"]) figure.properties[side].change.connect(call);
}

// The renderers that HoloViews has named, by name.
export const layersOf = ({renderers}) => new Map(renderers.filter(({name}) => name).map((renderer) => [renderer.name, renderer]));

// Show the surroundings of a point. scaleX, scaleY: px on the screen for one px of the layout; y runs down.
export function centerFigure(figure, x, y, scaleX, scaleY = scaleX) {
  const [w, h] = [figure.inner_width / scaleX / 2, figure.inner_height / scaleY / 2];
  setHere(figure.x_range, {start: x - w, end: x + w});
  setHere(figure.y_range, {start: y + h, end: y - h});
}

export const setGround = (figure, color) => setHere(figure, {background_fill_color: color, border_fill_color: color});

// The columns of a data source, from one object for each of its rows.
export function columnsOf(names, rows) {
  return Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name])]));
}
