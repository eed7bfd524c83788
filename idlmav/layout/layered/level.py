"""
Lay out one level: the inside of one group, or the outermost level; a group in it is an item like any other.

The level is divided into nested regions. A chain needs only its members below one another; a block goes through all
steps of the layered layout of Sugiyama et al.: ranks, order, vertical alignment, ports, coordinates and routes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from idlmav.layout.layered.across import place_across
from idlmav.layout.layered.alignment import align, main_path_arcs
from idlmav.layout.layered.along import place_along
from idlmav.layout.layered.block import Block, Item, Ranked
from idlmav.layout.layered.crossings import route_crossings
from idlmav.layout.layered.geometry import Geometry
from idlmav.layout.layered.memo import LevelLayout, Memo, region_signature
from idlmav.layout.layered.order import order_ranks
from idlmav.layout.layered.ports import outermost_port, set_ports, slide_ports
from idlmav.layout.layered.ranks import rank_block
from idlmav.layout.layered.regions import VIRTUAL, Region, find_regions
from idlmav.layout.layered.routes import Segment, make_segments
from idlmav.layout.options import Options
from idlmav.layout.result import Point

__all__ = ["lay_out_level"]

_PORT = Item(kind="port", depth=0)


def lay_out_level(
    items: Sequence[Item], edges: Sequence[tuple[int, int, int]], options: Options, memo: Memo
) -> LevelLayout:
    """
    Return the position of every item of a level, and the whole route of every edge.

    Items are boxes, open groups and ports, numbered topologically; edges are source, target and tensor. The layouts of
    regions are looked up in `memo` and added to it; all levels that share it have the same options.
    """
    if not items:
        return LevelLayout()
    tops = [index for index, item in enumerate(items) if item.pinned == "top"]
    bottoms = [index for index, item in enumerate(items) if item.pinned == "bottom"]
    root = find_regions(len(items), [(source, target) for source, target, _ in edges], tops, bottoms)
    layouts: dict[int, LevelLayout] = {}
    regions = [root]
    for region in regions:
        regions += [member for member in region.members if isinstance(member, Region)]
    for region in reversed(regions):
        members = [layouts[id(m)].item if isinstance(m, Region) else items[m] for m in region.members]
        signature = region_signature(region, members, edges)
        layout = memo.find(signature)
        if layout is None:
            lay_out = _lay_out_chain if region.is_chain else _lay_out_block
            layout = lay_out(region, members, edges, options)
            memo.add(signature, layout)
        layouts[id(region)] = layout
    return _flatten(root, layouts, len(items))


def _lay_out_chain(
    region: Region, members: list[Item], edges: Sequence[tuple[int, int, int]], options: Options
) -> LevelLayout:
    """Place the members below one another, so that the edges between them are straight."""
    edge_after = {source: edge for edge, source, _ in region.links}
    at: list[Point] = []
    pieces: dict[int, list[Point]] = {}
    x = y = left = right = 0.0
    for number, item in enumerate(members):
        if number:
            edge = edge_after[number - 1]
            tensor = edges[edge][2]
            x += members[number - 1].out_of.get(tensor, 0.0)
            pieces[edge] = [(x, y), (x, y + options.rank_gap)]
            x -= item.into.get(tensor, 0.0)
            y += options.rank_gap
        at.append((x, y))
        y += item.height
        left = max(left, item.left - x)
        right = max(right, item.right + x)
    first, last = members[0], members[-1]
    slack_in = outermost_port(first.left) if first.kind == "box" else first.slack_in
    slack_out = outermost_port(last.left) if last.kind == "box" else last.slack_out
    depth, size = sum(item.depth for item in members), sum(item.size for item in members)
    ends = *_ends(region, members, at, edges), slack_in, slack_out
    is_main = any(item.is_main for item in members)
    return LevelLayout(Item("rigid", left, right, y, "", 0, depth, size, *ends, is_main), at, pieces)


def _lay_out_block(
    region: Region, members: list[Item], edges: Sequence[tuple[int, int, int]], options: Options
) -> LevelLayout:
    """Rank, order, align and place the members, and route the edges between them."""
    block = _make_block(region, members, edges)
    ranked = rank_block(block)
    geometry, segments, followed = _place_best(ranked, options)
    height = place_along(geometry, segments, followed, options)
    depth = sum(block.items[item].depth for item in ranked.main_path)
    at = list(zip(geometry.x, geometry.y, strict=True))[: len(block.items)]
    lines = [segment for gap in segments for segment in gap]
    lefts = (left - x for left, x in zip(geometry.left, geometry.x, strict=True))
    rights = (right + x for right, x in zip(geometry.right, geometry.x, strict=True))
    left, right = max(0.0, *lefts, *(-line.low for line in lines)), max(0.0, *rights, *(line.high for line in lines))
    into, out_of = _ends(region, block.items, at, edges, block.entry, block.exit)
    size, is_main = sum(item.size for item in members), any(item.is_main for item in members)
    item = Item("rigid", left, right, height, "", 0, depth, size, into, out_of, is_main=is_main)
    return LevelLayout(item, at[: len(members)], _routes(geometry, followed))


def _place_best(ranked: Ranked, options: Options) -> tuple[Geometry, list[list[Segment]], dict[int, list[Segment]]]:
    """Place the items across the flow in each of the orders found; return the result with the fewest crossings."""
    least, best = (math.inf, math.inf), None
    orders, on_main_path = order_ranks(ranked, options), main_path_arcs(ranked)
    for ranks in orders:
        geometry = Geometry(ranked, ranks)
        align(geometry, on_main_path)
        set_ports(geometry, options)
        place_across(geometry, options)
        slide_ports(geometry, options)
        segments, followed = make_segments(geometry, options)
        cost = (0.0, 0.0)
        if len(orders) > 1:
            ink = sum(segment.high - segment.low for gap in segments for segment in gap)
            cost = route_crossings(geometry, segments, followed), ink
        if best is None or cost < least:
            least, best = cost, (geometry, segments, followed)
    assert best is not None, "there is always an order"
    return best


def _make_block(region: Region, members: list[Item], edges: Sequence[tuple[int, int, int]]) -> Block:
    """Turn a region into a block; it gets a port where dead ends would lie between an end of it and the border."""
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


def _ends(
    region: Region,
    members: Sequence[Item],
    at: list[Point],
    edges: Sequence[tuple[int, int, int]],
    entry: int = 0,
    exit_: int = -1,
) -> tuple[dict[int, float], dict[int, float]]:
    """Return the offsets at which the tensors of a region's entry and exit cross its border."""
    into, out_of = {}, {}
    if region.entry != VIRTUAL:
        tensor = edges[region.entry][2]
        into[tensor] = at[entry][0] + members[entry].into.get(tensor, 0.0)
    if region.exit != VIRTUAL:
        tensor = edges[region.exit][2]
        out_of[tensor] = at[exit_][0] + members[exit_].out_of.get(tensor, 0.0)
    return into, out_of


def _routes(geometry: Geometry, followed: dict[int, list[Segment]]) -> dict[int, list[Point]]:
    """Join verticals and segments to one polyline an edge."""
    heads: dict[int, list[Point]] = {}
    routes: dict[int, list[Point]] = {}
    ranked = geometry.ranked
    tails = _tails(geometry, followed)
    for arc in chain.from_iterable(ranked.by_gap):
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
    """Return, for every dummy that collects tensors, the route from there to the box that takes them."""
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


def _flatten(root: Region, layouts: dict[int, LevelLayout], count: int) -> LevelLayout:
    """Collect the positions of all units and the pieces of every edge into one layout."""
    result = LevelLayout(layouts[id(root)].item, [(0.0, 0.0)] * count)
    parts: dict[int, list[list[Point]]] = {}
    todo: list[tuple[Region, float, float]] = [(root, 0.0, 0.0)]
    while todo:
        region, x0, y0 = todo.pop()
        layout = layouts[id(region)]
        for member, (x, y) in zip(region.members, layout.at, strict=True):
            if isinstance(member, Region):
                todo.append((member, x0 + x, y0 + y))
            else:
                result.at[member] = (x0 + x, y0 + y)
        for edge, points in layout.pieces.items():
            parts.setdefault(edge, []).append([(x0 + x, y0 + y) for x, y in points])
    for edge, pieces in parts.items():
        pieces.sort(key=lambda points: points[0][1])
        result.pieces[edge] = [point for points in pieces for point in points]
    return result
