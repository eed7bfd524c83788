"""What has been drawn already: regions that are alike, as the blocks of a transformer are, are drawn once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from idlmav.layout.layered.block import Item
from idlmav.layout.layered.regions import VIRTUAL, Region
from idlmav.layout.result import Point

__all__ = ["Drawing", "Known", "Shape", "look_of", "shape_of"]


@dataclass(slots=True)
class Drawing:
    """
    A drawn region or level; coordinates in px are relative to its main axis and its top.

    Attributes
    ----------
    left, right, height : float
        Extent on both sides of the axis, and downwards.
    at : list of (float, float)
        Axis and top of every member.
    pieces : dict of int to list of points
        The part of every edge that this region draws.
    into, out_of : dict of int to float
        Where tensors enter and leave.
    slack_in, slack_out : float
        So far (px) these places may still move to either side.
    depth, size : int
        Ops on the longest way through, and number of units.
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
        """Return the drawing as an item of the region around it."""
        return Item(
            "rigid",
            self.left,
            self.right,
            self.height,
            depth=self.depth,
            size=self.size,
            into=self.into,
            out_of=self.out_of,
            slack_in=self.slack_in,
            slack_out=self.slack_out,
            is_main=self.is_main,
        )


class Shape(NamedTuple):
    """
    A region without the names of its edges and tensors.

    Attributes
    ----------
    key : tuple
        All that a drawing depends on; edges and tensors are numbered in the order in which they are met.
    edges, tensors : list of int
        The edges and tensors that these numbers stand for.
    """

    key: tuple[object, ...]
    edges: list[int]
    tensors: list[int]


def look_of(item: Item) -> tuple[object, ...]:
    """Return what a drawing depends on, but for where tensors enter and leave."""
    look = item.kind, item.left, item.right, item.height, item.pinned, item.depth, item.size, item.is_main
    return (*look, item.wish)


def shape_of(region: Region, members: Sequence[Item], edges: Sequence[tuple[int, int, int]]) -> Shape:
    """Return the shape of a region, its members given as items."""
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
            *look_of(item),
            item.age,
            item.slack_in,
            item.slack_out,
            tuple((number(tensor), offset) for tensor, offset in item.into.items()),
            tuple((number(tensor), offset) for tensor, offset in item.out_of.items()),
        )
        for item in members
    )
    return Shape((border, links, items), [*(edge for edge, _, _ in region.links), *ends], list(numbers))


class Known:
    """The drawings of all shapes met so far."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[object, ...], tuple[Shape, Drawing]] = {}

    def find(self, shape: Shape) -> Drawing | None:
        """Return the drawing of a region that is alike, with this one's edges and tensors; None if there is none."""
        found = self._drawn.get(shape.key)
        if found is None:
            return None
        model, drawing = found
        edge = dict(zip(model.edges, shape.edges, strict=True))
        tensor = dict(zip(model.tensors, shape.tensors, strict=True))
        return replace(
            drawing,
            pieces={edge[number]: points for number, points in drawing.pieces.items()},
            into={tensor[number]: x for number, x in drawing.into.items()},
            out_of={tensor[number]: x for number, x in drawing.out_of.items()},
        )

    def add(self, shape: Shape, drawing: Drawing) -> None:
        """Note a drawing."""
        self._drawn[shape.key] = shape, drawing
