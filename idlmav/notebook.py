"""What a notebook needs before Panel can display, loaded without being asked."""

from __future__ import annotations

import sys

import panel as pn

from idlmav.render_context import Resources

__all__ = ["in_notebook", "load_extension"]


def in_notebook() -> bool:
    """Return whether the code runs in a Jupyter kernel, without importing IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def load_extension(resources: Resources) -> None:
    """
    Load Panel's JavaScript into the notebook; do nothing elsewhere, or if it is there already.

    Parameters
    ----------
    resources : {'embedded', 'connected'}
        From inside the notebook or from a CDN.
    """
    if in_notebook():
        pn.extension("tabulator", inline=resources == "embedded")
