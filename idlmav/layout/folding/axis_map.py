"""
The monotone map of one axis that takes the least room; ``assets/fold/axis_map.js`` computes the same map.

All coordinates are whole numbers, tenths of a px, so both results are equal. The axis is divided at its *breaks*. Every
stretch between two breaks keeps its length, except in *zones*, where it may shrink as far as *rigid* things keep their
size and neighbours stay far enough apart. Neighbours are things that see each other along the axis. The shortest such map
is found from low to high: where two things are too close, stretches are restored from the higher one downwards. No other
choice is shorter, since every constraint is on a run of consecutive stretches.

References
----------
C. D. Hsueh, D. O. Pederson (1979), Computer-aided layout of LSI circuit building blocks: compaction by constraints.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

__all__ = ["CELL", "AxisMap", "Interval", "Thing"]

Interval = tuple[int, int]
CELL = 40
"""Size, in tenths of a px, of the cells in which things see each other."""


@dataclass(frozen=True, slots=True)
class Thing:
    """
    A visible box, line or border of a frame, in tenths of a px.

    Attributes
    ----------
    low, high : int
        Extent on the axis.
    across : (int, int)
        Extent on the other axis, with the room that must be free.
    before, after : int
        Room that it needs on both sides; two neighbours need the sum, or their distance if that is less.
    opens, closes : bool
        Whether it is the first, or the last, border of a frame, which alone decides on the distance to the content.
    since, length : int
        A border that closes a frame must stay this far from the coordinate of the other border.
    """

    low: int
    high: int
    across: Interval
    before: int
    after: int
    opens: bool = False
    closes: bool = False
    since: int = 0
    length: int = 0


class AxisMap:
    """
    The map of one axis.

    Parameters
    ----------
    breaks : sequence of int
        Every coordinate that `at` takes, and the ends of all intervals and things; in any order.
    zones, rigid : sequence of (int, int)
        Intervals that may shrink, and intervals that may not, even in a zone.
    things : sequence of Thing
        Everything visible.
    first : int
        The coordinate that goes to 0.
    """

    def __init__(
        self,
        breaks: Sequence[int],
        zones: Sequence[Interval],
        rigid: Sequence[Interval],
        things: Sequence[Thing],
        first: int,
    ) -> None:
        self._breaks = sorted(set(breaks))
        self._rank = {value: rank for rank, value in enumerate(self._breaks)}
        lengths = [high - low for low, high in pairwise(self._breaks)]
        zoned, fixed = self._covered(zones), self._covered(rigid)
        kept = [0 if zone and not fix else length for length, zone, fix in zip(lengths, zoned, fixed, strict=False)]
        self._stretches = _Stretches(lengths, kept)
        if self._stretches.loose:
            self._keep_apart(things)
        totals = list(accumulate(self._stretches.kept, initial=0))
        origin = totals[self._rank[first]] if self._breaks else 0
        self._to = [total - origin for total in totals]

    def at(self, value: int) -> int:
        """Return the coordinate of a break on the map."""
        return self._to[self._rank[value]]

    def _covered(self, intervals: Sequence[Interval]) -> list[bool]:
        """Return, for every stretch, whether any interval covers it."""
        change = [0] * len(self._breaks)
        for low, high in intervals:
            change[self._rank[low]] += 1
            change[self._rank[high]] -= 1
        return [count > 0 for count in accumulate(change)]

    def _keep_apart(self, things: Sequence[Thing]) -> None:
        front = _Front()
        rank, stretches = self._rank, self._stretches
        for thing in sorted(things, key=lambda thing: thing.low):
            here = rank[thing.low]
            cells = thing.across[0] // CELL, -(-thing.across[1] // CELL)
            missing = 0
            for other in front.visible(*cells):
                if other.high < thing.low:
                    missing = max(missing, _distance(other, thing) - stretches.between(rank[other.high], here))
            if thing.length:
                missing = max(missing, thing.length - stretches.between(rank[thing.since], here))
            if missing > 0:
                stretches.restore(here, missing)
            front.put(*cells, thing)


def _distance(low: Thing, high: Thing) -> int:
    """Return how far two neighbours must stay apart."""
    needed = low.after if low.opens else high.before if high.closes else low.after + high.before
    return min(needed, high.low - low.high)


class _Stretches:
    """The lengths of every stretch, before and after; sums by a Fenwick tree."""

    def __init__(self, lengths: list[int], kept: list[int]) -> None:
        self.lengths, self.kept = lengths, kept
        self.base = list(accumulate(kept, initial=0))
        self.added = [0] * (len(lengths) + 1)
        # The last stretch up to each that has shrunk; 0 is a stop before the first one.
        self.loose_before = list(range(len(lengths) + 1))
        self.loose = kept != lengths

    def between(self, low: int, high: int) -> int:
        return self.base[high] - self.base[low] + self._added_before(high) - self._added_before(low)

    def _added_before(self, rank: int) -> int:
        total = 0
        while rank:
            total += self.added[rank]
            rank &= rank - 1
        return total

    def restore(self, rank: int, missing: int) -> None:
        """Lengthen the last stretches before a break."""
        while missing > 0:
            number = self._last_loose(rank)
            assert number, "things need no more room than they had"
            grown = min(missing, self.lengths[number - 1] - self.kept[number - 1])
            self.kept[number - 1] += grown
            missing -= grown
            place = number
            while grown and place < len(self.added):
                self.added[place] += grown
                place += place & -place

    def _last_loose(self, rank: int) -> int:
        """Return the number, from 1, of the last stretch before a break that may still grow."""
        path = []
        while rank:
            path.append(rank)
            following = self.loose_before[rank]
            if following == rank:
                if self.kept[rank - 1] < self.lengths[rank - 1]:
                    break
                following = rank - 1
            rank = following
        for step in path:
            self.loose_before[step] = rank
        return rank


class _Front:
    """For every cell across the axis, the thing that reaches farthest along it; the last of equals."""

    def __init__(self) -> None:
        self._starts = [-(10**12)]
        self._things: list[Thing | None] = [None]

    def visible(self, low: int, high: int) -> list[Thing]:
        """Return the things seen from some cells."""
        first, after = bisect_right(self._starts, low) - 1, bisect_left(self._starts, high)
        return [thing for thing in self._things[first:after] if thing is not None]

    def put(self, low: int, high: int, thing: Thing) -> None:
        """Put a thing in front of the things that it reaches beyond."""
        starts, things = self._starts, self._things
        first, after = bisect_right(starts, low) - 1, bisect_left(starts, high)
        new_starts: list[int] = []
        new_things: list[Thing | None] = []
        if starts[first] < low:
            new_starts.append(starts[first])
            new_things.append(things[first])
        for place in range(first, after):
            behind = things[place]
            front = thing if behind is None or behind.high <= thing.high else behind
            if not new_things or new_things[-1] is not front:
                new_starts.append(max(starts[place], low))
                new_things.append(front)
        if after == len(starts) or starts[after] > high:
            new_starts.append(high)
            new_things.append(things[after - 1])
        starts[first:after] = new_starts
        things[first:after] = new_things
