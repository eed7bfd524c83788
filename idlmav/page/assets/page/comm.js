// The connection to Python, where there is one.

import { isIdle, sendOnlySynced } from "../base/bokeh_private.js";

const IDLE_MS = 5000;
const RETRY_MS = 25;

// Call back when Python can answer: an answer that a server sends before Bokeh has reported the page as ready is lost.
export function whenConnected(document, call, latest = performance.now() + IDLE_MS) {
  if (sendOnlySynced(document) || isIdle(document) || performance.now() > latest) call();
  else setTimeout(() => whenConnected(document, call, latest), RETRY_MS);
}
