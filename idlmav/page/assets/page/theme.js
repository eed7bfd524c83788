// Light and dark: the colours of everything that is not data.

export const THEMES = {
  light: {
    name: "light", paper: "#ffffff", panel: "#f6f7f9", text: "#1b2330", muted: "#5c6675", line: "#d9dee5",
    edge: "#8b96a5", frames: ["#f3f5f9", "#e9edf4"], frameLine: "#c3ccd9", nodeLine: "#5c6675", group: "#ffffff",
    accent: "#d1480a", into: "#1668b8", outOf: "#b0560a", error: "#b3261e",
  },
  dark: {
    name: "dark", paper: "#14181f", panel: "#1b212a", text: "#e6eaf0", muted: "#a3adba", line: "#333c48",
    edge: "#75808f", frames: ["#1c232d", "#242c38"], frameLine: "#465161", nodeLine: "#0c0f14", group: "#2f3947",
    accent: "#ff9d5c", into: "#6cb6ff", outOf: "#ffb86b", error: "#ff8a80",
  },
};

// What "auto" means here: the notebook's theme if the page has one, else the reader's preference.
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

// Style sheets of the widgets and the table read these properties; they reach into every shadow root.
export function applyTheme(element, theme) {
  for (const [name, value] of Object.entries(theme)) {
    if (typeof value === "string") element.style.setProperty(`--idlmav-${name}`, value);
  }
  element.style.colorScheme = theme.name;
  element.style.background = theme.paper;
  element.style.color = theme.text;
}
