"""
The scene: graph, layout and colours as plain columns that every renderer reads.

The browser's controller, the SVG and the PNG draw from the same dict, so they cannot differ. It holds
what is true for every view of the model; what a person changes (selection, folds, zoom) is in
`idlmav.state`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from idlmav.graph import Graph, Node, format_shapes
from idlmav.labels import node_label, node_sublabel
from idlmav.layout import Layout, columns
from idlmav.ops import category
from idlmav.palette import GRADIENT, Palette, ink

__all__ = ["METRICS", "STATUS_COLORS", "Scene", "build_scene", "summary"]

Scene = dict[str, Any]
METRICS = ("param_count", "flops", "activation_bytes")
"""Numbers that colour and size can tell."""
STATUS_COLORS = {"ran": "#99ddff", "failed": "#ee8866", "not_run": "#dddddd"}
STATUS_NAMES = {"ran": "ran", "failed": "failed", "not_run": "not run"}


def build_scene(graph: Graph, layout: Layout, palette: Palette) -> Scene:
    """
    Put everything that a renderer needs into plain columns.

    Parameters
    ----------
    graph : Graph
        With totals (`idlmav.metrics.complete`).
    layout : Layout
        Of this graph, everything unfolded.
    palette : Palette
        The user's colours.

    Returns
    -------
    dict
        JSON-able.

        **Schema**

        ==============  ==============================================================================
        key             value
        ==============  ==============================================================================
        ``geometry``    columns of nodes, groups and edges as `idlmav.layout.columns` describes them
        ``nodes``       one list a field, in the order of ``geometry.nodes.ids``; ``None`` if unknown
        ``groups``      one list a field, in the order of ``geometry.groups.ids``
        ``colors``      for each categorical choice ``names``, ``colors``, ``inks`` and, a node, the index
                        ``of`` its name
        ``gradient``    hex colours for numbers, small to large
        ``summary``     name, inputs and totals, as text
        ``errors``      each failure: ``node``, ``message``, ``source``
        ==============  ==============================================================================
    """
    return {
        "geometry": columns(layout, graph),
        "nodes": _node_columns(graph),
        "groups": _group_columns(graph, layout),
        "colors": _colors(graph.nodes, palette),
        "gradient": list(GRADIENT),
        "gradient_inks": [ink(color) for color in GRADIENT],
        "summary": summary(graph),
        "errors": [
            {"node": failure.node, "message": f"{failure.kind}: {failure.message}", "source": failure.source or ""}
            for failure in graph.errors
        ],
    }


def _node_columns(graph: Graph) -> dict[str, list[Any]]:
    fields: dict[str, Callable[[Node], Any]] = {
        "label": node_label,
        "sublabel": node_sublabel,
        "kind": lambda node: node.kind,
        "path": lambda node: node.path,
        "op": lambda node: node.op,
        "operation": lambda node: node.operation,
        "category": lambda node: category(node.operation, node.op),
        "shape": lambda node: format_shapes(node.shapes),
        "dtype": lambda node: ", ".join(dict.fromkeys(node.dtypes)),
        "param_count": lambda node: node.param_count,
        "flops": lambda node: node.flops,
        "flops_source": lambda node: node.flops_source,
        "activation_bytes": lambda node: node.activation_bytes,
        "args": lambda node: node.args,
        "status": lambda node: node.status,
        "error": lambda node: node.error,
        "source": lambda node: node.source,
        "notes": lambda node: ", ".join(node.notes),
    }
    return {name: [get(node) for node in graph.nodes] for name, get in fields.items()}


def _group_columns(graph: Graph, layout: Layout) -> dict[str, list[Any]]:
    ids = list(layout.groups)
    place = {group: i for i, group in enumerate(ids)}
    sums: dict[str, list[int]] = {name: [0] * len(ids) for name in (*METRICS, "op_count", "unknown_flops")}
    failed = [False] * len(ids)
    for node in graph.nodes:
        group = layout.group_of.get(node.id, "")
        while group:
            i = place[group]
            for name in METRICS:
                sums[name][i] += getattr(node, name) or 0
            sums["op_count"][i] += 1
            sums["unknown_flops"][i] += node.flops is None
            failed[i] |= node.status == "failed"
            group = layout.groups[group].parent
    modules = [graph.module_by_path.get(layout.groups[group].path) for group in ids]
    return {
        "title": [layout.groups[group].title for group in ids],
        "path": [layout.groups[group].path for group in ids],
        "class_name": [module.class_name if module else "" for module in modules],
        "failed": failed,
        **sums,
    }


def _colors(nodes: Sequence[Node], palette: Palette) -> dict[str, dict[str, list[Any]]]:
    by_name: dict[str, Callable[[Node], tuple[str, str]]] = {
        "operation": lambda node: (node.operation, palette.operation(node.operation, node.op)),
        "category": lambda node: _category(node, palette),
        "module": lambda node: _module(node, palette),
        "status": lambda node: (STATUS_NAMES[node.status], STATUS_COLORS[node.status]),
    }
    return {choice: _encode(get(node) for node in nodes) for choice, get in by_name.items()}


def _category(node: Node, palette: Palette) -> tuple[str, str]:
    name = category(node.operation, node.op)
    return name, palette.category(name)


def _module(node: Node, palette: Palette) -> tuple[str, str]:
    name = ".".join(node.path.split(".")[: 2 if node.path.partition(".")[2].partition(".")[0].isdigit() else 1])
    return name or "(model)", palette.name(name)


def _encode(pairs: Iterable[tuple[str, str]]) -> dict[str, list[Any]]:
    """Store each name once, with an index a node."""
    index: dict[str, int] = {}
    colors: list[str] = []
    of = []
    for name, color in pairs:
        if name not in index:
            index[name] = len(colors)
            colors.append(color)
        of.append(index[name])
    return {"names": list(index), "colors": colors, "inks": [ink(color) for color in colors], "of": of}


def humane(number: float, unit: str = "") -> str:
    """Write a number with three significant digits and k, M, G or T: ``humane(1.8e9, 'FLOPs')`` is ``'1.8 GFLOPs'``."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= factor:
            return f"{_digits(number / factor)} {prefix}{unit}"
    return f"{number:g} {unit}".rstrip()


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"


def humane_bytes(count: float) -> str:
    """Write a number of bytes with binary units: ``humane_bytes(46755328)`` is ``'44.6 MiB'``."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{_digits(value)} {unit}"
        value /= 1024
    return f"{_digits(value)} TiB"


def thousands(number: int) -> str:
    """Write an integer with its thousands separated by narrow no-break spaces."""
    return f"{number:,}".replace(",", "\u202f")


def summary(graph: Graph) -> dict[str, str]:
    """
    Describe the whole model in a few words.

    Returns
    -------
    dict of str to str
        ``name``, ``inputs``, ``ops``, ``params``, ``flops`` and ``activations``; FLOPs say how many are counted by
        formula, estimated, and of how many ops they are unknown.
    """
    totals = graph.totals
    ops = sum(node.kind == "op" for node in graph.nodes)
    flops = humane(totals.flops, "FLOPs")
    details = []
    if totals.flops_estimated:
        details.append(f"+ {humane(totals.flops_estimated, 'FLOPs')} estimated")
    if totals.flops_unknown:
        details.append(f"{totals.flops_unknown} ops unknown")
    return {
        "name": graph.name,
        "inputs": graph.inputs,
        "ops": f"{thousands(ops)} ops",
        "params": f"{thousands(totals.param_count)} parameters",
        "flops": flops,
        "flops_details": ", ".join(details),
        "weights": humane_bytes(totals.param_bytes + totals.buffer_bytes),
        "activations": f"{humane_bytes(totals.activation_bytes)} activations",
    }
