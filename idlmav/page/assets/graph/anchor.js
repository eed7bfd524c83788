// Keeps the box in the middle of the view there while the layout changes.

// Returns a function that moves the view back to the box.
export function anchor(geometry, graph) {
  const [x, y] = graph.center;
  const middle = (place) => {
    const {x: left, y: top, w, h} = geometry.rect(place);
    return [left + w / 2, top + h / 2];
  };
  let [id, least, from] = ["", Infinity, [0, 0]];
  const consider = (place) => {
    const [mx, my] = middle(place);
    const distance = Math.hypot(mx - x, my - y);
    if (distance < least) [id, least, from] = [geometry.idOf(place), distance, [mx, my]];
  };
  geometry.nodes.visible.forEach((visible, index) => { if (visible) consider({group: false, index}); });
  geometry.groups.state.forEach((state, index) => { if (state === 2) consider({group: true, index}); });
  return () => {
    if (geometry.resolve(id) === "") return;
    const [mx, my] = middle(geometry.shownAs(id));
    graph.moveTo(x + mx - from[0], y + my - from[1], graph.scale);
  };
}
