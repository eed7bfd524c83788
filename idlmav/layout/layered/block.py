"""The values that pass through the steps of drawing one block: items, then ranks, order and coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

__all__ = ["Arc", "Block", "Item", "Link", "Ranked"]

Link = tuple[int, int, int, int]
"""Edge, source item, target item, tensor."""
Arc = tuple[int, int, int, int, int]
"""Gap (below the rank of that number), source item, target item, edge or -1 inside a trunk, tensor."""
_NO_OFFSETS: Mapping[int, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Item:
    """
    One box of a level or a block.

    Attributes
    ----------
    kind : {'box', 'rigid', 'port'}
        A *rigid* box (an open group, a region) has ports at given places; a *port* is a point on the border.
    left, right, height : float
        Extent in px on both sides of the item's axis, and downwards.
    pinned : {'', 'top', 'bottom'}
        The border on which a port must lie.
    age : int
        For a port at the top: place of its tensor's source in the order of execution.
    depth : int
        Ops on the longest way through it.
    size : int
        Number of units in it.
    into, out_of : mapping of int to float
        Offset in px from the axis at which a tensor enters or leaves a rigid item.
    slack_in, slack_out : float
        So far (px) these ports may still move to either side.
    is_main : bool
        Whether the main path of the whole network runs through it.
    wish : float or None
        For a port at the bottom: how far from the main axis its line would go straight on, below.
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
    wish: float | None = None


@dataclass(slots=True)
class Block:
    """
    The problem of one block.

    Attributes
    ----------
    items : list of Item
        The members, then up to two ports that stand for the entry and the exit.
    links : list of Link
        Edges between items.
    entry, exit : int
        Items through which the block is entered and left, -1 for none.
    border_entry, border_exit : bool
        Whether that item is a port added for the purpose.
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
    A block with ranks, its long edges cut into trunks.

    Attributes
    ----------
    block : Block
        What was ranked.
    spine : tuple of int
        The main path.
    rank : list of int
        Of every item, then of every piece of a trunk.
    trunk : list of (int, int) or None
        Source item and tensor of a trunk's piece; ``None`` for items. A trunk that collects many tensors for one box
        has the first source, and a negative number.
    arcs : list of Arc
        The links, cut so that each joins neighbouring ranks; one trunk for all links of a tensor.
    sinks : dict
        The items that each (source item, tensor) feeds.
    """

    block: Block
    spine: tuple[int, ...]
    rank: list[int]
    trunk: list[tuple[int, int] | None]
    arcs: list[Arc]
    sinks: dict[tuple[int, int], dict[int, None]]
    above: list[list[int]] = field(default_factory=list)
    below: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Find the neighbours on the ranks above and below, one entry an arc."""
        self.above = [[] for _ in self.rank]
        self.below = [[] for _ in self.rank]
        for _, source, target, _, _ in self.arcs:
            self.above[target].append(source)
            self.below[source].append(target)

    def collects(self, index: int) -> bool:
        """Whether this is a piece of a trunk that gathers many tensors for one box."""
        origin = self.trunk[index]
        return origin is not None and origin[1] < 0

    @property
    def rank_count(self) -> int:
        """Number of ranks."""
        return max(self.rank, default=-1) + 1
