"""
The picture as one HTML file that needs no kernel and, if embedded, no network.

Panel's own ``save(resources=INLINE)`` fetches style sheets from a CDN and repeats them for every widget. Here the page,
which is packed (`idlmav.export.pack`), stores each style sheet once.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import warnings
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property, partial
from html import escape
from pathlib import Path
from typing import Any

from bokeh.document import Document
from panel.viewable import Viewable
from pyviz_comms import Comm

from idlmav.export.notebook import in_notebook
from idlmav.export.pack import FirstPicture, pack
from idlmav.export.prune import nested, prune
from idlmav.export.resources import Resources
from idlmav.graph import Graph
from idlmav.layout import Layout
from idlmav.page.explorer import Explorer
from idlmav.page.panel_private import document_parts, forget, panel_stylesheet
from idlmav.scene.build import Scene
from idlmav.scene.scene_cache import SceneCache
from idlmav.state import ViewState
from idlmav.still import Picture, at_a_glance, choices, first_view, plain_page, plain_picture, png_text, theme_css

__all__ = ["ReleaseGraph", "page", "plain_release", "release_graph", "released"]

_LARGE_BYTES = 8_000_000
"""Notebooks with larger outputs are slow to open, and GitHub shows none of them."""
_HIDDEN_STYLE = "<style>.idlmav-picture {display: none}</style>"
_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)
_UNNEEDED = ("bokeh-gl", "es-module-shims", "luxon")
"""Libraries that no view uses: WebGL, a substitute for ``import``, the dates of the table widget."""


class ReleaseGraph:
    """
    A finished page.

    Parameters
    ----------
    html : str
        The whole page.
    title : str
        Name of the model.
    draw : callable
        Returns the picture for readers that show images only.
    height_px : int
        Height when shown in a notebook.
    """

    def __init__(self, html: str, *, title: str, draw: Callable[[], Picture], height_px: int = 640) -> None:
        self.html = html
        self.title = title
        self._draw = draw
        self.height_px = height_px

    def save(self, file: str | Path) -> None:
        """Write the page to a file."""
        Path(file).write_text(self.html, "utf-8")

    def show(self) -> None:
        """Display the page in a notebook, or open it in the default browser from a script."""
        if in_notebook():
            sys.modules["IPython"].display.display(self)
            return
        with tempfile.NamedTemporaryFile("w", suffix=".html", prefix="idlmav-", delete=False, encoding="utf-8") as file:
            file.write(self.html)
        webbrowser.open(Path(file.name).as_uri())

    def __repr__(self) -> str:
        return f"ReleaseGraph({self.title}: {len(self.html.encode()) / 1e6:.2f} MB of HTML)"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        """Return HTML for JupyterLab and nbviewer, and an image for GitHub and e-mail."""
        html = self._repr_html_()
        if len(html) > _LARGE_BYTES:
            warnings.warn(
                f"The picture of {self.title} takes {len(html) / 1e6:.0f} MB of this notebook, which viewers may refuse to "
                "show. Save it with save('model.html') and clear this output, or draw it inside "
                "plotly_renderer_context('notebook_connected').",
                stacklevel=2,
            )
        return {"text/html": html, "image/png": self._png, "text/plain": repr(self)}, {"image/png": self._png_size}

    @cached_property
    def picture(self) -> Picture:
        """The picture as an image shows it."""
        return self._draw()

    @cached_property
    def _png(self) -> str:
        return png_text(self.picture)

    @property
    def _png_size(self) -> dict[str, int]:
        return {"width": round(self.picture.width), "height": round(self.picture.height)}

    def _repr_html_(self) -> str:
        # GitHub shows the HTML rather than the image beside it, but removes frames, scripts and styles.
        return (
            f'{_HIDDEN_STYLE}<div class="idlmav-picture"><img alt="{escape(self.title)}" '
            f'width="{self._png_size["width"]}" src="data:image/png;base64,{self._png}">'
            f"<p>{escape(self.picture.description)}. Opened in nbviewer or Jupyter, this picture is interactive.</p></div>"
            f'<iframe srcdoc="{escape(self.html)}" title="{escape(self.title)}" '
            f'style="width: 100%; height: {self.height_px}px; border: 0"></iframe>'
        )


def release_graph(
    graph: Graph,
    scene: Scene,
    layout: Layout,
    state: ViewState,
    *,
    panels: Mapping[str, bool],
    resources: Resources,
    height_px: int,
) -> ReleaseGraph:
    """
    Write a dashboard as a page that shows its first view at once, and as a picture for readers that show images only.

    The page gets a copy of `state`; `panels` are the options ``add_overview``, ``add_slider`` and ``add_table``, and
    `height_px` is the height in a notebook.
    """
    state = ViewState(**{name: copy(value) for name, value in state.param.values().items()})
    view = Explorer(graph, lambda: scene, state, height_px=None, **panels).__panel__()
    chosen = choices(state)
    title = scene["totals"]["name"]
    classes = [name.replace("_", "-") for name, shown in panels.items() if shown]
    classes += ["sideways"] * (layout.direction in ("left", "right")) + ["failed"] * bool(
        scene["errors"] or scene["notes"]
    )
    first = FirstPicture(first_view(scene, layout, chosen, state.viewport), theme_css(state.theme), classes)
    html = page(view, title=title, resources=resources, first=first)
    return ReleaseGraph(html, title=title, draw=partial(at_a_glance, scene, layout, chosen), height_px=height_px)


def released(scenes: SceneCache, state: ViewState, **options: Any) -> ReleaseGraph:
    """Return `release_graph` of a picture; without what cannot be drawn."""
    problems, flow = scenes.variants.problems, state.flow

    def release(with_flows: bool) -> ReleaseGraph:
        scene = scenes.make(flow, with_flows=with_flows)
        return release_graph(scenes.graph, scene, scenes.variants.layout(flow), state, **options)

    return problems.plainer(
        "the page",
        lambda: release(True),
        ("The page has one direction", lambda: release(False)),
        ("The ops are drawn in one column", lambda: plain_release(scenes.graph, problems.notes, options["height_px"])),
    )


def plain_release(graph: Graph, notes: Sequence[str], height_px: int) -> ReleaseGraph:
    """Return a page without scripts, for when the dashboard cannot be made."""
    draw = partial(plain_picture, graph, notes)
    return ReleaseGraph(plain_page(graph, notes), title=graph.name, draw=draw, height_px=height_px)


def page(viewable: Viewable, *, title: str, resources: Resources, first: FirstPicture) -> str:
    """Write a dashboard as a page that it fills; the libraries are in the page (packed), or come from a CDN."""
    document = Document()
    root = viewable.get_root(document, Comm())
    document.add_root(root)
    try:
        found, urls, scripts = document_parts(document, "inline" if resources == "embedded" else "cdn")
    finally:
        forget(root)
    # Bokeh leaves tuples in its JSON, which could not be changed in place.
    json_document = json.loads(json.dumps(found))
    fetch_nothing_later(json_document)
    if resources == "embedded":
        inline_stylesheets(json_document)
    urls = [url for url in urls if not any(part in url for part in _UNNEEDED)]
    # A browser with open developer tools would fetch source maps.
    scripts = [_SOURCE_MAP.sub("", text) for text in scripts if not _unneeded(text)]
    return pack(title, json_document, root.id, prune(scripts, json_document), urls, first)


def _unneeded(script: str) -> bool:
    return script.startswith("Bokeh.set_log_level") or any(part in script[:200] for part in _UNNEEDED)


def inline_stylesheets(docs: Any) -> None:
    """Put the text of imported style sheets into Bokeh documents (JSON, changed in place), each once."""
    first: dict[str, str] = {}
    for siblings in nested(docs):
        for at, item in enumerate(siblings if isinstance(siblings, list) else []):
            kind = item.get("name") if isinstance(item, dict) and "attributes" in item else None
            if kind not in ("ImportedStyleSheet", "InlineStyleSheet"):
                continue
            if kind == "ImportedStyleSheet":
                css = panel_stylesheet(item["attributes"]["url"])
                item.update(name="InlineStyleSheet", attributes={"css": css})
            css = item["attributes"]["css"]
            if css in first:
                siblings[at] = {"id": first[css]}
            else:
                first[css] = item["id"]


def fetch_nothing_later(docs: Any) -> None:
    """Remove the addresses in documents from which Panel 1.10 fetches a model's libraries: they are in the page."""
    for item in nested(docs):
        if isinstance(item, dict):
            item.pop("external_resources", None)
