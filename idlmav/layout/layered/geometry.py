"""The coordinates of one block while they are being determined."""

from __future__ import annotations

from idlmav.layout.layered.block import Ranked

__all__ = ["Geometry"]


class Geometry:
    """
    A block with an order; the steps fill in the alignment, the offsets of the ports, x, then y.

    Attributes
    ----------
    ranked, ranks
        The block, and the items and dummies of each rank from left to right.
    kind : list of str
        The kind of every item, and "" for a dummy.
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
    """

    def __init__(self, ranked: Ranked, ranks: list[list[int]]) -> None:
        self.ranked, self.ranks = ranked, ranks
        items, count = ranked.block.items, len(ranked.rank)
        self.kind: list[str] = [*(item.kind for item in items), *[""] * (count - len(items))]
        dummies = [0.0] * (count - len(items))
        self.left = [item.left for item in items] + dummies
        self.right = [item.right for item in items] + dummies
        self.height = [item.height for item in items] + dummies
        self.aligned = [-1] * count
        self.place, self.x, self.y = [0] * count, [0.0] * count, [0.0] * count
        self.out_offset, self.in_offset = [0.0] * len(ranked.arcs), [0.0] * len(ranked.arcs)
        for row in ranks:
            for position, item in enumerate(row):
                self.place[item] = position
        self.arcs_in, self.arcs_out = ranked.arcs_in, ranked.arcs_out

    def is_item(self, index: int) -> bool:
        """Whether this is an item, and not a dummy."""
        return self.kind[index] != ""

    def start(self, arc: int) -> float:
        """Return the x at which an arc leaves its source."""
        return self.x[self.ranked.arcs[arc][1]] + self.out_offset[arc]

    def end(self, arc: int) -> float:
        """Return the x at which an arc enters its target."""
        return self.x[self.ranked.arcs[arc][2]] + self.in_offset[arc]
