"""Compute the layout of a graph: its network, the level layouts, and the map to the direction of the picture."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from idlmav.errors import WrongValueError
from idlmav.graph import Graph
from idlmav.graph.paused_gc import paused_gc
from idlmav.layout.compound import Placed, lay_out
from idlmav.layout.directions import Orientation, frame_insets, is_transposed, round_px, swapped
from idlmav.layout.input.network import Grouping, Network, network_of
from idlmav.layout.input.stacks import find_stacks
from idlmav.layout.options import DIRECTIONS, TURNS, Direction, Options, TurnKind
from idlmav.layout.result import Layout
from idlmav.layout.turn.turned import lay_out_turned

__all__ = ["compute_layout", "lay_out_network", "picture"]


def compute_layout(
    graph: Graph,
    sizes: Mapping[str, tuple[float, float]],
    *,
    direction: Direction = "down",
    latent: str | None = None,
    turn: TurnKind = "opposite",
    small: Collection[str] = (),
    grouping: Grouping = "runs",
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
    latent : str, optional
        Id of the op, or path of the module, at which the flow turns: the bottleneck of an autoencoder.
    turn : {'opposite', 'perpendicular', 'none'}
        Whether it flows back from there, as in the picture of a U-Net, to the side, or straight on.
    small : collection of str
        Ids of the ops that are merged into their neighbour where that is possible, as
        `idlmav.layout.input.small_ops.small_ops` returns them. Their boxes touch, and the edges between them have no
        route.
    grouping : {'runs', 'calls', 'none'}
        Whether there are groups for runs of equal blocks and module calls, for module calls alone, or none.
    options : Options, optional
        Distances.

    Returns
    -------
    Layout
        Boxes, frames and routes; the same input gives the same layout.

    Raises
    ------
    ValueError
        If the direction or the turn is unknown, or there is no such op or module.
    """
    options = options or Options()
    network = network_of(graph, sizes, grouping)
    if small:
        network = _with_stacks(network, graph, small, direction, options)
    return lay_out_network(network, direction=direction, latent=latent, turn=turn, options=options)


def _with_stacks(
    network: Network, graph: Graph, small: Collection[str], direction: Direction, options: Options
) -> Network:
    chosen = {number for number, name in enumerate(network.ids) if name in small}
    apart = {number for number, node in enumerate(graph.nodes) if node.kind != "op"}
    stacks = find_stacks(network, chosen, apart)
    sizes = list(network.sizes)
    for stack in stacks:
        main = next((node for node in stack if node not in chosen), stack[0])
        for node in stack:
            if node != main and not is_transposed(direction):
                sizes[node] = sizes[node][0], options.strip
    return replace(network, sizes=tuple(sizes), stacks=stacks)


@paused_gc()
def lay_out_network(
    network: Network,
    *,
    direction: Direction = "down",
    latent: str | None = None,
    turn: TurnKind = "opposite",
    options: Options | None = None,
) -> Layout:
    """Lay out a network, which need not stem from a model; the options are those of `compute_layout`."""
    if direction not in DIRECTIONS:
        raise WrongValueError(f"direction must be 'down', 'right', 'up' or 'left', got {direction!r}")
    if turn not in TURNS:
        raise WrongValueError(f"turn must be 'opposite', 'perpendicular' or 'none', got {turn!r}")
    options = options or Options()
    flowing = _in_flow(network, direction)
    turned = lay_out_turned(flowing, latent, turn, direction, options) if latent and turn != "none" else None
    if turned is None:
        placed = lay_out(flowing, frame_insets(direction, options), options)
        return picture(network, placed, direction, None, options)
    split, placed = turned
    groups = [replace(group, folded_size=swapped(group.folded_size, direction)) for group in split.groups]
    return picture(replace(split, groups=tuple(groups)), placed, direction, latent, options)


def picture(network: Network, placed: Placed, direction: Direction, latent: str | None, options: Options) -> Layout:
    """Map a layout that flows downwards to its direction; name the boxes."""
    orientation = Orientation(direction, placed.boxes + placed.frames, placed.routes)
    ids, groups = network.ids, network.groups
    names = [group.id for group in groups]
    routes = zip(network.edges, placed.routes, strict=True)
    return Layout(
        boxes={name: orientation.box(box) for name, box in zip(ids, placed.boxes, strict=True)},
        routes={(ids[source], ids[target]): orientation.route(points) for (source, target), points in routes if points},
        frames={name: orientation.box(box) for name, box in zip(names, placed.frames, strict=True)},
        groups=dict(zip(names, groups, strict=True)),
        group_of={name: names[group] if group >= 0 else "" for name, group in zip(ids, network.group_of, strict=True)},
        direction=direction,
        latent=latent,
        width=orientation.size[0],
        height=orientation.size[1],
        options=options,
    )


def _in_flow(network: Network, direction: Direction) -> Network:
    """Round the sizes, and swap them if the flow is horizontal."""

    def turned(size: tuple[float, float]) -> tuple[float, float]:
        return swapped((round_px(size[0]), round_px(size[1])), direction)

    return replace(
        network,
        sizes=tuple(map(turned, network.sizes)),
        groups=tuple(replace(group, folded_size=turned(group.folded_size)) for group in network.groups),
    )
