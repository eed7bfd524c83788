// Builds elements of the page.

export function make(tag, className = "", text = "", attributes = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  setAttributes(element, attributes);
  return element;
}

export function makeButton(className, text, onClick, attributes = {}) {
  const button = make("button", className, text, {type: "button", ...attributes});
  button.addEventListener("click", onClick);
  return button;
}

export function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}
