// The line under the toolbar: what the colours mean, and what went wrong.

const MOST_ENTRIES = 14;

export function drawLegend(element, {legend, title, errors, matchText, onError}) {
  element.replaceChildren();
  for (const error of errors) element.append(errorButton(error, onError));
  const row = make("div", "legend");
  row.append(make("span", "legend-title", title));
  if (legend.gradient) row.append(...gradientScale(legend));
  else row.append(...legend.entries.slice(0, MOST_ENTRIES).map(chip));
  const more = (legend.entries?.length ?? 0) - MOST_ENTRIES;
  if (more > 0) {
    const rest = make("span", "chip", `+ ${more} more`);
    rest.title = legend.entries.slice(MOST_ENTRIES).map((entry) => entry.name).join(", ");
    row.append(rest);
  }
  if (matchText) row.append(make("span", "matches", matchText));
  element.append(row);
}

function chip({name, color, count}) {
  const element = make("span", "chip");
  const swatch = make("i", "swatch");
  swatch.style.background = color;
  element.append(swatch, make("span", "", name), make("span", "count", String(count)));
  return element;
}

function gradientScale({gradient, low, high}) {
  const bar = make("span", "gradient");
  bar.style.background = `linear-gradient(90deg, ${gradient.join(", ")})`;
  return [make("span", "", low), bar, make("span", "", high), make("span", "count", "log scale")];
}

function errorButton({node, message, source}, onError) {
  const button = make("button", "error");
  button.type = "button";
  button.append(make("b", "", "✕ "), make("span", "", message), make("span", "source", source));
  button.addEventListener("click", () => onError(node));
  return button;
}

export function make(tag, className, text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}
