"""
The picture as one HTML file that needs no kernel and, if embedded, no network.

Panel's own ``save(resources=INLINE)`` still fetches style sheets from a CDN and repeats them for every
widget. Here each style sheet is stored once in the page, component modules are imported by the browser itself
instead of through es-module-shims (whose ``fetch`` nbviewer's policy refuses), and the whole page is
compressed and unpacked by the browser's ``DecompressionStream``. A page whose libraries come from a CDN is packed
as well: what is left in it, the documents and the component modules, is text that shrinks to a third.
"""

from __future__ import annotations

import base64
import gzip
import json
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, Literal

from bokeh.core.types import ID
from bokeh.document import Document
from bokeh.embed.elements import script_for_render_items
from bokeh.embed.util import standalone_docs_json_and_render_items
from bokeh.resources import CDN, INLINE
from panel.io.model import add_to_doc
from panel.io.resources import CDN_DIST, DIST_DIR, bundle_resources, set_resource_mode
from panel.io.resources import Resources as PanelResources
from panel.viewable import Viewable
from pyviz_comms import Comm

from idlmav.notebook import in_notebook
from idlmav.render_context import Resources

__all__ = ["ReleaseGraph", "page"]

_NATIVE_IMPORT = """<script>
const importShim = (url) => import(url);
importShim.addImportMap = () => {};
Object.defineProperty(window, "importShim", {get: () => importShim, set: () => {}, configurable: true});
</script>"""
_STYLE = (
    "<style>html, body {height: 100%; margin: 0;} body {display: flow-root;} [data-root-id] {height: 100%;}</style>"
)
_HARMLESS = str.maketrans("&<>`", ",./:")
"""Base 85 takes 6 % less than base 64; with these digits it stays the same inside HTML and inside an attribute."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~".translate(_HARMLESS)
_UNPACK = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title></head>
<body style="margin: 0"><p id="note" style="font: 14px system-ui, sans-serif; padding: 1em">Opening…</p>
<script type="application/octet-stream" id="packed" data-size="{size}">{packed}</script>
<script>
(async () => {{
  const packed = document.getElementById("packed");
  const digits = new Uint8Array(128);
  [..."{alphabet}"].forEach((char, value) => {{ digits[char.charCodeAt(0)] = value; }});
  const chars = new TextEncoder().encode(packed.textContent);
  const all = new Uint8Array(chars.length / 5 * 4);
  for (let i = 0, at = 0; i < chars.length; at += 4) {{
    let value = 0;
    for (const end = i + 5; i < end; i++) value = value * 85 + digits[chars[i]];
    all[at] = value >>> 24; all[at + 1] = value >>> 16; all[at + 2] = value >>> 8; all[at + 3] = value;
  }}
  const bytes = all.subarray(0, Number(packed.dataset.size));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const text = await new Response(stream).text();
  document.open();
  document.write(text);
  document.close();
}})().catch((error) => {{
  document.getElementById("note").textContent = "This page needs a browser of 2023 or later: " + error;
}});
</script></body></html>
"""


class ReleaseGraph:
    """
    A finished page.

    Parameters
    ----------
    html : str
        The whole page.
    title : str
        Name of the model.
    height_px : int
        Height when shown in a notebook.
    """

    def __init__(self, html: str, *, title: str, height_px: int = 640) -> None:
        self.html = html
        self.title = title
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

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" title="{escape(self.title)}" '
            f'style="width: 100%; height: {self.height_px}px; border: 0"></iframe>'
        )


def page(viewable: Viewable, *, title: str, resources: Resources) -> str:
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

    Returns
    -------
    str
        HTML.
    """
    document = Document()
    mode: Literal["inline", "cdn"] = "inline" if resources == "embedded" else "cdn"
    root = viewable.get_root(document, Comm())
    add_to_doc(root, document, True)
    with set_resource_mode(mode):
        bundled = PanelResources.from_bokeh(INLINE if mode == "inline" else CDN, absolute=True)
        bundle = bundle_resources(document.roots, bundled)
        docs, items = standalone_docs_json_and_render_items([document], suppress_callback_warning=True)
    # Bokeh leaves tuples in its JSON, which could not be changed in place.
    docs = json.loads(json.dumps(docs))
    if mode == "inline":
        inline_stylesheets(docs)
    scripts = [f'<script src="{url}"></script>' for url in bundle.js_files if "es-module-shims" not in str(url)]
    scripts += [f"<script>{_closed(text)}</script>" for text in bundle.js_raw if "importShim" not in text[:4000]]
    text = _body(title, scripts, docs, items)
    return _pack(text, title)


def _body(title: str, scripts: list[str], docs: Any, items: Any) -> str:
    data = escape(json.dumps(docs, separators=(",", ":"), ensure_ascii=False), quote=False)
    (item,) = items
    root_id = next(iter(item.roots.to_json().values()))
    return "\n".join(
        [
            f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            _STYLE,
            _NATIVE_IMPORT,
            *scripts,
            f'</head><body><div id="{root_id}" data-root-id="{next(iter(item.roots.to_json()))}"></div>',
            f'<script type="application/json" id="idlmav-docs">{data}</script>',
            f"<script>{script_for_render_items(ID('idlmav-docs'), items)}</script></body></html>",
        ]
    )


def _closed(script: str) -> str:
    return script.replace("</script", "<\\/script")


def _pack(html: str, title: str) -> str:
    # No time stamp: the file says nothing about when it was made.
    data = gzip.compress(html.encode(), 9, mtime=0)
    packed = base64.b85encode(data, pad=True).decode().translate(_HARMLESS)
    return _UNPACK.format(title=escape(title), packed=packed, size=len(data), alphabet=_DIGITS)


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
