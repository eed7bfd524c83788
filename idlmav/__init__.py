"""
Interactive deep learning model architecture visualization.

Public names are imported on first use: ``import idlmav`` imports neither torch nor Panel, so a saved graph opens
where there is no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from idlmav.errors import GraphFormatError, IdlmavError
from idlmav.graph import Call, Edge, Failure, Graph, ModuleInfo, Node, ParameterInfo, Totals

if TYPE_CHECKING:
    from idlmav.export.html import ReleaseGraph
    from idlmav.export.resources import plotly_renderer_context
    from idlmav.mav import MAV, load
    from idlmav.page.explorer import Explorer
    from idlmav.state import ViewState

__all__ = [
    "MAV",
    "Call",
    "Edge",
    "Explorer",
    "Failure",
    "Graph",
    "GraphFormatError",
    "IdlmavError",
    "ModuleInfo",
    "Node",
    "ParameterInfo",
    "ReleaseGraph",
    "Totals",
    "ViewState",
    "__version__",
    "load",
    "plotly_renderer_context",
]

__version__ = "2.0.0.dev0"

_ON_DEMAND = {
    "MAV": "idlmav.mav",
    "Explorer": "idlmav.page.explorer",
    "ReleaseGraph": "idlmav.export.html",
    "ViewState": "idlmav.state",
    "load": "idlmav.mav",
    "plotly_renderer_context": "idlmav.export.resources",
}


def __getattr__(name: str) -> Any:
    """Import a public name on its first use (PEP 562)."""
    if name not in _ON_DEMAND:
        raise AttributeError(f"module 'idlmav' has no attribute {name!r}")
    value = getattr(import_module(_ON_DEMAND[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List also the names that are not imported yet."""
    return sorted({*globals(), *__all__})
