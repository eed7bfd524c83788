"""Private names and class names of BokehJS, Panel and Tabulator are in the installed versions."""

from __future__ import annotations

import re

from browser.driver import middle

from idlmav.page.bundle import stylesheet

STYLESHEETS = ("page/widgets.css", "table/table.css")
_CLASS = re.compile(r"\.((?:bk|noUi|tabulator|pnx)(?:-[A-Za-z-]+)?)(?![\w-])")
EVERYWHERE = """(names) => {
  const roots = [document];
  for (const root of roots) for (const element of root.querySelectorAll("*")) if (element.shadowRoot) roots.push(element.shadowRoot);
  return names.filter((name) => !roots.some((root) => root.querySelector(`.${name}`)));
}"""


def test_no_private_name_is_missing(dashboard):
    dashboard.call("fit")
    dashboard.rest()
    page = dashboard.page
    page.mouse.move(*middle(dashboard.box("conv1")))
    page.get_by_label("Table menu").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More").click()
    page.keyboard.press("Escape")
    dashboard.rest()
    assert page.evaluate("(at) => window.idlmav[at].missing_names", dashboard.at) == []


def test_each_class_name_that_the_style_sheets_use_is_in_the_page(dashboard):
    names = sorted({name for sheet in STYLESHEETS for name in _CLASS.findall(stylesheet(sheet))})
    assert len(names) > 10
    assert dashboard.page.evaluate(EVERYWHERE, names) == []
