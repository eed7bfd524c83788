// Formats numbers and measures texts for people.

const PREFIXES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

export function humane(value, unit = "") {
  if (value === null || value === undefined) return "unknown";
  const [factor, prefix] = PREFIXES.find(([least]) => Math.abs(value) >= least) ?? [];
  return factor === undefined ? `${value} ${unit}`.trimEnd() : `${digits(value / factor)} ${prefix}${unit}`;
}

function digits(value) {
  return value < 999.5 ? String(Number(value.toPrecision(3))) : value.toFixed(0);
}

// The sign before a sum some of whose parts are unknown.
export const atLeast = (unknown) => (unknown > 0 ? "≥ " : "");

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function humaneBytes(count) {
  let [value, step] = [count, 0];
  for (; value >= 1024 && step < BYTE_UNITS.length - 1; step++) value /= 1024;
  return `${digits(value)} ${BYTE_UNITS[step]}`;
}

export function thousands(value) {
  const [whole, fraction] = String(value).split(".");
  return whole.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f") + (fraction === undefined ? "" : `.${fraction}`);
}

const measuring = typeof document === "undefined" ? null : document.createElement("canvas").getContext("2d");
const FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
const widths = new Map();

// Width in px of a text at 100 px font size, measured once.
function widthAt100(text, style) {
  const key = style + text;
  let width = widths.get(key);
  if (width === undefined) {
    measuring.font = `${style} 100px ${FONT}`;
    width = measuring.measureText(text).width;
    widths.set(key, width);
  }
  return width;
}

export function textWidth(text, fontPx, style = "normal") {
  return (widthAt100(text, style) * fontPx) / 100;
}

// The text; or, where it is wider, as many characters as fit before an ellipsis; or nothing if those are fewer than 3.
export function fitText(text, width, fontPx, style = "normal") {
  const full = textWidth(text, fontPx, style);
  if (full <= width) return text;
  const characters = Math.floor((text.length * width) / full) - 1;
  return characters >= 3 ? `${text.slice(0, characters)}…` : "";
}

// The title of a group, "layer1: Sequential", behind a sign such as "▾ ". Stills follow the same rule. The first of these
// that fits into the width is returned: sign, name and class; sign and name; both cut by `fitText`.
export function fitTitle(sign, title, width, fontPx, style) {
  const whole = sign + title;
  return textWidth(whole, fontPx, style) <= width ? whole : fitText(sign + title.split(": ")[0], width, fontPx, style);
}
