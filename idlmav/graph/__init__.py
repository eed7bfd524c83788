"""The graph of a model: frozen values without any third-party type, and the files they are saved in."""

from idlmav.graph.graph import (
    Call,
    Edge,
    Failure,
    FlopsSource,
    Graph,
    Node,
    Shape,
    Status,
)
from idlmav.graph.modules import ModuleInfo, ParameterInfo, Totals
from idlmav.graph.text import format_shape, format_shapes

__all__ = [
    "Call",
    "Edge",
    "Failure",
    "FlopsSource",
    "Graph",
    "ModuleInfo",
    "Node",
    "ParameterInfo",
    "Shape",
    "Status",
    "Totals",
    "format_shape",
    "format_shapes",
]
