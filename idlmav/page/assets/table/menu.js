// Adds the table's menu: it chooses columns, shows filters under the header and copies the rows as text.

import { make, makeButton } from "../base/dom.js";

const COPY = "Copy as CSV";
const ANSWER_MS = 2000;

// on: {signal, column(name, shown), filters(shown), csv() -> text}
export function tableMenu(host, columns, on) {
  const menu = make("div", "menu");
  const open = (shown) => {
    menu.hidden = !shown;
    button.setAttribute("aria-expanded", String(shown));
  };
  const names = {title: "Columns, filters, copy as CSV", "aria-label": "Table menu"};
  const button = makeButton("menu-button", "☰", () => open(menu.hidden), names);
  open(false);
  const group = make("div", "choices", "", {role: "group", "aria-label": "Columns"});
  group.append(...columns.map((column) => checkbox(column.title, column.shown, (shown) => on.column(column.name, shown))));
  const copy = makeButton("", COPY, async () => {
    copy.textContent = await copyText(on.csv(), host);
    setTimeout(() => { copy.textContent = COPY; }, ANSWER_MS);
  });
  menu.append(group, checkbox("Filter row", false, on.filters), copy);
  for (const element of [menu, button]) {
    element.addEventListener("keydown", ({key}) => {
      if (key !== "Escape") return;
      open(false);
      button.focus();
    });
  }
  // A click anywhere else closes it.
  document.addEventListener("pointerdown", (event) => {
    const path = event.composedPath();
    if (!path.includes(menu) && !path.includes(button)) open(false);
  }, {signal: on.signal});
  host.append(button, menu);
}

function checkbox(text, checked, change) {
  const label = make("label");
  const input = Object.assign(make("input", "", "", {type: "checkbox"}), {checked});
  input.addEventListener("change", () => change(input.checked));
  label.append(input, text);
  return label;
}

// A page in a frame must not use the clipboard: an old command or a file takes its place. Returns the answer for the person.
async function copyText(text, host) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    const area = make("textarea", "", text);
    host.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (copied) return "Copied";
  }
  const href = URL.createObjectURL(new Blob([text], {type: "text/csv"}));
  make("a", "", "", {href, download: "table.csv"}).click();
  setTimeout(() => URL.revokeObjectURL(href), ANSWER_MS);
  return "Saved as table.csv";
}
