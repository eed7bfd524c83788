// Adds the table's menu: it chooses columns, shows filters under the header and copies the rows as text.

import { make, makeButton } from "../base/dom.js";

const COPY = "Copy as CSV";
const ANSWER_MS = 2000;

// signal: ends with the table.
export function tableMenu(host, table, signal) {
  const menu = make("div", "menu");
  const open = (shown) => {
    menu.hidden = !shown;
    button.setAttribute("aria-expanded", String(shown));
  };
  const names = {title: "Columns, filters, copy as CSV", "aria-label": "Table menu"};
  const button = makeButton("menu-button", "☰", () => open(menu.hidden), names);
  open(false);
  const group = make("div", "choices", "", {role: "group", "aria-label": "Columns"});
  // The names are always there: they carry the tree.
  group.append(...table.columns.slice(1).map(({name, title, shown: now}) => checkbox(title, now, (shown) => table.change(name, {shown}))));
  const copy = makeButton("", COPY, async () => {
    copy.textContent = await copyText(table.csv(), host);
    setTimeout(() => { copy.textContent = COPY; }, ANSWER_MS);
  });
  menu.append(group, checkbox("Filter row", false, (shown) => table.showFilters(shown)), copy);
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
  }, {signal});
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
