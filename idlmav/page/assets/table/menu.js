// The table's menu: which columns it shows, the filters under the header, the rows as text.

import { make } from "../base/dom.js";

const TOLD_MS = 2000;

// on: {signal, column(name, shown), filters(shown), csv() -> text}
export function tableMenu(host, columns, on) {
  const button = make("button", "menu-button", "☰");
  const menu = make("div", "menu");
  Object.assign(button, {type: "button", title: "Columns, filters, copy as CSV"});
  button.setAttribute("aria-label", "Table menu");
  button.setAttribute("aria-expanded", "false");
  menu.hidden = true;
  const open = (shown) => {
    menu.hidden = !shown;
    button.setAttribute("aria-expanded", String(shown));
  };
  button.addEventListener("click", () => open(menu.hidden));
  const group = make("div", "choices");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Columns");
  group.append(...columns.map((column) => checkbox(column.title, column.shown, (shown) => on.column(column.name, shown))));
  const copy = make("button", "", "Copy as CSV");
  copy.type = "button";
  copy.addEventListener("click", async () => {
    copy.textContent = await copyText(on.csv(), host);
    setTimeout(() => { copy.textContent = "Copy as CSV"; }, TOLD_MS);
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
  const label = make("label", "");
  const input = make("input", "");
  Object.assign(input, {type: "checkbox", checked});
  input.addEventListener("change", () => change(input.checked));
  label.append(input, text);
  return label;
}

// A page in a frame may not use the clipboard; an old command or a file then does. Returns what happened.
async function copyText(text, host) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    const area = make("textarea", "");
    area.value = text;
    host.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (copied) return "Copied";
  }
  const link = make("a", "");
  link.href = URL.createObjectURL(new Blob([text], {type: "text/csv"}));
  link.download = "table.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), TOLD_MS);
  return "Saved as table.csv";
}
