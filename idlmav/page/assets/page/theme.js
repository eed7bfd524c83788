// Light and dark: the colours of everything that is not data, and which of both a page has.

import constants from "../../../scene/constants.json" with { type: "json" };

export const THEMES = constants.themes;

// The theme that "auto" means: that of the notebook if the page has one, else the reader's preference.
export function pageTheme() {
  const {body, documentElement: root} = document;
  const jupyter = body.dataset.jpThemeLight;
  if (jupyter !== undefined) return jupyter === "false" ? "dark" : "light";
  if (body.classList.contains("vscode-dark")) return "dark";
  if (body.classList.contains("vscode-light")) return "light";
  if (root.dataset.theme === "dark" || root.dataset.theme === "light") return root.dataset.theme;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export function watchPageTheme(callback) {
  const query = matchMedia("(prefers-color-scheme: dark)");
  query.addEventListener("change", callback);
  const observer = new MutationObserver(callback);
  observer.observe(document.body, {attributes: true, attributeFilter: ["class", "data-jp-theme-light"]});
  observer.observe(document.documentElement, {attributes: true, attributeFilter: ["data-theme"]});
  return () => {
    query.removeEventListener("change", callback);
    observer.disconnect();
  };
}

// The style sheets of widgets and table read these properties, which are inherited in every shadow root.
export function applyTheme(element, theme) {
  for (const [name, value] of Object.entries(theme)) {
    if (typeof value === "string") element.style.setProperty(`--idlmav-${name}`, value);
  }
  element.style.colorScheme = theme.name;
  element.style.background = theme.paper;
  element.style.color = theme.text;
}
