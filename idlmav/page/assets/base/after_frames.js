// Waits until the browser has painted.

const UNSEEN_MS = 1000;

// Call back after so many frames. A hidden page has none. Nor has a page in a frame that is not shown, but it does not know.
export function afterFrames(count, call) {
  if (count === 0 || document.hidden) {
    call();
    return;
  }
  const next = () => afterFrames(count - 1, call);
  const late = setTimeout(() => { cancelAnimationFrame(frame); next(); }, UNSEEN_MS);
  const frame = requestAnimationFrame(() => { clearTimeout(late); next(); });
}
