"""The contour: the lower border of everything placed so far."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

__all__ = ["Contour"]


class Contour:
    """
    A step function: the greatest y set over each stretch of x.

    Every `put` covers what it replaces, so its y must be at least `top` of the same stretch.
    """

    __slots__ = ("_starts", "_values")

    def __init__(self) -> None:
        self._starts = [-1e18]
        self._values = [-1e9]

    def top(self, low: float, high: float) -> float:
        """Return the greatest y between two x."""
        first, after = bisect_right(self._starts, low) - 1, bisect_left(self._starts, high)
        return max(self._values[first:after])

    def put(self, low: float, high: float, y: float) -> None:
        """Set the y between two x."""
        starts, values = self._starts, self._values
        first, after = bisect_right(starts, low) - 1, bisect_left(starts, high)
        new_starts, new_values = [low], [y]
        if after == len(starts) or starts[after] > high:
            new_starts.append(high)
            new_values.append(values[after - 1])
        if starts[first] < low:
            first += 1
        starts[first:after] = new_starts
        values[first:after] = new_values
