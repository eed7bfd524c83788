"""The source of a picture's JavaScript: the output itself or a CDN."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from idlmav.errors import did_you_mean

__all__ = ["Resources", "current_resources", "plotly_renderer_context"]

Resources = Literal["embedded", "connected"]
_NAMES: dict[str, Resources] = {
    "notebook": "embedded",
    "notebook_connected": "connected",
    "jupyterlab": "embedded",
    "jupyterlab_connected": "connected",
    "iframe": "embedded",
    "iframe_connected": "connected",
    "browser": "embedded",
    "colab": "connected",
    "vscode": "embedded",
}
_current: ContextVar[Resources] = ContextVar("idlmav_resources", default="embedded")


@contextmanager
def plotly_renderer_context(name: str) -> Iterator[None]:
    """
    Choose the source of the JavaScript of pictures that are drawn inside the block.

    Parameters
    ----------
    name : str
        ``'notebook_connected'``, or another name that ends in ``connected``: from a CDN, which keeps the notebook
        small. ``'notebook'``: inside the output, which then works with no network. The name of the function and of
        its argument are those of the first idlmav, which drew with Plotly.

    Raises
    ------
    ValueError
        If the name is not known.

    Examples
    --------
    >>> with plotly_renderer_context("notebook_connected"):
    ...     current_resources()
    'connected'
    """
    if name not in _NAMES:
        raise ValueError(
            f"plotly_renderer_context: {name!r} is not known.{did_you_mean(name, _NAMES)} Known names: {', '.join(_NAMES)}."
        )
    token = _current.set(_NAMES[name])
    try:
        yield
    finally:
        _current.reset(token)


def current_resources() -> Resources:
    """Return the choice of the innermost `plotly_renderer_context`, else ``'embedded'``."""
    return _current.get()
