"""The values that the layout of one block starts from: its items and links, then also their ranks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

__all__ = ["Arc", "Block", "Item", "Link", "Ranked"]

Link = tuple[int, int, int, int]
"""Edge, source item, target item, tensor."""
Arc = tuple[int, int, int, int, int]
"""Gap (below the rank of that number), source item, target item, edge or -1 inside a hyperedge, tensor."""
_NO_OFFSETS: Mapping[int, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Item:
    """
    One box of a level or a block.

    Attributes
    ----------
    kind : {'box', 'rigid', 'port'}
        A *rigid* item (an open group, a region) has ports at given places; a *port* is a point on the border.
    left, right, height : float
        Extent in px on both sides of the item's axis, and downwards.
    pinned : {'', 'top', 'bottom'}
        The border on which a port must lie.
    age : int
        For a port at the top: place of its tensor's source in the order of execution.
    depth : int
        Ops on the longest path through it.
    size : int
        Number of units in it.
    into, out_of : mapping of int to float
        Offset in px from the axis at which a tensor enters or leaves a rigid item.
    slack_in, slack_out : float
        How far in px these ports may still move to either side.
    is_main : bool
        Whether the main path of the whole network runs through it.
    preferred_offset : float or None
        For a port at the bottom: the distance from the main axis at which its line goes on straight below.
    """

    kind: Literal["box", "rigid", "port"] = "box"
    left: float = 0.0
    right: float = 0.0
    height: float = 0.0
    pinned: Literal["", "top", "bottom"] = ""
    age: int = 0
    depth: int = 1
    size: int = 1
    into: Mapping[int, float] = field(default_factory=lambda: _NO_OFFSETS)
    out_of: Mapping[int, float] = field(default_factory=lambda: _NO_OFFSETS)
    slack_in: float = 0.0
    slack_out: float = 0.0
    is_main: bool = False
    preferred_offset: float | None = None


@dataclass(slots=True)
class Block:
    """
    The problem of one block.

    Attributes
    ----------
    items : list of Item
        The members, then up to two ports for the entry and the exit.
    links : list of Link
        Edges between items.
    entry, exit : int
        Items through which the block is entered and left, -1 for none.
    border_entry, border_exit : bool
        Whether that item is such a port.
    """

    items: list[Item]
    links: list[Link]
    entry: int = -1
    exit: int = -1
    border_entry: bool = False
    border_exit: bool = False

    def is_top(self, index: int) -> bool:
        """Whether an item must stay on the first rank."""
        return self.items[index].pinned == "top" or (self.border_entry and index == self.entry)

    def is_bottom(self, index: int) -> bool:
        """Whether an item must stay on the last rank."""
        return self.items[index].pinned == "bottom" or (self.border_exit and index == self.exit)


@dataclass(slots=True)
class Ranked:
    """
    A block with ranks; links that span several ranks pass through dummies, one chain of them for each hyperedge.

    Attributes
    ----------
    rank : list of int
        Of every item, then of every dummy.
    hyperedge : list of (int, int) or None
        Source item and tensor of the hyperedge that a dummy belongs to; ``None`` for items. A hyperedge that collects
        many tensors for one box has the first source, and a negative number.
    arcs : list of Arc
        The links, cut so that each joins neighbouring ranks; all links of a tensor share the arcs between dummies.
    sinks : dict
        The items that each (source item, tensor) feeds.
    above, below : list of list of int
        Neighbours of every item and dummy on the rank above and below, one entry for each arc.
    arcs_in, arcs_out : list of list of int
        Arcs into and out of every item and dummy.
    by_gap : list of list of int
        Arcs of every gap.
    """

    block: Block
    main_path: tuple[int, ...]
    rank: list[int]
    hyperedge: list[tuple[int, int] | None]
    arcs: list[Arc]
    sinks: dict[tuple[int, int], dict[int, None]]
    above: list[list[int]] = field(init=False)
    below: list[list[int]] = field(init=False)
    arcs_in: list[list[int]] = field(init=False)
    arcs_out: list[list[int]] = field(init=False)
    by_gap: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        """Sort the arcs by source, target and gap."""
        self.above, self.below = [[] for _ in self.rank], [[] for _ in self.rank]
        self.arcs_in, self.arcs_out = [[] for _ in self.rank], [[] for _ in self.rank]
        self.by_gap = [[] for _ in range(self.rank_count)]
        for arc, (gap, source, target, _, _) in enumerate(self.arcs):
            self.above[target].append(source)
            self.below[source].append(target)
            self.arcs_in[target].append(arc)
            self.arcs_out[source].append(arc)
            self.by_gap[gap].append(arc)

    def origin(self, arc: int) -> tuple[int, int]:
        """Return the source item and the tensor of the hyperedge that an arc belongs to."""
        _, source, _, _, tensor = self.arcs[arc]
        return self.hyperedge[source] or (source, tensor)

    def collects(self, index: int) -> bool:
        """Whether this is a dummy of a hyperedge that collects many tensors for one box."""
        origin = self.hyperedge[index]
        return origin is not None and origin[1] < 0

    @property
    def rank_count(self) -> int:
        """Number of ranks."""
        return max(self.rank, default=-1) + 1
