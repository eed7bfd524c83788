"""Remember the layouts of regions: regions that are alike, as the blocks of a transformer are, are laid out once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from idlmav.layout.layered.block import Item
from idlmav.layout.layered.regions import VIRTUAL, Region
from idlmav.layout.result import Point

__all__ = ["LevelLayout", "Memo", "Signature", "item_signature", "region_signature"]


@dataclass(frozen=True, slots=True)
class LevelLayout:
    """
    The layout of a region or level; coordinates in px are relative to its main axis and its top.

    Attributes
    ----------
    item : Item
        The layout as an item of the region or level around it.
    at : list of (float, float)
        Axis and top of every member.
    pieces : dict of int to list of points
        The part of every edge that this region routes.
    """

    item: Item = field(default_factory=lambda: Item("rigid", depth=0, size=0))
    at: list[Point] = field(default_factory=list)
    pieces: dict[int, list[Point]] = field(default_factory=dict)


class Signature(NamedTuple):
    """
    A region without the names of its edges and tensors.

    The `key` is everything that a layout depends on; it numbers the `edges` and `tensors` in the order of these lists.
    """

    key: tuple[object, ...]
    edges: list[int]
    tensors: list[int]


def item_signature(item: Item) -> tuple[object, ...]:
    """Return everything that a level layout depends on, except where tensors enter and leave."""
    size = item.left, item.right, item.height, item.depth, item.size
    return (item.kind, *size, item.pinned, item.is_main, item.preferred_offset)


def region_signature(region: Region, members: Sequence[Item], edges: Sequence[tuple[int, int, int]]) -> Signature:
    """Return the signature of a region whose members are given as items."""
    numbers: dict[int, int] = {}

    def number(tensor: int) -> int:
        return numbers.setdefault(tensor, len(numbers))

    links = tuple((source, target, number(edges[edge][2])) for edge, source, target in region.links)
    ends = [edge for edge in (region.entry, region.exit) if edge != VIRTUAL]
    kind = region.is_chain, region.entry == VIRTUAL, region.exit == VIRTUAL
    border = *kind, region.entry_member, region.exit_member, *(number(edges[edge][2]) for edge in ends)
    items = tuple(
        (
            *item_signature(item),
            item.age,
            item.slack_in,
            item.slack_out,
            tuple((number(tensor), offset) for tensor, offset in item.into.items()),
            tuple((number(tensor), offset) for tensor, offset in item.out_of.items()),
        )
        for item in members
    )
    return Signature((border, links, items), [*(edge for edge, _, _ in region.links), *ends], list(numbers))


class Memo:
    """The layouts of all signatures so far."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[object, ...], tuple[Signature, LevelLayout]] = {}

    def find(self, signature: Signature) -> LevelLayout | None:
        """Return the layout of an equal region, with the edges and tensors of this one; None if there is none."""
        found = self._layouts.get(signature.key)
        if found is None:
            return None
        other, layout = found
        edge = dict(zip(other.edges, signature.edges, strict=True))
        tensor = dict(zip(other.tensors, signature.tensors, strict=True))
        item = replace(
            layout.item,
            into={tensor[number]: x for number, x in layout.item.into.items()},
            out_of={tensor[number]: x for number, x in layout.item.out_of.items()},
        )
        return LevelLayout(item, layout.at, {edge[number]: points for number, points in layout.pieces.items()})

    def add(self, signature: Signature, layout: LevelLayout) -> None:
        """Remember a layout."""
        self._layouts[signature.key] = signature, layout
