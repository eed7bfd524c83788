"""
The picture as one HTML file that needs no kernel and, if embedded, no network.

Panel's own ``save(resources=INLINE)`` still fetches style sheets from a CDN and repeats them for every
widget. Here each style sheet is stored once in the page, which is packed (`idlmav.export.pack`).
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import warnings
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import cached_property, partial
from html import escape
from pathlib import Path
from typing import Any, Literal

from bokeh.document import Document
from bokeh.embed.util import standalone_docs_json_and_render_items
from bokeh.resources import CDN, INLINE
from panel.io.model import add_to_doc
from panel.io.resources import CDN_DIST, DIST_DIR, bundle_resources, set_resource_mode
from panel.io.resources import Resources as PanelResources
from panel.io.state import state as panel_state
from panel.viewable import Viewable
from pyviz_comms import Comm

from idlmav.export.notebook import in_notebook
from idlmav.export.pack import Still, pack
from idlmav.export.prune import prune
from idlmav.export.resources import Resources
from idlmav.graph import Graph
from idlmav.layout import Layout
from idlmav.page.explorer import Explorer
from idlmav.scene.build import Scene
from idlmav.state import ViewState
from idlmav.still import Picture, at_a_glance, choices, first_view, png_text, theme_css

__all__ = ["ReleaseGraph", "page", "release_graph"]

_LARGE_BYTES = 8_000_000
"""Notebooks with larger outputs are slow to open, and GitHub shows none of them."""
_HIDDEN_STYLE = "<style>.idlmav-picture {display: none}</style>"
_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)
_UNNEEDED = ("bokeh-gl", "es-module-shims", "luxon")
"""Parts of the bundle that nothing of ours uses: WebGL, a substitute for ``import``, the table's dates."""


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
        Returns the picture for readers who see no more than an image.
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
        """Return HTML for whoever shows it (JupyterLab, nbviewer) and an image for GitHub's view and e-mail."""
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
        """What an image shows of it."""
        return self._draw()

    @cached_property
    def _png(self) -> str:
        return png_text(self.picture)

    @property
    def _png_size(self) -> dict[str, int]:
        return {"width": round(self.picture.width), "height": round(self.picture.height)}

    def _repr_html_(self) -> str:
        # GitHub shows the HTML rather than the image beside it, but takes frames, scripts and styles out of it.
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
    Write a dashboard as a page that shows its first view at once, and as a picture for readers who get no more.

    Parameters
    ----------
    graph : Graph
        The graph of the dashboard, which fills the page.
    scene, layout
        The scene and the layout that it draws.
    state : ViewState
        What is folded, selected, ...; the page gets a copy.
    panels : mapping of str to bool
        The options ``add_overview``, ``add_slider`` and ``add_table``.
    resources : {'embedded', 'connected'}
        Whether the libraries are in the page (packed), or come from a CDN.
    height_px : int
        Height in a notebook.
    """
    state = ViewState(**{name: copy(value) for name, value in state.param.values().items()})
    view = Explorer(graph, lambda: scene, state, height_px=None, **panels).__panel__()
    chosen = choices(state)
    title = scene["totals"]["name"]
    classes = [name.replace("_", "-") for name, shown in panels.items() if shown]
    classes += ["sideways"] * (layout.direction in ("left", "right")) + ["failed"] * bool(scene["errors"])
    still = Still(first_view(scene, layout, chosen, state.viewport), theme_css(state.theme), classes)
    html = page(view, title=title, resources=resources, still=still)
    return ReleaseGraph(html, title=title, draw=partial(at_a_glance, scene, layout, chosen), height_px=height_px)


def page(viewable: Viewable, *, title: str, resources: Resources, still: Still) -> str:
    """
    Write a dashboard as a page.

    Parameters
    ----------
    viewable : panel.viewable.Viewable
        What to show; it fills the page.
    title : str
        Title of the page.
    resources : {'embedded', 'connected'}
        Whether the libraries are in the page (packed), or come from a CDN.
    still : Still
        What the page shows until the dashboard is ready.

    Returns
    -------
    str
        HTML.
    """
    document = Document()
    mode: Literal["inline", "cdn"] = "inline" if resources == "embedded" else "cdn"
    root = viewable.get_root(document, Comm())
    try:
        add_to_doc(root, document, True)
        with set_resource_mode(mode):
            bundled = PanelResources.from_bokeh(INLINE if mode == "inline" else CDN, absolute=True)
            bundle = bundle_resources(document.roots, bundled)
            docs, items = standalone_docs_json_and_render_items([document], suppress_callback_warning=True)
    finally:
        # Panel keeps a view until its session ends, and this one has none.
        view = panel_state._views.pop(root.ref["id"])[0]
        view._cleanup(root)
    # Bokeh leaves tuples in its JSON, which could not be changed in place.
    docs = json.loads(json.dumps(docs))
    fetch_nothing_later(docs)
    if mode == "inline":
        inline_stylesheets(docs)
    urls = [str(url) for url in bundle.js_files if not any(part in str(url) for part in _UNNEEDED)]
    # A browser whose developer tools are open would fetch source maps.
    scripts = [_SOURCE_MAP.sub("", text) for text in bundle.js_raw if not _unneeded(text)]
    return pack(title, docs, [item.to_json() for item in items], prune(scripts, docs), urls, still)


def _unneeded(script: str) -> bool:
    return script.startswith("Bokeh.set_log_level") or any(part in script[:200] for part in _UNNEEDED)


def inline_stylesheets(docs: Any) -> None:
    """
    Put the text of imported style sheets into the documents, each once.

    Parameters
    ----------
    docs : nested dicts and lists
        Bokeh documents as JSON; changed in place.
    """
    first: dict[str, str] = {}
    for siblings in _lists(docs):
        for at, item in enumerate(siblings):
            if not (isinstance(item, dict) and item.get("name") in ("ImportedStyleSheet", "InlineStyleSheet")):
                continue
            if "attributes" not in item:
                continue
            if item["name"] == "ImportedStyleSheet":
                css = _stylesheet(item["attributes"]["url"])
                item.update(name="InlineStyleSheet", attributes={"css": css})
            css = item["attributes"]["css"]
            if css in first:
                siblings[at] = {"id": first[css]}
            else:
                first[css] = item["id"]


def fetch_nothing_later(docs: Any) -> None:
    """
    Take out the addresses from which Panel 1.10 fetches a model's libraries: the page has them already.

    Parameters
    ----------
    docs : nested dicts and lists
        Bokeh documents as JSON; changed in place.
    """
    stack = [docs]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            item.pop("external_resources", None)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _lists(value: Any) -> Iterator[list[Any]]:
    """Yield every list in nested JSON, in the order of the text, which is the order in which Bokeh resolves ids."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(reversed(list(item.values())))
        elif isinstance(item, list):
            yield item
            stack.extend(reversed(item))


def _stylesheet(url: str) -> str:
    """Return the text of one of Panel's style sheets, which are all part of its package."""
    relative = url.partition("?")[0].removeprefix(CDN_DIST).removeprefix("static/extensions/panel/")
    if "font-awesome" in relative:
        # Icon fonts that no view of ours uses.
        return ""
    return (Path(DIST_DIR) / relative).read_text("utf-8")
