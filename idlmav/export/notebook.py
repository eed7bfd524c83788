"""Load Panel's JavaScript into a notebook before the first picture."""

from __future__ import annotations

import sys
from typing import Any

import panel as pn

from idlmav.export.resources import Resources

__all__ = ["in_notebook", "load_extension"]

_loaded_in: dict[Resources, str] = {}


def _kernel() -> Any:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None)


def in_notebook() -> bool:
    """Return whether the code runs in a Jupyter kernel, without importing IPython."""
    return _kernel() is not None


def load_extension(resources: Resources) -> None:
    """
    Load Panel's JavaScript into the notebook, unless it is loaded already; outside notebooks do nothing.

    The embedded JavaScript has 3.5 MB, so one cell only holds it. If that cell runs again, its output is replaced, and
    the JavaScript is loaded once more.
    """
    kernel = _kernel()
    if kernel is None:
        return
    # Some front ends do not name their cells; there the JavaScript is loaded once.
    cell = kernel.get_parent("shell").get("metadata", {}).get("cellId", "")
    if resources not in _loaded_in or (cell and _loaded_in[resources] == cell):
        _loaded_in[resources] = cell
        pn.extension("tabulator", inline=resources == "embedded")
