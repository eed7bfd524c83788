// Runs in a saved page before it is unpacked: moves the still picture to the part that the graph will show.

import { homeView, isSeen, partView, viewOf } from "../graph/home.js";

const svg = document.querySelector("#still svg");
const {picture, first, selected, viewport, margin} = JSON.parse(svg.dataset.place);

function place() {
  const {width, height} = svg.getBoundingClientRect();
  // The live page has replaced it.
  if (!(width > 0 && height > 0)) return;
  const figure = {inner_width: width, inner_height: height};
  const start = viewport ? partView(viewport, figure) : homeView(picture, figure, first);
  const {x, y, scale} = selected && !isSeen(selected, start, figure) ? viewOf(selected, start.scale, picture, figure) : start;
  const [w, h] = [width / scale, height / scale];
  svg.setAttribute("viewBox", `${x + margin - w / 2} ${y + margin - h / 2} ${w} ${h}`);
}

place();
addEventListener("resize", place);
