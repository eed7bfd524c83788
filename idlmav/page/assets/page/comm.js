// The connection to Python, where there is one.

const IDLE_MS = 5000;
const RETRY_MS = 25;

// In a notebook Panel 1.9 and 1.10 send every change to Python, also those with sync: false: each frame's drawing, and
// what Python has just set, which undoes what somebody chose meanwhile. Returns whether this is a notebook.
export function sendOnlyState(document) {
  const comm = [...document._all_models.values()].find(({type}) => type.endsWith("CommManager"));
  if (!comm) return false;
  if (!Object.hasOwn(comm, "_document_changed")) {
    const send = comm._document_changed.bind(comm);
    comm._document_changed = (event) => { if (event.sync !== false) send(event); };
  }
  return true;
}

// Call back when Python can answer: an answer that a server sends before Bokeh has reported the page as ready is lost.
export function whenConnected(document, call, latest = performance.now() + IDLE_MS) {
  if (sendOnlyState(document) || document.is_idle || performance.now() > latest) call();
  else setTimeout(() => whenConnected(document, call, latest), RETRY_MS);
}
