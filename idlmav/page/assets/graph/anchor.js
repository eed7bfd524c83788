// Keeps what is in the middle of the view there, while everything around it finds a new place.

// Returns a function that moves the view back to it.
export function anchor(picture, graph) {
  const [x, y] = graph.center;
  const middle = (place) => {
    const {x: left, y: top, w, h} = picture.rect(place);
    return [left + w / 2, top + h / 2];
  };
  let [id, least, from] = ["", Infinity, [0, 0]];
  const look = (place) => {
    const [mx, my] = middle(place);
    const distance = Math.hypot(mx - x, my - y);
    if (distance < least) [id, least, from] = [picture.idOf(place), distance, [mx, my]];
  };
  picture.nodes.visible.forEach((visible, index) => { if (visible) look({group: false, index}); });
  picture.groups.state.forEach((state, index) => { if (state === 2) look({group: true, index}); });
  return () => {
    if (picture.resolve(id) === "") return;
    const [mx, my] = middle(picture.shownAs(id));
    graph.moveTo(x + mx - from[0], y + my - from[1], graph.scale);
  };
}
