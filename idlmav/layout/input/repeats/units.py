"""Nodes and groups as units: their place, their structure, and the edges across their border."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise
from operator import itemgetter

__all__ = ["Edge", "InputEdge", "Units"]

Edge = tuple[int, int, int]
"""Source, target, and a number for the outputs that it carries."""
InputEdge = tuple[int, int, int, int]
"""Source, target, place among the inputs of the target, number of the outputs."""


class Units:
    """
    The tree of groups and nodes. A node is its index, the groups follow after the nodes; -1 is the outermost level.

    The parameters are those of `idlmav.layout.input.repeats.find_repeats`.

    Attributes
    ----------
    count : int
        Number of nodes.
    first, size : list of int
        First node of every unit, and how many nodes it holds.
    children : list of list of int
        Units in every group, by their first nodes; the outermost level last.
    whole : list of bool
        Of every group: whether no other node comes between its nodes.
    structure : list of int
        Of every unit; equal for units that are built alike.
    """

    def __init__(
        self, labels: Sequence[int], edges: Sequence[Edge], group_of: Sequence[int], parents: Sequence[int]
    ) -> None:
        self.count = count = len(labels)
        self.first = [*range(count), *[count] * len(parents)]
        self.size = [1] * count + [0] * len(parents)
        self.children: list[list[int]] = [[] for _ in range(len(parents) + 1)]
        for node, group in enumerate(group_of):
            self.children[group].append(node)
        last = self._measure(parents)
        self.whole = [last[g] - self.first[count + g] + 1 == self.size[count + g] for g in range(len(parents))]
        self.edges = sorted(edges, key=itemgetter(1))
        # Where the edges into every node begin.
        self.reads = [0] * (count + 1)
        self._entering: list[list[InputEdge]] = [[] for _ in parents]
        self._leaving: list[list[InputEdge]] = [[] for _ in parents]
        self._readers: dict[int, list[InputEdge]] | None = None
        inside = self._find_borders(group_of, parents)
        self.structure = self._structures(labels, inside)

    def _measure(self, parents: Sequence[int]) -> list[int]:
        """Find the first node and the size of every group; return their last nodes."""
        first, size, count = self.first, self.size, self.count
        last = [-1] * len(parents)
        for group in range(len(parents) - 1, -1, -1):
            inner = self.children[group]
            for unit in inner:
                if unit < count:
                    size[count + group] += 1
                    continue
                size[count + group] += size[unit]
                last[group] = max(last[group], last[unit - count])
            # Inner groups were added last, in reverse.
            inner.sort(key=first.__getitem__)
            first[count + group] = first[inner[0]]
            last[group] = max([last[group], *(unit for unit in inner[-1:] if unit < count)])
            self.children[parents[group]].append(count + group)
        self.children[-1].sort(key=first.__getitem__)
        return last

    def _find_borders(self, group_of: Sequence[int], parents: Sequence[int]) -> list[list[int]]:
        """Add every edge to all groups whose border it crosses; return the edges between the units of every group."""
        first, entering, leaving, reads = self.first[self.count :], self._entering, self._leaving, self.reads
        depth = [0] * (len(parents) + 1)  # the last one is found at index -1: the outermost level
        for group, around in enumerate(parents):
            depth[group] = depth[around] + 1
        inside: list[list[int]] = [[] for _ in parents]
        slot = 0
        for at, (source, target, outputs) in enumerate(self.edges):
            slot = slot + 1 if reads[target + 1] else 0
            reads[target + 1] = at + 1
            out, into = group_of[source], group_of[target]
            if out != into:
                wire = (source, target, slot, outputs)
                while out != into:
                    if depth[out] >= depth[into]:
                        leaving[out].append(wire)
                        out = parents[out]
                    else:
                        entering[into].append(wire)
                        into = parents[into]
            if out >= 0:
                inside[out] += (source - first[out], target - first[out], slot, outputs)
        for node in range(self.count):
            reads[node + 1] = reads[node + 1] or reads[node]
        return inside

    def _structures(self, labels: Sequence[int], inside: Sequence[list[int]]) -> list[int]:
        """Return a number for every unit; equal for units that are built alike."""
        numbers: dict[Hashable, int] = {}
        found = [
            numbers.setdefault((label, end - begin), len(numbers))
            for label, (begin, end) in zip(labels, pairwise(self.reads), strict=True)
        ]
        found += [0] * len(inside)
        for group in range(len(inside) - 1, -1, -1):
            unit = self.count + group
            parts = tuple([found[child] for child in self.children[group]])
            key: tuple[tuple[int, ...], ...] = parts, tuple(inside[group])
            if not self.whole[group]:
                key = *key, tuple([self.first[child] - self.first[unit] for child in self.children[group]])
            found[unit] = numbers.setdefault(key, len(numbers))
        return found

    def entering(self, unit: int) -> Sequence[InputEdge]:
        """Return the edges from outside into a unit."""
        if unit >= self.count:
            return self._entering[unit - self.count]
        begin, end = self.reads[unit], self.reads[unit + 1]
        return [(source, unit, at, outputs) for at, (source, _, outputs) in enumerate(self.edges[begin:end])]

    def leaving(self, unit: int) -> Sequence[InputEdge]:
        """Return the edges from a unit to the outside."""
        if unit >= self.count:
            return self._leaving[unit - self.count]
        if self._readers is None:
            self._readers = {}
            for source, target, outputs in self.edges:
                self._readers.setdefault(source, []).append((source, target, 0, outputs))
        return self._readers.get(unit, ())
