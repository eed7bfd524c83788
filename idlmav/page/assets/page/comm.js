// The way to Python, where there is one.

import { isIdle, sendOnlySynced } from "../base/bokeh_private.js";

const IDLE_MS = 5000;
const RETRY_MS = 25;

// Call back when Python can answer: what a server answers before Bokeh has told it that the page is there does not arrive.
export function whenHeard(document, call, latest = performance.now() + IDLE_MS) {
  if (sendOnlySynced(document) || isIdle(document) || performance.now() > latest) call();
  else setTimeout(() => whenHeard(document, call, latest), RETRY_MS);
}
