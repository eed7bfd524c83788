// The place of the table; the controller draws it.

export function render() {
  const element = document.createElement("div");
  element.className = "idlmav-table";
  return element;
}
