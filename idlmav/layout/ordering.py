"""
Order the items of every rank so that few edges cross.

References
----------
E. R. Gansner, E. Koutsofios, S. C. North, K.-P. Vo (1993), A technique for drawing directed graphs,
doi:10.1109/32.221135: barycentres and medians, then transposition of neighbours.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from idlmav.layout.block import Ranked
from idlmav.layout.options import Options

__all__ = ["order_ranks"]

_LARGE = 4000
"""From this many items on, only one start is tried."""
_STALLED = 4
"""Sweeps without progress after which a start is given up."""


def order_ranks(ranked: Ranked, options: Options) -> list[list[int]]:
    """Return the items of every rank from left to right."""
    search = _Search(ranked, options)
    widest = max(map(len, search.ranks), default=0)
    if widest > 1 or search.shifts:
        search.run()
    return search.ranks


class _Search:
    """The best order found so far, and the order at hand (`ranks`, with `place` of every item in its rank)."""

    def __init__(self, ranked: Ranked, options: Options) -> None:
        self.ranked, self.options = ranked, options
        self.first_guess = _first_guess(ranked, options)
        self.ranks: list[list[int]] = [[] for _ in range(ranked.rank_count)]
        for item, rank in enumerate(ranked.rank):
            self.ranks[rank].append(item)
        for rank_items in self.ranks:
            rank_items.sort(key=lambda item: (self.first_guess[item], item))
        self.place = [0] * len(ranked.rank)
        self._number()
        self.shifts = _port_shifts(ranked)
        self._find_neighbours()

    def _find_neighbours(self) -> None:
        ranked, shifts = self.ranked, self.shifts
        self.gaps: list[list[tuple[int, int, float, float]]] = [[] for _ in self.ranks]
        self.above: list[list[tuple[int, float]]] = [[] for _ in self.place]
        self.below: list[list[tuple[int, float]]] = [[] for _ in self.place]
        for gap, source, target, _, tensor in ranked.arcs:
            out = shifts.get((source, False, tensor), 0.0)
            into = shifts.get((target, True, tensor), 0.0)
            self.gaps[gap].append((source, target, out, into))
            self.above[target].append((source, out - into))
            self.below[source].append((target, into - out))

    def run(self) -> None:
        """Try up to three starts; keep the order with the fewest crossings."""
        fewest, best = self._crossings(), [items[:] for items in self.ranks]
        initial = best
        small = len(self.place) < _LARGE
        for start in range(3 if small else 1):
            if fewest == 0:
                break
            self.ranks = [items[:] for items in initial]
            if start == 1:
                self._sort_depth_first(initial)
            self._number()
            stalled = 0
            for sweep in range(self.options.sweeps):
                self._sweep(downwards=(sweep + start) % 2 == 0, median=start == 2)
                if small and sweep % 2:
                    self._transpose(2)
                crossings = self._crossings()
                if crossings < fewest:
                    fewest, best, stalled = crossings, [items[:] for items in self.ranks], 0
                else:
                    stalled += 1
                if stalled >= _STALLED or fewest == 0:
                    break
        self.ranks = best
        self._number()
        if fewest:
            self._transpose(6)

    def _number(self) -> None:
        for items in self.ranks:
            for place, item in enumerate(items):
                self.place[item] = place

    def _crossings(self) -> int:
        return sum(_count_crossings(arcs, self.place) for arcs in self.gaps if len(arcs) > 1)

    def _sort_depth_first(self, initial: list[list[int]]) -> None:
        ranked, guess = self.ranked, self.first_guess
        seen: dict[int, int] = {}
        stack = [item for item, above in enumerate(ranked.above) if not above]
        stack += reversed(initial[0])
        while stack:
            item = stack.pop()
            if item in seen:
                continue
            seen[item] = len(seen)
            stack += sorted(ranked.below[item], key=lambda other: (-ranked.rank[other], -guess[other]), reverse=True)
        for items in self.ranks:
            items.sort(key=lambda item: seen.get(item, 0))

    def _sweep(self, *, downwards: bool, median: bool) -> None:
        """Sort every rank by the places of its neighbours; items without any keep their place."""
        place, neighbours = self.place, self.above if downwards else self.below
        count = len(self.ranks)
        for rank in range(1, count) if downwards else range(count - 2, -1, -1):
            items = self.ranks[rank]
            if len(items) < 2:
                continue
            wanted = {item: _wanted_place(neighbours[item], place, median) for item in items if neighbours[item]}
            movable = iter(sorted(wanted, key=lambda item: wanted[item]))
            items[:] = [next(movable) if item in wanted else item for item in items]
            for position, item in enumerate(items):
                place[item] = position

    def _transpose(self, limit: int) -> None:
        """Swap neighbours as long as that removes crossings."""
        place = self.place
        for _ in range(limit):
            improved = False
            for items in self.ranks:
                for position in range(len(items) - 1):
                    left, right = items[position], items[position + 1]
                    if self._gain_of_swap(left, right) > 0:
                        items[position], items[position + 1] = right, left
                        place[left], place[right] = position + 1, position
                        improved = True
            if not improved:
                return

    def _gain_of_swap(self, left: int, right: int) -> int:
        place, gain = self.place, 0
        for neighbours in (self.ranked.above, self.ranked.below):
            of_left, of_right = neighbours[left], neighbours[right]
            if not of_left or not of_right:
                continue
            if len(of_left) == len(of_right) == 1:  # two trunks, by far the most frequent case
                a, b = place[of_left[0]], place[of_right[0]]
                gain += (a > b) - (a < b)
                continue
            places = sorted([place[other] for other in of_right])
            for other in of_left:
                gain += bisect_left(places, place[other]) - (len(places) - bisect_right(places, place[other]))
        return gain


def _wanted_place(neighbours: list[tuple[int, float]], place: list[int], median: bool) -> float:
    if len(neighbours) == 1:
        return place[neighbours[0][0]] + neighbours[0][1]
    if median and len(neighbours) > 2:
        places = sorted(place[other] for other, _ in neighbours)
        return (places[(len(places) - 1) // 2] + places[len(places) // 2]) / 2
    return sum(place[other] + shift for other, shift in neighbours) / len(neighbours)


def _count_crossings(arcs: list[tuple[int, int, float, float]], place: list[int]) -> int:
    """Count the crossings of arcs between two ranks that start at different ports."""
    ends = sorted([(place[source] + out, place[target] + into) for source, target, out, into in arcs])
    seen: list[float] = []
    crossings = first = 0
    while first < len(ends):
        after = first
        while after < len(ends) and ends[after][0] == ends[first][0]:
            crossings += len(seen) - bisect_right(seen, ends[after][1])
            after += 1
        for position in range(first, after):
            insort(seen, ends[position][1])
        first = after
    return crossings


def _first_guess(ranked: Ranked, options: Options) -> list[float]:
    """Spine in the middle, large branches next to it on alternating sides, trunks outside, the oldest outermost."""
    items, rank, side = ranked.block.items, ranked.rank, options.skip_side
    spine = frozenset(ranked.spine)
    guess = [0.0] * len(rank)
    used: dict[int, int] = {}
    for item in sorted(range(len(items)), key=lambda item: (-items[item].size, item)):
        if item in spine:
            continue
        if items[item].kind == "port":
            guess[item] = side * (100 + 1 / (2 + items[item].age))
            continue
        number = used[rank[item]] = used.get(rank[item], 0) + 1
        guess[item] = (number + 1) // 2 * (-side if number % 2 else side)
    for piece in range(len(items), len(rank)):
        origin = ranked.trunk[piece]
        assert origin is not None
        guess[piece] = side * (1000 + rank[piece] - rank[origin[0]])
    return guess


def _port_shifts(ranked: Ranked) -> dict[tuple[int, bool, int], float]:
    """Return the places of the ports of rigid items, from -0.4 to 0.4 of a place: they count in the crossings."""
    shifts = {}
    for index, item in enumerate(ranked.block.items):
        for entering, offsets in ((True, item.into), (False, item.out_of)):
            distinct = sorted(set(offsets.values()))
            if len(distinct) > 1:
                scale = {offset: 0.8 * number / (len(distinct) - 1) - 0.4 for number, offset in enumerate(distinct)}
                shifts.update({(index, entering, tensor): scale[offset] for tensor, offset in offsets.items()})
    return shifts
