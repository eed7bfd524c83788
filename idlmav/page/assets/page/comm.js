// The way to Python, where there is one.

const IDLE_MS = 5000;
const RETRY_MS = 25;

// In a notebook Panel 1.9 and 1.10 tell Python everything, also what is marked as not to be told: the drawing of each
// frame, and what Python has just set, which undoes what somebody chose meanwhile. Returns whether this is a notebook.
export function tellOnlyState(document) {
  const comm = [...document._all_models.values()].find(({type}) => type.endsWith("CommManager"));
  if (!comm) return false;
  if (!Object.hasOwn(comm, "_document_changed")) {
    const tell = comm._document_changed.bind(comm);
    comm._document_changed = (event) => { if (event.sync !== false) tell(event); };
  }
  return true;
}

// Call back when Python can answer: what a server answers before Bokeh has told it that the page is there does not arrive.
export function whenHeard(document, call, latest = performance.now() + IDLE_MS) {
  if (tellOnlyState(document) || document.is_idle || performance.now() > latest) call();
  else setTimeout(() => whenHeard(document, call, latest), RETRY_MS);
}
