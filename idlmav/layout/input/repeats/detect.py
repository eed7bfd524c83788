"""Find the runs among the units of one level: blocks of one or several units that are built and wired alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from idlmav.layout.input.repeats.units import InputEdge, Units

__all__ = ["Run", "find_runs"]

FEWEST_BESIDE = 4
"""From this many on, blocks that do not follow from one another, such as experts, are a run; fewer are branches."""
FEWEST_OPS = 6
"""From this many on, ops outside of any inner group are a run; fewer do not need a frame."""
PERIODS_TRIED = 8


@dataclass(slots=True)
class Run:
    """Blocks that are alike: `count` times `period` units from `start` on."""

    start: int
    period: int
    count: int
    chained: bool

    @property
    def end(self) -> int:
        """Index after the last unit."""
        return self.start + self.count * self.period


@dataclass(slots=True)
class _Border:
    """The edges of a block inside and across its border; nodes are counted from its first one."""

    inner: list[InputEdge] = field(default_factory=list)
    readers: list[tuple[int, int]] = field(default_factory=list)
    sources: list[tuple[int, int]] = field(default_factory=list)
    exports: set[tuple[int, int]] = field(default_factory=set)


class _Wiring:
    """The sources of the inputs of the blocks of a run; determined block by block."""

    def __init__(self, begin: int, size: int, first: _Border) -> None:
        self.begin, self.size = begin, size
        self.before: Sequence[tuple[int, int]] = first.sources
        self.place: list[tuple[int, int, int] | None] = [None] * len(first.sources)
        self.fixed: list[bool | None] = [None] * len(first.sources)

    def admits(self, number: int, sources: Sequence[tuple[int, int]]) -> bool:
        """Return whether the inputs of block `number` come from sources alike those of the blocks before it."""
        for at, (source, outputs) in enumerate(sources):
            place, fixed = self.place[at], (source, outputs) == self.before[at]
            if source >= self.begin:
                block, offset = divmod(source - self.begin, self.size)
                found = (number - block, offset, outputs)
                # An input from two blocks back comes from outside in the first blocks.
                if found != place and (place is not None or block > 0):
                    return False
                self.place[at] = found
            elif place is not None or self.fixed[at] not in (None, fixed):
                return False
            else:
                self.fixed[at] = fixed
        self.before = sources
        return True

    @property
    def chained(self) -> bool:
        return any(place is not None and place[0] == 1 for place in self.place)


def find_runs(tree: Units, units: Sequence[int]) -> list[Run]:
    """Return the runs among consecutive units, in order, each as long as possible."""
    if len({tree.structure[unit] for unit in units}) == len(units):
        return []
    return _Finder(tree, units).find()


class _Finder:
    """Runs among the units of one level."""

    def __init__(self, tree: Units, units: Sequence[int]) -> None:
        self.tree, self.units = tree, units
        # A group with other nodes between its own could not share a frame with its neighbours.
        self.kinds = [
            tree.structure[unit] if unit < tree.count or tree.whole[unit - tree.count] else -1 - unit for unit in units
        ]
        self.ends: dict[int, int] = {}

    def find(self) -> list[Run]:
        """Return the runs in order, each as long as possible."""
        following = self._following()
        runs: list[Run] = []
        at = 0
        while at < len(self.units):
            best = self._best(at, following)
            if best is not None:
                runs.append(best)
            at = at + 1 if best is None else best.end
        return runs

    def _following(self) -> list[int]:
        """Return the next index with the same structure for every unit; 0 for none."""
        following = [0] * len(self.kinds)
        seen: dict[int, int] = {}
        for at in range(len(self.kinds) - 1, -1, -1):
            following[at] = seen.get(self.kinds[at], 0)
            seen[self.kinds[at]] = at
        return following

    def _best(self, at: int, following: Sequence[int]) -> Run | None:
        """Return the run from a unit on that covers most units; of several, that of the smallest blocks."""
        candidates = []
        other = following[at]
        for _ in range(PERIODS_TRIED):
            period = other - at
            if not other or at + 2 * period > len(self.kinds):
                break
            alike = self._alike(at, period) + period
            if alike >= 2 * period:
                candidates.append((-(alike // period) * period, period, alike))
            other = following[other]
        best: Run | None = None
        for covered, period, alike in sorted(candidates):
            if best is not None and best.end - best.start >= -covered:
                break
            if not self._is_promising(at, period):
                continue
            run = self._settle(at, period, alike)
            if self._is_worth(run) and (best is None or run.end - run.start > best.end - best.start):
                best = run
        return best

    def _is_promising(self, at: int, period: int) -> bool:
        """Return whether blocks hold a group or follow from one another: ops beside each other are no run."""
        tree, units = self.tree, self.units[at : at + 2 * period]
        if any(unit >= tree.count for unit in units[:period]):
            return True
        begin, middle = units[0], units[period]
        return any(
            begin <= source < middle
            for unit in units[period:]
            for source, _, _ in tree.edges[tree.reads[unit] : tree.reads[unit + 1]]
        )

    def _alike(self, at: int, period: int) -> int:
        """Return how many units from one on are each like the one a period later."""
        kinds, end = self.kinds, self.ends.get(period, -1)
        if end < at:
            end = at
            while end + period < len(kinds) and kinds[end] == kinds[end + period]:
                end += 1
            self.ends[period] = end
        return end - at

    def _settle(self, at: int, period: int, alike: int) -> Run:
        """Return the run of a period, its blocks cut where the fewest tensors leave them."""
        count = alike // period
        starts = range(at, at + alike - count * period + 1)
        start = min(starts, key=lambda start: len(self._border(start, period).exports)) if period > 1 else at
        return self._verified(start, period, count)

    def _border(self, start: int, period: int) -> _Border:
        tree, block = self.tree, self.units[start : start + period]
        low, high = tree.first[block[0]], tree.first[block[-1]] + tree.size[block[-1]]
        border = _Border()
        for unit in block:
            for source, target, slot, outputs in tree.entering(unit):
                if source >= low:
                    border.inner.append((source - low, target - low, slot, outputs))
                else:
                    border.readers.append((target - low, slot))
                    border.sources.append((source, outputs))
            border.exports.update((wire[0] - low, wire[3]) for wire in tree.leaving(unit) if wire[1] >= high)
        return border

    def _verified(self, start: int, period: int, count: int) -> Run:
        """Return the run as far as its blocks are wired alike."""
        tree, units = self.tree, self.units
        begin, size = tree.first[units[start]], sum(tree.size[unit] for unit in units[start : start + period])
        first = self._border(start, period)
        wiring = _Wiring(begin, size, first)
        number = 1
        for number in range(1, count):
            at = start + number * period
            border = self._border(at, period)
            # Some outputs of the last block may be unused.
            exports = border.exports | first.exports if number == count - 1 > 1 else border.exports
            low, last = begin + number * size, units[at + period - 1]
            apart = tree.first[units[at]] != low or tree.first[last] + tree.size[last] != low + size
            alike = (border.inner, border.readers, exports) == (first.inner, first.readers, first.exports)
            if apart or not alike or not wiring.admits(number, border.sources):
                return Run(start, period, number, wiring.chained)
        return Run(start, period, count, wiring.chained)

    def _is_worth(self, run: Run) -> bool:
        units, count = self.units[run.start : run.end], self.tree.count
        if any(unit >= count for unit in units[: run.period]):
            return run.count >= (2 if run.chained else FEWEST_BESIDE)
        return run.chained and run.count > 2 and len(units) >= FEWEST_OPS
