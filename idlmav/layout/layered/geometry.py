"""The coordinates of one block while they are being determined."""

from __future__ import annotations

from dataclasses import dataclass, field

from idlmav.layout.layered.block import Ranked

__all__ = ["Geometry"]


@dataclass(slots=True)
class Geometry:
    """
    A block with an order; the steps fill in the alignment, the offsets of the ports, x, then y.

    Attributes
    ----------
    ranked, ranks
        The block, and the items and dummies of each rank from left to right.
    aligned : list of int
        For every item and dummy the one aligned with it on the rank below, -1 for none.
    place : list of int
        Position of every item in its rank.
    left, right, height : list of float
        Extent in px of every item around its axis; 0 for a dummy.
    out_offset, in_offset : list of float
        Where every arc leaves its source and enters its target, in px from the item's axis.
    x : list of float
        Axis of every item.
    y : list of float
        Top of every item.
    arcs_in, arcs_out : list of list of int
        Those of `ranked`.
    """

    ranked: Ranked
    ranks: list[list[int]]
    aligned: list[int] = field(default_factory=list)
    place: list[int] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)
    height: list[float] = field(default_factory=list)
    out_offset: list[float] = field(default_factory=list)
    in_offset: list[float] = field(default_factory=list)
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    arcs_out: list[list[int]] = field(default_factory=list)
    arcs_in: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Look up extents, places and arcs."""
        items, count = self.ranked.block.items, len(self.ranked.rank)
        dummies = [0.0] * (count - len(items))
        self.left = [item.left for item in items] + dummies
        self.right = [item.right for item in items] + dummies
        self.height = [item.height for item in items] + dummies
        self.aligned = [-1] * count
        self.place, self.x, self.y = [0] * count, [0.0] * count, [0.0] * count
        for row in self.ranks:
            for position, item in enumerate(row):
                self.place[item] = position
        self.arcs_in, self.arcs_out = self.ranked.arcs_in, self.ranked.arcs_out

    def is_item(self, index: int) -> bool:
        """Whether this is an item, and not a dummy."""
        return index < len(self.ranked.block.items)

    def is_box(self, index: int) -> bool:
        """Whether this is a box whose ports can be chosen."""
        return self.is_item(index) and self.ranked.block.items[index].kind == "box"

    def is_port(self, index: int) -> bool:
        """Whether this is a point on the border."""
        return self.is_item(index) and self.ranked.block.items[index].kind == "port"

    def is_rigid(self, index: int) -> bool:
        """Whether the ports of this item are given."""
        return self.is_item(index) and self.ranked.block.items[index].kind == "rigid"

    def start(self, arc: int) -> float:
        """Return the x at which an arc leaves its source."""
        return self.x[self.ranked.arcs[arc][1]] + self.out_offset[arc]

    def end(self, arc: int) -> float:
        """Return the x at which an arc enters its target."""
        return self.x[self.ranked.arcs[arc][2]] + self.in_offset[arc]
