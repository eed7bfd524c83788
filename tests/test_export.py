"""The release graph: one page that fetches nothing, or little from a CDN."""

from __future__ import annotations

import base64
import gzip
import json
import re
import sys
import webbrowser
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlparse

import bokeh
import panel
import pytest
from pictures import picture_of
from PIL import Image

from idlmav import MAV, plotly_renderer_context
from idlmav.export.html import ReleaseGraph, fetch_nothing_later, inline_stylesheets
from idlmav.still import Picture

HOSTILE = '</script><img src="http://evil.example/x.png" onerror="alert(1)">'


def unpacked(html: str) -> tuple[Any, list[Any], list[str]]:
    """Return the documents, the render items and the scripts that the browser unpacks from a page."""
    ((size, packed),) = re.findall(r'id="packed" data-size="(\d+)" [^>]*>([^<]*)<', html)
    data = base64.b85decode(packed.translate(str.maketrans(",./:", "&<>`")))
    items, *scripts, docs = gzip.decompress(data[: int(size)]).decode("utf-8").split("\0")
    return json.loads(docs), json.loads(items), scripts


def drawn_scene(docs: Any) -> Any:
    """Return the scene in the documents of a page."""
    (text,) = {
        entry[1] for item in _objects(docs) for entry in item.get("attributes", {}).items() if entry[0] == "scene"
    }
    return json.loads(text)


class Page(HTMLParser):
    """The tags of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    @property
    def loaded(self) -> list[str]:
        """Addresses that the browser fetches without a script."""
        return [
            str(attrs[name]) for _, attrs in self.tags for name in ("src", "href", "srcset", "data") if name in attrs
        ]


def models(docs: Any, name: str) -> list[dict[str, Any]]:
    """Return the Bokeh models of a kind in nested JSON."""
    found, stack = [], [docs]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if item.get("name") == name and item.get("type") == "object":
                found.append(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return found


@pytest.fixture(scope="module")
def mav() -> MAV:
    return picture_of("resnet18")


@pytest.fixture(scope="module")
def embedded(mav) -> ReleaseGraph:
    return mav.draw_release_graph()


@pytest.fixture(scope="module")
def connected(mav) -> ReleaseGraph:
    with plotly_renderer_context("notebook_connected"):
        return mav.draw_release_graph()


# --------------------------------------------------------------------------------------------------- embedded


def test_an_embedded_page_is_a_packed_page(embedded):
    docs, items, scripts = unpacked(embedded.html)
    (item,), (document,) = items, docs.values()
    assert set(item["roots"]) == {root["id"] for root in document["roots"]}
    for element in item["roots"].values():
        assert f'id="{element}"' in embedded.html
    assert len(embedded.html) < 900_000
    assert len(embedded.html) < sum(map(len, scripts)) / 2


@pytest.fixture(scope="module")
def of_bokeh() -> list[str]:
    """Return the libraries that a page needs; before Panel 1.10 its bundle uses Bokeh's tables."""
    bundle = Path(panel.__file__).with_name("dist") / "panel.min.js"
    tables = ["bokeh-tables"] if "models/widgets/tables" in bundle.read_text("utf-8") else []
    return ["bokeh-widgets", *tables]


def test_unused_libraries_are_left_out(embedded, connected, of_bokeh):
    scripts = unpacked(embedded.html)[2]
    starts = " ".join(script[:200] for script in scripts)
    needed = ("bokeh.min", *of_bokeh, "panel.min", "Tabulator")
    assert all(part in starts for part in needed)
    assert len(scripts) == len(needed)
    assert len(Page(connected.html).loaded) == len(needed)
    assert unpacked(connected.html)[2] == []


def test_unused_parts_of_libraries_are_left_out(embedded):
    scripts = unpacked(embedded.html)[2]
    assert sum(map(len, scripts)) < 2_000_000, "unlike 3.1 MB: they are not built as expected any more"


def test_the_first_view_is_in_the_page_unpacked(embedded, connected):
    for html in (embedded.html, connected.html):
        still = html.partition('id="still"')[2].partition("<script")[0]
        assert "16×3×160×160" in still
        assert "11\u202f689\u202f512 parameters" in still
        assert 5_000 < len(still) < 30_000


def test_an_embedded_page_loads_nothing(embedded):
    page = Page(embedded.html)
    assert page.loaded == []
    assert not {tag for tag, _ in page.tags} & {"link", "img", "iframe", "object", "embed", "base"}
    docs, _, scripts = unpacked(embedded.html)
    for text in (embedded.html, json.dumps(docs), *scripts):
        assert not re.search(r"@import\s+(url\()?['\"]?https?:", text)
        assert not re.search(r"^//# sourceMappingURL", text, re.MULTILINE)


def test_an_embedded_page_has_every_style_sheet_once(embedded):
    docs = unpacked(embedded.html)[0]
    assert models(docs, "ImportedStyleSheet") == []
    texts = [model["attributes"]["css"] for model in models(docs, "InlineStyleSheet") if "attributes" in model]
    assert len(texts) > 5
    assert len(texts) == len(set(texts))
    assert not [text for text in texts if re.search(r"url\(\s*['\"]?https?:", text)]
    ids = {model["id"] for model in models(docs, "InlineStyleSheet")}
    referred = {item["id"] for item in _references(docs)}
    assert referred & ids, "widgets share what they have in common"
    assert referred <= {item["id"] for item in _objects(docs)}


def _objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        own = [value] if value.get("type") == "object" and "id" in value else []
        return own + [found for item in value.values() for found in _objects(item)]
    return [found for item in value for found in _objects(item)] if isinstance(value, list) else []


def _references(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        own = [value] if set(value) == {"id"} else []
        return own + [found for item in value.values() for found in _references(item)]
    return [found for item in value for found in _references(item)] if isinstance(value, list) else []


def test_an_embedded_page_has_the_whole_scene(mav, embedded):
    scene = drawn_scene(unpacked(embedded.html)[0])
    assert scene["geometry"]["nodes"]["ids"] == [node.id for node in mav.graph.nodes]


def test_the_same_picture_gives_the_same_page_but_for_ids():
    def page() -> str:
        return json.dumps(unpacked(picture_of("unet").draw_release_graph().html)[:2])

    first, second = (_without_ids(page()) for _ in range(2))
    assert first == second


def _without_ids(html: str) -> str:
    """Replace ids by numbers in the order of the text."""
    ids: dict[str, str] = {}
    pattern = r"idlmav-\d+-[0-9a-f]+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b|\b[pP]\d{4,}\b|\b[A-Z]\w*?\d{5}\b"
    return re.sub(pattern, lambda match: ids.setdefault(match[0], f"id{len(ids)}"), html)


# -------------------------------------------------------------------------------------------------- connected


def test_a_connected_page_is_small(connected):
    assert len(connected.html.encode()) < 150_000


def test_a_connected_page_loads_scripts_of_the_two_cdns_only(connected, of_bokeh):
    page = Page(connected.html)
    addresses = [urlparse(url) for url in page.loaded]
    assert {tag for tag, attrs in page.tags if "src" in attrs or "href" in attrs} == {"script"}
    assert {(url.scheme, url.hostname) for url in addresses} == {
        ("https", "cdn.bokeh.org"),
        ("https", "cdn.holoviz.org"),
    }
    names = " ".join(url.path for url in addresses)
    assert all(part in names for part in ("bokeh-", *of_bokeh, "panel.min.js", "tabulator.min.js"))
    # es-module-shims fetches blobs, which nbviewer's policy refuses.
    assert "es-module-shims" not in names


def test_scripts_are_of_the_versions_that_are_installed(connected):
    loaded = Page(connected.html).loaded
    assert any(f"bokeh-{bokeh.__version__}.min.js" in url for url in loaded)
    assert all(f"/panel/{panel.__version__}/" in url for url in loaded if "cdn.holoviz.org" in url)


def test_the_source_of_javascript_is_chosen_when_a_picture_is_drawn(mav, connected):
    with plotly_renderer_context("notebook_connected"), plotly_renderer_context("notebook"):
        assert Page(mav.draw_release_graph().html).loaded == []
    assert Page(connected.html).loaded != []


@pytest.mark.parametrize("off", ["overview", "slider", "table"])
def test_panels_can_be_left_out(mav, connected, off):
    with plotly_renderer_context("notebook_connected"):
        html = mav.draw_release_graph(**{f"add_{off}": False}).html
    kinds = {"overview": '-overview"', "slider": '-slider"', "table": '-table"'}
    found = {name for name, text in kinds.items() if re.search(rf'"idlmav-[\w-]+{text}', json.dumps(unpacked(html)[0]))}
    assert found == set(kinds) - {off}
    assert set(kinds) == {
        name
        for name, text in kinds.items()
        if re.search(rf'"idlmav-[\w-]+{text}', json.dumps(unpacked(connected.html)[0]))
    }


@pytest.mark.parametrize("name", ["unfinished", "wrong_channels", "missing_argument"])
def test_a_model_that_fails_is_released_with_its_error(name):
    mav = picture_of(name)
    scene = drawn_scene(unpacked(mav.draw_release_graph().html)[0])
    assert mav.graph.errors[0].message in scene["errors"][0]["message"]


# ------------------------------------------------------------------------------------------------- hostile text


@pytest.mark.parametrize("where", ["notebook", "notebook_connected"])
def test_html_in_a_model_is_text_in_the_page(where):
    mav = picture_of("hostile_class")
    assert mav.graph.name == HOSTILE
    with plotly_renderer_context(where):
        drawn = mav.draw_release_graph()
    docs = unpacked(drawn.html)[0]
    assert not [url for url in Page(drawn.html).loaded if "evil" in url]
    assert drawn_scene(docs)["totals"]["name"] == HOSTILE, "it is there, as text"
    assert "img" not in {tag for tag, _ in Page(drawn.html).tags}
    output = Page(drawn._repr_html_())
    assert [tag for tag, _ in output.tags] == ["style", "div", "img", "p", "iframe"]
    assert all(url.startswith("data:image/png;base64,") for url in output.loaded)


# -------------------------------------------------------------------------------------------- showing and saving


@pytest.mark.parametrize("kind", ["embedded", "connected"])
def test_a_notebook_shows_an_iframe_that_holds_the_page(kind, request):
    graph = request.getfixturevalue(kind)
    page = Page(graph._repr_html_())
    tag, attributes = page.tags[-1]
    assert tag == "iframe"
    assert attributes["srcdoc"] == graph.html, "escaped so that the browser reads the page back"
    assert attributes["title"] == "ResNet"
    assert "height: 640px" in attributes["style"]


def test_a_notebook_output_has_an_image_for_viewers_that_remove_frames(embedded):
    data, metadata = embedded._repr_mimebundle_()
    assert data["text/html"] == embedded._repr_html_()
    assert data["text/plain"].startswith("ReleaseGraph(ResNet: 0.")
    image = Image.open(BytesIO(base64.b64decode(data["image/png"])))
    assert metadata["image/png"] == {"width": round(image.width / 1.5), "height": round(image.height / 1.5)}
    assert max(image.size) <= 1.5 * 2400, "the whole model, folded if it is longer than a few screens"
    # GitHub removes frames and styles from the HTML; the rest shows the picture.
    page = Page(data["text/html"])
    assert page.tags[0][0] == "style"
    assert page.loaded == [f"data:image/png;base64,{data['image/png']}"]
    assert len(data["image/png"]) < 60_000


def test_an_output_that_is_too_large_says_what_to_do(monkeypatch):
    small = ReleaseGraph("x" * 1000, title="Small", draw=lambda: Picture(10, 10, "#ffffff"))
    small._repr_mimebundle_()
    large = ReleaseGraph("x" * 9_000_000, title="Large", draw=lambda: Picture(10, 10, "#ffffff"))
    with pytest.warns(UserWarning, match=r"Large takes 9 MB .* save\('model.html'\) .*notebook_connected"):
        large._repr_mimebundle_()


def test_a_live_picture_has_an_image_as_well(mav):
    data, _ = mav._repr_mimebundle_()
    assert Image.open(BytesIO(base64.b64decode(data["image/png"]))).width > 100


def test_the_height_in_a_notebook_is_the_one_asked_for(mav):
    assert "height: 333px" in mav.draw_release_graph(height_px=333)._repr_html_()


def test_show_opens_the_default_browser_from_a_script(embedded, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    embedded.show()
    (url,) = opened
    assert url.startswith("file:///")
    file = Path(unquote(urlparse(url).path))
    assert file.suffix == ".html"
    assert file.read_text("utf-8") == embedded.html
    file.unlink()


def test_show_displays_it_in_a_notebook(embedded, monkeypatch):
    shown: list[Any] = []
    # No kernel runs here; the code uses nothing else of IPython.
    ipython = SimpleNamespace(
        get_ipython=lambda: SimpleNamespace(kernel=object()), display=SimpleNamespace(display=shown.append)
    )
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setattr(webbrowser, "open", lambda url: pytest.fail(f"opened {url}"))
    embedded.show()
    assert shown == [embedded]


def test_a_saved_page_is_the_page(embedded, tmp_path):
    embedded.save(tmp_path / "m.html")
    assert (tmp_path / "m.html").read_text("utf-8") == embedded.html


# ---------------------------------------------------------------------------------------------- style sheets


def test_style_sheets_are_shared_in_the_order_in_which_bokeh_resolves_ids():
    def sheet(key: str, css: str) -> dict[str, Any]:
        return {"type": "object", "name": "InlineStyleSheet", "id": key, "attributes": {"css": css}}

    docs = {
        "roots": [{"stylesheets": [sheet("a", "x"), sheet("b", "y")]}, {"stylesheets": [sheet("c", "x"), {"id": "b"}]}]
    }
    inline_stylesheets(docs)
    assert docs["roots"][1]["stylesheets"] == [{"id": "a"}, {"id": "b"}]
    assert docs["roots"][0]["stylesheets"] == [sheet("a", "x"), sheet("b", "y")]


def test_addresses_of_embedded_libraries_are_removed():
    # As Panel 1.10 writes a table, with addresses that only its server answers.
    library = {"type": "map", "entries": [["js", ["static/extensions/panel/bundled/tabulator.min.js"]]]}
    docs = {"roots": [{"attributes": {"children": [{"attributes": {"external_resources": library, "margin": 0}}]}}]}
    fetch_nothing_later(docs)
    assert docs == {"roots": [{"attributes": {"children": [{"attributes": {"margin": 0}}]}}]}
