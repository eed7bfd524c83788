"""What a notebook needs before Panel can display, loaded without being asked."""

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
    Load Panel's JavaScript into the notebook; do nothing elsewhere, or if it is there already.

    Embedded, it has 3.5 MB, so it goes into one cell only. Running that cell again replaces its output and with it
    the JavaScript, which is then loaded anew.

    Parameters
    ----------
    resources : {'embedded', 'connected'}
        From inside the notebook or from a CDN.
    """
    kernel = _kernel()
    if kernel is None:
        return
    # Front ends that do not name their cells never run one of them again in the same kernel unseen.
    cell = kernel.get_parent("shell").get("metadata", {}).get("cellId", "")
    if resources not in _loaded_in or (cell and _loaded_in[resources] == cell):
        _loaded_in[resources] = cell
        pn.extension("tabulator", inline=resources == "embedded")
