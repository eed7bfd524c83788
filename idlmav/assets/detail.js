// The line under the views: everything known about the selection.

export function render({model}) {
  const element = document.createElement("div");
  element.className = "idlmav-detail";
  const show = () => {
    const {title = "", detail = "", error = ""} = Object.fromEntries(
      model.content instanceof Map ? model.content : Object.entries(model.content),
    );
    element.replaceChildren();
    if (title === "") element.append(line("hint", "Click a box or a row: its details appear here."));
    else element.append(line("title", title), ...detail.split("\n").map((fact) => line("fact", fact)));
    if (error !== "") element.append(line("idlmav-error", error));
  };
  model.on("content", show);
  show();
  return element;
}

function line(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}
