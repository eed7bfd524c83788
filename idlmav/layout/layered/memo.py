"""Remember the layouts of regions: regions that are alike, as the blocks of a transformer are, are laid out once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from idlmav.layout.layered.block import Item
from idlmav.layout.layered.regions import VIRTUAL, Region
from idlmav.layout.result import Point

__all__ = ["LevelLayout", "Memo", "Signature", "item_signature", "region_signature"]


@dataclass(slots=True)
class LevelLayout:
    """
    The layout of a region or level; coordinates in px are relative to its main axis and its top.

    Attributes
    ----------
    left, right, height : float
        Extent on both sides of the axis, and downwards.
    at : list of (float, float)
        Axis and top of every member.
    pieces : dict of int to list of points
        The part of every edge that this region routes.
    into, out_of : dict of int to float
        Where tensors enter and leave.
    slack_in, slack_out : float
        How far in px these places may still move to either side.
    depth, size : int
        Ops on the longest path through, and number of units.
    is_main : bool
        Whether the main path of the whole network runs through it.
    """

    left: float = 0.0
    right: float = 0.0
    height: float = 0.0
    at: list[Point] = field(default_factory=list)
    pieces: dict[int, list[Point]] = field(default_factory=dict)
    into: dict[int, float] = field(default_factory=dict)
    out_of: dict[int, float] = field(default_factory=dict)
    slack_in: float = 0.0
    slack_out: float = 0.0
    depth: int = 0
    size: int = 0
    is_main: bool = False

    def as_item(self) -> Item:
        """Return the layout as an item of the region around it."""
        ends = self.into, self.out_of, self.slack_in, self.slack_out
        return Item("rigid", self.left, self.right, self.height, "", 0, self.depth, self.size, *ends, self.is_main)


class Signature(NamedTuple):
    """
    A region without the names of its edges and tensors.

    Attributes
    ----------
    key : tuple
        Everything that a layout depends on; edges and tensors are numbered in the order in which they occur.
    edges, tensors : list of int
        The edges and tensors that these numbers stand for.
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
    border = (
        region.is_chain,
        region.entry == VIRTUAL,
        region.exit == VIRTUAL,
        region.entry_member,
        region.exit_member,
        *(number(edges[edge][2]) for edge in ends),
    )
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
        return replace(
            layout,
            pieces={edge[number]: points for number, points in layout.pieces.items()},
            into={tensor[number]: x for number, x in layout.into.items()},
            out_of={tensor[number]: x for number, x in layout.out_of.items()},
        )

    def add(self, signature: Signature, layout: LevelLayout) -> None:
        """Remember a layout."""
        self._layouts[signature.key] = signature, layout
