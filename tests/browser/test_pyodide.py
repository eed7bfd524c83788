"""What the pages that ``panel convert`` makes do with a dashboard, without Pyodide itself."""

from __future__ import annotations

import re
from functools import partial

from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document
from browser.driver import Dashboard
from browser.surface import Surface, use
from browser.test_connected import answer

from idlmav import MAV

# As Panel's Pyodide page: the picture that waited there is emptied without a word to Bokeh, then Python draws.
REPLACE = """async (text) => {
  const json = JSON.parse(text);
  const place = document.querySelector("[data-root-id]");
  place.innerHTML = "";
  place.id ||= "place";
  const {id} = json.roots[0];
  await Bokeh.embed.embed_items({new: json}, [{docid: "new", root_ids: [id], roots: {[id]: place.id}}]);
}"""


def test_a_picture_that_is_replaced_says_goodbye(chromium_page, serve_here, resnet20):
    missing: list[str] = []
    chromium_page.route(re.compile(r"^https?://(?!localhost)"), partial(answer, missing))
    chromium_page.goto(serve_here(MAV(resnet20)))
    Dashboard(chromium_page)
    chromium_page.evaluate("() => { globalThis.first = window.idlmav[0]; }")
    document = Document()
    document.add_root(MAV(resnet20).__panel__().get_root(document))
    chromium_page.evaluate(REPLACE, serialize_json(document.to_json(deferred=False)))
    chromium_page.wait_for_function("() => window.idlmav.length > 0 && !window.idlmav.includes(first)")
    use(Surface(chromium_page))
    assert chromium_page.evaluate("window.idlmav.length") == 1
    assert missing == []
