// Waiting for what the browser has painted.

const UNSEEN_MS = 1000;

// Call back after so many frames; a page that is hidden has none, one in a frame that is not shown neither, but does not know.
export function afterFrames(count, call) {
  if (count === 0 || document.hidden) {
    call();
    return;
  }
  const next = () => afterFrames(count - 1, call);
  const late = setTimeout(() => { cancelAnimationFrame(frame); next(); }, UNSEEN_MS);
  const frame = requestAnimationFrame(() => { clearTimeout(late); next(); });
}
