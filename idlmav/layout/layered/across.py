"""
Place the items of a block across the flow.

Items that are aligned vertically form columns. The columns are packed against that of the main path, then each moves
towards the median of its neighbours, as far as the columns beside it allow.

References
----------
E. R. Gansner, E. Koutsofios, S. C. North, K.-P. Vo (1993), doi:10.1109/32.221135, section 4.2, for the median passes.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from idlmav.layout.layered.geometry import Geometry
from idlmav.layout.layered.ranks import topological_order
from idlmav.layout.options import Options

__all__ = ["place_across"]

_PORT_WEIGHT = 5
"""Weight of the preferred offset of a port, at which its line goes straight on beyond the border."""
_DUMMY_WEIGHT = 4
"""Weight of a bend between two dummies, which could be avoided entirely; another bend has weight 1."""


def place_across(geometry: Geometry, options: Options) -> None:
    """Fill in the x of every item; the main path is at 0."""
    _Packing(geometry, options).run()


class _Packing:
    """The columns, and how far apart they have to be."""

    def __init__(self, geometry: Geometry, options: Options) -> None:
        self.geometry, self.options = geometry, options
        count = len(geometry.x)
        self.column = [-1] * count
        self.shift = [0.0] * count
        self.columns = 0
        self._make_columns()
        self.right_of: list[dict[int, float]] = [{} for _ in range(self.columns)]
        self.left_of: list[dict[int, float]] = [{} for _ in range(self.columns)]
        self._find_distances()
        self.at = [0.0] * self.columns
        main_path = geometry.ranked.main_path
        self.fixed = self.column[min(main_path)] if main_path else -1

    def _make_columns(self) -> None:
        """Find the columns; `shift` is the axis of an item relative to the first item of its column."""
        geometry = self.geometry
        for row in geometry.ranks:
            for top in row:
                if self.column[top] >= 0:
                    continue
                item, shift = top, 0.0
                while True:
                    self.column[item], self.shift[item] = self.columns, shift
                    below = geometry.aligned[item]
                    if below < 0:
                        break
                    shift += self._straight_shift(item, below)
                    item = below
                self.columns += 1

    def _straight_shift(self, item: int, below: int) -> float:
        """Return the offset of the axis of the lower item with which most lines between the two are straight."""
        geometry = self.geometry
        joined = [arc for arc in geometry.arcs_out[item] if geometry.ranked.arcs[arc][2] == below]
        counts = Counter(geometry.out_offset[arc] - geometry.in_offset[arc] for arc in joined)
        return max(counts, key=counts.__getitem__)

    def _find_distances(self) -> None:
        geometry, options = self.geometry, self.options
        for row in geometry.ranks:
            for left, right in pairwise(row):
                boxes = geometry.is_item(left) and geometry.is_item(right)
                both_boxes = boxes and geometry.kind[left] != "port" and geometry.kind[right] != "port"
                gap = options.node_gap if both_boxes else options.lane_gap
                gap = max(gap, options.port_gap) if boxes else gap
                apart = geometry.right[left] + geometry.left[right] + gap + self.shift[left] - self.shift[right]
                a, b = self.column[left], self.column[right]
                if self.right_of[a].get(b, -1e18) < apart:
                    self.right_of[a][b] = self.left_of[b][a] = apart

    def run(self) -> None:
        """Pack, improve, and write the x of every item."""
        if self.columns > 1:
            order = topological_order([len(others) for others in self.left_of], self.right_of)
            self._pack(order)
            self._improve(order)
            for column in order:
                self.at[column] = max(self.at[column], self._lowest(column))
        base = self.at[self.fixed] if self.fixed >= 0 else 0.0
        for item, column in enumerate(self.column):
            self.geometry.x[item] = self.at[column] + self.shift[item] - base

    def _lowest(self, column: int) -> float:
        lowest = -1e18
        for other, apart in self.left_of[column].items():
            lowest = max(lowest, self.at[other] + apart)
        return lowest

    def _highest(self, column: int) -> float:
        highest = 1e18
        for other, apart in self.right_of[column].items():
            highest = min(highest, self.at[other] - apart)
        return highest

    def _pack(self, order: list[int]) -> None:
        """Pack the columns right of the main path against it from the left, the others from the right."""
        right_side = self._reach(self.fixed) if self.fixed >= 0 else set(order)
        for column in order:
            if column in right_side:
                beside = [(other, apart) for other, apart in self.left_of[column].items() if other in right_side]
                if self.fixed in self.left_of[column]:
                    beside.append((self.fixed, self.left_of[column][self.fixed]))
                self.at[column] = max((self.at[other] + apart for other, apart in beside), default=0.0)
        for column in reversed(order):
            if column not in right_side and column != self.fixed:
                highest = self._highest(column)
                self.at[column] = highest if highest < 1e17 else 0.0
        for column in order:
            if column != self.fixed:
                self.at[column] = max(self.at[column], self._lowest(column))

    def _reach(self, start: int) -> set[int]:
        found: set[int] = set()
        todo = [start]
        while todo:
            for other in self.right_of[todo.pop()]:
                if other not in found:
                    found.add(other)
                    todo.append(other)
        return found

    def _improve(self, order: list[int]) -> None:
        """Move each column that lies outside the interval between the medians of its preferred places into it."""
        preferred = self._preferred_distances()
        at = self.at
        for number in range(self.options.passes):
            moved = False
            for column in order if number % 2 else reversed(order):
                if column == self.fixed or not preferred[column]:
                    continue
                wanted = sorted([at[other] + distance for other, distance in preferred[column]])
                low, high = wanted[(len(wanted) - 1) // 2], wanted[len(wanted) // 2]
                before, target = at[column], min(max(at[column], low), high)
                lowest, highest = self._lowest(column), self._highest(column)
                at[column] = lowest if lowest > highest + 1e-6 else min(max(target, lowest), highest)
                moved |= at[column] != before
            if not moved:
                return

    def _preferred_distances(self) -> list[list[tuple[int, float]]]:
        """Return, for every arc of a column, the column at its other end and the distance at which it is straight."""
        geometry = self.geometry
        preferred: list[list[tuple[int, float]]] = [[] for _ in range(self.columns)]
        for arc, (_, source, target, _, _) in enumerate(geometry.ranked.arcs):
            a, b = self.column[source], self.column[target]
            if a == b:
                continue
            start = self.shift[source] + geometry.out_offset[arc]
            end = self.shift[target] + geometry.in_offset[arc]
            between_dummies = not geometry.is_item(source) and not geometry.is_item(target)
            for _ in range(_DUMMY_WEIGHT if between_dummies else 1):
                preferred[a].append((b, end - start))
                preferred[b].append((a, start - end))
        for number, item in enumerate(geometry.ranked.block.items):
            column = self.column[number]
            if item.preferred_offset is not None and self.fixed >= 0 and column != self.fixed:
                preferred[column] += [(self.fixed, item.preferred_offset - self.shift[number])] * _PORT_WEIGHT
        return preferred
