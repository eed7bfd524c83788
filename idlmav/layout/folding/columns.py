"""A layout as columns of numbers, the form that the browser reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from idlmav.graph import Graph
from idlmav.layout.result import Box, Layout

__all__ = ["columns"]


def columns(layout: Layout, graph: Graph | None = None) -> dict[str, Any]:
    """
    Return the input of ``makeFolder`` of ``assets/fold/fold.js``.

    Parameters
    ----------
    layout : Layout
        With all groups open.
    graph : Graph, optional
        Its order of the nodes is used; without it that of the layout.

    Returns
    -------
    dict
        JSON-able.

        **Schema**

        =============  ==================================================================================
        key            meaning
        =============  ==================================================================================
        ``nodes``      ``ids``; ``x``, ``y`` (left, top), ``w``, ``h`` in px; ``group``, the index of the
                       innermost group or -1
        ``groups``     ``ids``; ``parent``, an index or -1, parents first; ``x``, ``y``, ``w``, ``h`` of the
                       frame; ``foldedW``, ``foldedH``; ``flow``, the direction inside each group, or ``None``
                       if that is everywhere the same
        ``edges``      ``source``, ``target``, indices of nodes; ``xs``, ``ys`` of all routes one after another;
                       ``start``, where each route begins there, and their length at the end
        ``direction``  of the flow
        ``spacing``    the distances of `Options` that folding keeps, in px
        =============  ==================================================================================

    Raises
    ------
    ValueError
        If the layout is folded.
    """
    if len(layout.frames) != len(layout.groups):
        raise ValueError("columns() takes the layout with all groups open; the browser folds by itself")
    ids = [node.id for node in graph.nodes] if graph is not None else list(layout.boxes)
    group_index = {name: number for number, name in enumerate(layout.groups)}
    group_index[""] = -1
    groups, options = layout.groups.values(), layout.options
    return {
        "nodes": {
            "ids": ids,
            **_box_columns([layout.boxes[name] for name in ids]),
            "group": [group_index[layout.group_of[name]] for name in ids],
        },
        "groups": {
            "ids": list(layout.groups),
            "parent": [group_index[group.parent] for group in groups],
            **_box_columns([layout.frames[group.id] for group in groups]),
            "foldedW": [group.folded_size[0] for group in groups],
            "foldedH": [group.folded_size[1] for group in groups],
            "flow": [group.direction or layout.direction for group in groups] if layout.latent else None,
        },
        "edges": _edge_columns(layout, ids),
        "direction": layout.direction,
        "spacing": {
            "rankGap": options.rank_gap,
            "nodeGap": options.node_gap,
            "trackGap": options.track_gap,
            "portGap": options.port_gap,
            "padding": options.padding,
            "header": options.header,
        },
    }


def _box_columns(boxes: Sequence[Box]) -> dict[str, list[float]]:
    return {name: _short(box[place] for box in boxes) for place, name in enumerate("xywh")}


def _short(values: Iterable[float]) -> list[float]:
    """Return whole numbers as such: they are two characters shorter, and most coordinates are whole."""
    return [int(value) if value.is_integer() else value for value in map(float, values)]


def _edge_columns(layout: Layout, ids: Sequence[str]) -> dict[str, list[float]]:
    index = {name: number for number, name in enumerate(ids)}
    return {
        "source": [index[source] for source, _ in layout.routes],
        "target": [index[target] for _, target in layout.routes],
        "start": list(accumulate((len(points) for points in layout.routes.values()), initial=0)),
        "xs": _short(x for points in layout.routes.values() for x, _ in points),
        "ys": _short(y for points in layout.routes.values() for _, y in points),
    }
