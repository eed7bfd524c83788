"""The way from a graph to its layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from idlmav.graph import Graph
from idlmav.layout.compound import lay_out
from idlmav.layout.directions import Turn, frame_insets, is_transposed, round_px
from idlmav.layout.network import Network, network_of
from idlmav.layout.options import Direction, Options
from idlmav.layout.result import Layout

__all__ = ["compute_layout", "lay_out_network"]


def compute_layout(
    graph: Graph,
    sizes: Mapping[str, tuple[float, float]],
    *,
    direction: Direction = "down",
    options: Options | None = None,
) -> Layout:
    """
    Place the boxes of a model, its frames and its edges, with all groups open.

    Parameters
    ----------
    graph : Graph
        The model.
    sizes : mapping of str to (float, float)
        Width and height in px of every node's box, by id.
    direction : {'down', 'right', 'up', 'left'}
        Where the data flows.
    options : Options, optional
        Distances.

    Returns
    -------
    Layout
        Boxes, frames and routes; the same for the same input.

    Raises
    ------
    ValueError
        If the direction is unknown.
    """
    return lay_out_network(network_of(graph, sizes), direction=direction, options=options)


def lay_out_network(network: Network, *, direction: Direction = "down", options: Options | None = None) -> Layout:
    """
    Lay out a network that need not stem from a model.

    Parameters
    ----------
    network : Network
        Sizes, edges and groups.
    direction, options
        As for `compute_layout`.

    Returns
    -------
    Layout
        Boxes, frames and routes.
    """
    if direction not in ("down", "right", "up", "left"):
        raise ValueError(f"direction must be 'down', 'right', 'up' or 'left', got {direction!r}")
    options = options or Options()
    placed = lay_out(_in_flow(network, direction), frame_insets(direction, options), options)
    turn = Turn(direction, placed.boxes + placed.frames, placed.routes)
    ids, groups = network.ids, network.groups
    names = [group.id for group in groups]
    routes = zip(network.edges, placed.routes, strict=True)
    return Layout(
        boxes={name: turn.box(box) for name, box in zip(ids, placed.boxes, strict=True)},
        routes={(ids[source], ids[target]): turn.route(points) for (source, target), points in routes},
        frames={name: turn.box(box) for name, box in zip(names, placed.frames, strict=True)},
        groups=dict(zip(names, groups, strict=True)),
        group_of={name: names[group] if group >= 0 else "" for name, group in zip(ids, network.group_of, strict=True)},
        direction=direction,
        width=turn.size[0],
        height=turn.size[1],
        options=options,
    )


def _in_flow(network: Network, direction: Direction) -> Network:
    """Round the sizes, and swap them if the flow is horizontal."""
    swap = is_transposed(direction)

    def turned(size: tuple[float, float]) -> tuple[float, float]:
        width, height = round_px(size[0]), round_px(size[1])
        return (height, width) if swap else (width, height)

    return Network(
        ids=network.ids,
        sizes=tuple(map(turned, network.sizes)),
        edges=network.edges,
        groups=tuple(replace(group, folded_size=turned(group.folded_size)) for group in network.groups),
        group_of=network.group_of,
    )
