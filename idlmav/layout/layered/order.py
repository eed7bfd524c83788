"""
Order the items of every rank so that few edges cross.

Three starts, then shuffled variations of the best orders; each is swept down and up, every rank sorted by barycentre or
median of its neighbours on the rank before, then neighbours are swapped while that removes crossings.

References
----------
E. R. Gansner, E. Koutsofios, S. C. North, K.-P. Vo (1993), A technique for drawing directed graphs,
doi:10.1109/32.221135: barycentres and medians, then transposition of neighbours.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right, insort

from idlmav.layout.layered.block import Ranked
from idlmav.layout.options import Options

__all__ = ["order_ranks"]

_LARGE = 4000
"""From this many items on, only one start is tried."""
_STALLED = 4
"""Sweeps without progress after which a start ends."""
_KEPT = 8
"""Most orders that are routed to choose the one with the fewest crossings."""
_ROUTED_ARCS = 4000
"""Most arcs that are routed for that."""
_EFFORT = 60_000
"""Visits of arcs after which there are no more starts: about a tenth of a second."""
_MOST_EFFORT = 10 * _EFFORT
"""Visits of arcs after which a start is stopped."""
_VISITS = 200
"""Visits of every arc after which there are no more starts, so that many small blocks do not add up."""


def order_ranks(ranked: Ranked, options: Options) -> list[list[list[int]]]:
    """Return the items of every rank from left to right, in one order or in several nearly as good ones, best first."""
    search = _Search(ranked, options)
    widest = max(map(len, search.ranks), default=0)
    if widest > 1 or search.shifts:
        search.run()
        return [ranks for _, ranks in search.kept]
    return [search.ranks]


class _Search:
    """The best orders found so far (`kept`: crossings and order, the fewest first), and the current one (`ranks`)."""

    def __init__(self, ranked: Ranked, options: Options) -> None:
        self.ranked, self.options = ranked, options
        self.first_guess = _first_guess(ranked, options)
        self.ranks: list[list[int]] = [[] for _ in range(ranked.rank_count)]
        for item in sorted(range(len(ranked.rank)), key=self.first_guess.__getitem__):
            self.ranks[ranked.rank[item]].append(item)
        self.place = [0] * len(ranked.rank)
        for items in self.ranks:
            for place, item in enumerate(items):
                self.place[item] = place
        self.shifts = _port_shifts(ranked)
        self._find_neighbours()
        self.crossings_of = [0] * len(self.ranks)
        self.stale = set(range(len(self.ranks)))
        self.kept: list[tuple[int, list[list[int]]]] = []
        self.effort = 0
        self.enough = min(_EFFORT, _VISITS * len(ranked.arcs))
        self.most = min(_KEPT, 1 + _ROUTED_ARCS // (1 + len(ranked.arcs)))

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
        """Try three starts, then variations of the best order as long as there is something to gain."""
        initial = [items[:] for items in self.ranks]
        self._keep()
        small = len(self.place) < _LARGE
        for start in range(3 if small else 1):
            if self.kept[0][0] == 0 or self.effort > _MOST_EFFORT:
                break
            self._take(self._depth_first(initial) if start == 1 else initial)
            self._descend(downwards=start % 2 == 0, median=start == 2, thorough=small)
        pick = random.Random(len(self.place))  # a fixed seed: same input, same picture
        while small and self.kept[0][0] and self.effort < self.enough:
            self._take(self._varied(pick))
            self._descend(downwards=pick.random() < 0.5, median=pick.random() < 0.3, thorough=True)

    def _descend(self, *, downwards: bool, median: bool, thorough: bool) -> None:
        """Sweep down and up until that no longer helps, then transpose."""
        fewest, stalled = self._crossings(), 0
        best = [items[:] for items in self.ranks]
        for sweep in range(self.options.sweeps):
            self._sweep(downwards=(sweep % 2 == 0) == downwards, median=median)
            if thorough and sweep % 2:
                self._transpose(2)
            crossings = self._crossings()
            if crossings < fewest:
                fewest, best, stalled = crossings, [items[:] for items in self.ranks], 0
            else:
                stalled += 1
            if stalled >= _STALLED or fewest == 0 or self.effort > _MOST_EFFORT:
                break
        self._take(best)
        if fewest:
            self._transpose(6)
        self._keep()

    def _keep(self) -> None:
        """Keep the current order if it is among the best."""
        found = self._crossings(), [items[:] for items in self.ranks]
        if found in self.kept:
            return
        self.kept.append(found)
        self.kept.sort(key=lambda kept: kept[0])  # of equals the first found stays first
        del self.kept[self.most :]

    def _take(self, ranks: list[list[int]]) -> None:
        """Make an order the current one."""
        for rank, items in enumerate(ranks):
            self._set_rank(rank, items)

    def _set_rank(self, rank: int, items: list[int]) -> None:
        if items == self.ranks[rank]:
            return
        self.ranks[rank] = items[:]
        for place, item in enumerate(items):
            self.place[item] = place
        self.stale.update((rank - 1, rank) if rank else (rank,))

    def _crossings(self) -> int:
        for gap in self.stale:
            arcs = self.gaps[gap]
            self.crossings_of[gap] = _count_crossings(arcs, self.place) if len(arcs) > 1 else 0
            self.effort += len(arcs)
        self.stale.clear()
        return sum(self.crossings_of)

    def _varied(self, pick: random.Random) -> list[list[int]]:
        """Return one of the best orders with a few neighbouring ranks shuffled."""
        _, best = self.kept[min(int(pick.expovariate(1.0)), len(self.kept) - 1)]
        ranks = [items[:] for items in best]
        length = pick.randint(1, max(1, len(ranks) // 2))
        first = pick.randrange(len(ranks) - length + 1)
        for items in ranks[first : first + length]:
            pick.shuffle(items)
        return ranks

    def _depth_first(self, initial: list[list[int]]) -> list[list[int]]:
        ranked, guess = self.ranked, self.first_guess
        seen: dict[int, int] = {}
        todo = [item for item, above in enumerate(ranked.above) if not above]
        todo += reversed(initial[0])
        while todo:
            item = todo.pop()
            if item in seen:
                continue
            seen[item] = len(seen)
            todo += sorted(ranked.below[item], key=lambda other: (-ranked.rank[other], -guess[other]), reverse=True)
        return [sorted(items, key=lambda item: seen.get(item, 0)) for items in initial]

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
            self._set_rank(rank, [next(movable) if item in wanted else item for item in items])
        self.effort += len(self.ranked.arcs)

    def _transpose(self, limit: int) -> None:
        """Swap neighbours as long as that removes crossings."""
        place = self.place
        active = set(range(len(self.ranks)))
        for _ in range(limit):
            improved: set[int] = set()
            for rank in sorted(active):
                items = self.ranks[rank]
                for position in range(len(items) - 1):
                    left, right = items[position], items[position + 1]
                    if self._gain_of_swap(left, right) > 0:
                        items[position], items[position + 1] = right, left
                        place[left], place[right] = position + 1, position
                        improved.update((rank - 1, rank, rank + 1))
                self.effort += len(self.gaps[rank])
            active = improved & set(range(len(self.ranks)))
            self.stale |= {rank - 1 for rank in active if rank} | active
            if not active:
                return

    def _gain_of_swap(self, left: int, right: int) -> int:
        place, gain = self.place, 0
        for neighbours in (self.ranked.above, self.ranked.below):
            of_left, of_right = neighbours[left], neighbours[right]
            if not of_left or not of_right:
                continue
            if len(of_left) == len(of_right) == 1:  # two dummies, by far the most frequent case
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
    """Return first places: main path in the middle, large branches beside it, dummies outside, the oldest outermost."""
    items, rank, side = ranked.block.items, ranked.rank, options.skip_side
    main_path = frozenset(ranked.main_path)
    guess = [0.0] * len(rank)
    used: dict[int, int] = {}
    for item in sorted(range(len(items)), key=lambda item: (-items[item].size, item)):
        if item in main_path:
            continue
        if items[item].kind == "port":
            guess[item] = side * (100 + 1 / (2 + items[item].age))
            continue
        number = used[rank[item]] = used.get(rank[item], 0) + 1
        guess[item] = (number + 1) // 2 * (-side if number % 2 else side)
    for dummy in range(len(items), len(rank)):
        origin = ranked.hyperedge[dummy]
        assert origin is not None
        guess[dummy] = side * (1000 + rank[dummy] - rank[origin[0]])
    return guess


def _port_shifts(ranked: Ranked) -> dict[tuple[int, bool, int], float]:
    """Return the places of the ports of rigid items, from -0.4 to 0.4 of a place, as crossings are counted by ports."""
    shifts = {}
    for index, item in enumerate(ranked.block.items):
        for entering, offsets in ((True, item.into), (False, item.out_of)):
            distinct = sorted(set(offsets.values()))
            if len(distinct) > 1:
                scale = {offset: 0.8 * number / (len(distinct) - 1) - 0.4 for number, offset in enumerate(distinct)}
                shifts.update({(index, entering, tensor): scale[offset] for tensor, offset in offsets.items()})
    return shifts
