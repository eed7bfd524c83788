"""Draw one level: the inside of one group, or the outermost level, without looking into the groups in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from idlmav.layout.layered.across import place_across
from idlmav.layout.layered.alignment import weld
from idlmav.layout.layered.along import place_along
from idlmav.layout.layered.block import Block, Item, Ranked
from idlmav.layout.layered.crossings import drawn_crossings
from idlmav.layout.layered.geometry import Geometry
from idlmav.layout.layered.memo import Drawing, Known, shape_of
from idlmav.layout.layered.order import order_ranks
from idlmav.layout.layered.ports import outermost_port, set_ports, slide_ports
from idlmav.layout.layered.ranks import rank_block
from idlmav.layout.layered.regions import VIRTUAL, Member, Region, find_regions
from idlmav.layout.layered.routes import Segment, make_segments
from idlmav.layout.options import Options
from idlmav.layout.result import Point

__all__ = ["Drawing", "draw_level"]

_PORT = Item(kind="port", depth=0)


def draw_level(
    items: Sequence[Item], edges: Sequence[tuple[int, int, int]], options: Options, known: Known | None = None
) -> Drawing:
    """
    Draw one level.

    Parameters
    ----------
    items : sequence of Item
        Boxes, open groups and ports, topologically numbered.
    edges : sequence of (int, int, int)
        Source, target and tensor.
    options : Options
        Distances.
    known : Known, optional
        The regions that other levels have drawn with the same options; what this one draws is added.

    Returns
    -------
    Drawing
        Position of every item, and the whole route of every edge.
    """
    if not items:
        return Drawing()
    tops = [index for index, item in enumerate(items) if item.pinned == "top"]
    bottoms = [index for index, item in enumerate(items) if item.pinned == "bottom"]
    root = find_regions(len(items), [(source, target) for source, target, _ in edges], tops, bottoms)
    known = Known() if known is None else known
    drawn: dict[int, Drawing] = {}
    for region in _bottom_up(root):
        members = [_item_of(member, items, drawn) for member in region.members]
        shape = shape_of(region, members, edges)
        drawing = known.find(shape)
        if drawing is None:
            draw = _draw_chain if region.is_chain else _draw_block
            drawing = draw(region, members, edges, options)
            drawing.is_main = any(item.is_main for item in members)
            known.add(shape, drawing)
        drawn[id(region)] = drawing
    return _flatten(root, drawn, len(items))


def _bottom_up(root: Region) -> list[Region]:
    found = [root]
    for region in found:
        found += [member for member in region.members if isinstance(member, Region)]
    return found[::-1]


def _item_of(member: Member, items: Sequence[Item], drawn: dict[int, Drawing]) -> Item:
    return drawn[id(member)].as_item() if isinstance(member, Region) else items[member]


def _draw_chain(
    region: Region, members: list[Item], edges: Sequence[tuple[int, int, int]], options: Options
) -> Drawing:
    """Stack the members on one axis."""
    drawing = Drawing(depth=sum(item.depth for item in members), size=sum(item.size for item in members))
    edge_after = {source: edge for edge, source, _ in region.links}
    x = y = 0.0
    for number, item in enumerate(members):
        if number:
            edge = edge_after[number - 1]
            tensor = edges[edge][2]
            x += members[number - 1].out_of.get(tensor, 0.0)
            drawing.pieces[edge] = [(x, y), (x, y + options.rank_gap)]
            x -= item.into.get(tensor, 0.0)
            y += options.rank_gap
        drawing.at.append((x, y))
        y += item.height
        drawing.left = max(drawing.left, item.left - x)
        drawing.right = max(drawing.right, item.right + x)
    drawing.height = y
    _set_borders(region, members, drawing, edges)
    first, last = members[0], members[-1]
    drawing.slack_in = outermost_port(first.left) if first.kind == "box" else first.slack_in
    drawing.slack_out = outermost_port(last.left) if last.kind == "box" else last.slack_out
    return drawing


def _draw_block(
    region: Region, members: list[Item], edges: Sequence[tuple[int, int, int]], options: Options
) -> Drawing:
    """Rank, order, weld and place the members, and route the edges between them."""
    block = _make_block(region, members, edges)
    ranked = rank_block(block)
    geometry, segments, followed = _place_best(ranked, options)
    height = place_along(geometry, segments, followed, options)
    drawing = Drawing(height=height, size=sum(item.size for item in members))
    drawing.depth = sum(block.items[item].depth for item in ranked.spine)
    drawing.at = list(zip(geometry.x, geometry.y, strict=True))[: len(block.items)]
    drawing.pieces = _routes(geometry, followed)
    ends = [(segment.low, segment.high) for gap in segments for segment in gap]
    drawing.left = max((left - x for left, x in zip(geometry.left, geometry.x, strict=True)), default=0.0)
    drawing.right = max((right + x for right, x in zip(geometry.right, geometry.x, strict=True)), default=0.0)
    drawing.left = max(drawing.left, 0.0, *(-low for low, _ in ends))
    drawing.right = max(drawing.right, 0.0, *(high for _, high in ends))
    _set_borders(region, block.items, drawing, edges, block.entry, block.exit)
    del drawing.at[len(members) :]
    return drawing


def _place_best(ranked: Ranked, options: Options) -> tuple[Geometry, list[list[Segment]], dict[int, list[Segment]]]:
    """Place the items across the flow in each of the orders found; return the drawing with the fewest crossings."""
    least, best = (math.inf, math.inf), None
    orders = order_ranks(ranked, options)
    for ranks in orders:
        geometry = Geometry(ranked, ranks, weld(ranked, ranks))
        set_ports(geometry, options)
        place_across(geometry, options)
        slide_ports(geometry, options)
        segments, followed = make_segments(geometry, options)
        cost = (0.0, 0.0)
        if len(orders) > 1:
            ink = sum(segment.high - segment.low for drawn in segments for segment in drawn)
            cost = drawn_crossings(geometry, segments, followed), ink
        if best is None or cost < least:
            least, best = cost, (geometry, segments, followed)
    assert best is not None, "there is always an order"
    return best


def _make_block(region: Region, members: list[Item], edges: Sequence[tuple[int, int, int]]) -> Block:
    """Turn a region into a block; where dead ends would come between an end and the border, it gets a port there."""
    links = [(edge, source, target, edges[edge][2]) for edge, source, target in region.links]
    block = Block(list(members), links)
    if region.entry != VIRTUAL:
        block.entry = region.entry_member
        if any(target == block.entry for _, _, target, _ in links):
            links.append((region.entry, len(block.items), block.entry, edges[region.entry][2]))
            block.entry, block.border_entry = len(block.items), True
            block.items.append(_PORT)
    if region.exit != VIRTUAL:
        block.exit = region.exit_member
        feeding = {source for _, source, _, _ in links}
        if any(item in feeding if item == block.exit else item not in feeding for item in range(len(block.items))):
            links.append((region.exit, block.exit, len(block.items), edges[region.exit][2]))
            block.exit, block.border_exit = len(block.items), True
            block.items.append(replace(_PORT))
    return block


def _set_borders(
    region: Region,
    members: Sequence[Item],
    drawing: Drawing,
    edges: Sequence[tuple[int, int, int]],
    entry: int = 0,
    exit_: int = -1,
) -> None:
    """Note where the region's entry and exit lie on its border."""
    if region.entry != VIRTUAL:
        tensor = edges[region.entry][2]
        drawing.into[tensor] = drawing.at[entry][0] + members[entry].into.get(tensor, 0.0)
    if region.exit != VIRTUAL:
        tensor = edges[region.exit][2]
        drawing.out_of[tensor] = drawing.at[exit_][0] + members[exit_].out_of.get(tensor, 0.0)


def _routes(geometry: Geometry, followed: dict[int, list[Segment]]) -> dict[int, list[Point]]:
    """Join verticals and segments to one polyline an edge."""
    heads: dict[int, list[Point]] = {}
    routes: dict[int, list[Point]] = {}
    ranked = geometry.ranked
    tails = _tails(geometry, followed)
    order = sorted(range(len(ranked.arcs)), key=lambda arc: ranked.arcs[arc][0])
    for arc in order:
        _, source, target, edge, _ = ranked.arcs[arc]
        if ranked.collects(source):
            continue
        if geometry.is_item(source):
            points = [(geometry.start(arc), geometry.y[source] + geometry.height[source])]
        else:
            points = list(heads[source])
        if arc in followed:
            points += _bends(geometry, arc, followed[arc])
        if geometry.is_item(target):
            routes[edge] = [*points, (geometry.end(arc), geometry.y[target])]
        elif ranked.collects(target):
            routes[edge] = points + tails[target]
        else:
            heads[target] = points
    return routes


def _tails(geometry: Geometry, followed: dict[int, list[Segment]]) -> dict[int, list[Point]]:
    """Return, for every piece of a trunk that collects tensors, the way from there to the box that takes them."""
    tails: dict[int, list[Point]] = {}
    arcs = geometry.ranked.arcs
    collecting = [arc for arc in range(len(arcs)) if geometry.ranked.collects(arcs[arc][1])]
    for arc in sorted(collecting, key=lambda arc: -arcs[arc][0]):
        _, source, target, _, _ = arcs[arc]
        rest = [(geometry.end(arc), geometry.y[target])] if geometry.is_item(target) else tails[target]
        tails[source] = [*_bends(geometry, arc, followed[arc]), *rest] if arc in followed else rest
    return tails


def _bends(geometry: Geometry, arc: int, segments: list[Segment]) -> list[Point]:
    """Return the points of an arc on the segments that it follows."""
    points: list[Point] = []
    x = geometry.start(arc)
    for segment in segments:
        if segment.joint is not None:
            points.append((segment.joint, points[-1][1]))
            x = segment.joint
        points.append((x, segment.y))
    return [*points, (geometry.end(arc), segments[-1].y)]


def _flatten(root: Region, drawn: dict[int, Drawing], count: int) -> Drawing:
    """Collect the positions of all units and the pieces of every edge into one drawing."""
    whole = drawn[id(root)]
    result = Drawing(whole.left, whole.right, whole.height, [(0.0, 0.0)] * count, depth=whole.depth, size=whole.size)
    parts: dict[int, list[list[Point]]] = {}
    stack: list[tuple[Region, float, float]] = [(root, 0.0, 0.0)]
    while stack:
        region, x0, y0 = stack.pop()
        drawing = drawn[id(region)]
        for member, (x, y) in zip(region.members, drawing.at, strict=True):
            if isinstance(member, Region):
                stack.append((member, x0 + x, y0 + y))
            else:
                result.at[member] = (x0 + x, y0 + y)
        for edge, points in drawing.pieces.items():
            parts.setdefault(edge, []).append([(x0 + x, y0 + y) for x, y in points])
    for edge, pieces in parts.items():
        pieces.sort(key=lambda points: points[0][1])
        result.pieces[edge] = [point for points in pieces for point in points]
    return result
