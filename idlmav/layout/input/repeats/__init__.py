"""
Find runs of blocks that are built alike, and put each run into a group of its own.

A block is a group, an op, or several of them in turn. Blocks are alike if they have the same ops (with arguments, output
shapes and parameter shapes), nested alike, with the same edges between them, and if their inputs come from alike sources:
each input comes, for every block, from the same place in the block before, or always from one tensor outside, or always
from another tensor outside. The classes of the modules do not matter.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from idlmav.graph import Graph
from idlmav.layout.input.repeats.detect import Run, find_runs
from idlmav.layout.input.repeats.units import Edge, Units
from idlmav.layout.options import GroupKind

__all__ = ["RunGroup", "find_repeats", "node_labels", "node_weights"]


@dataclass(slots=True)
class RunGroup:
    """
    One group: a given one or a new one.

    Attributes
    ----------
    kind : {'module', 'repeat', 'rest'}
        A given group; a run of blocks that are alike; all blocks of a run but the first.
    group : int
        Index of the given group, -1 for a new one. A given group that holds nothing but a run becomes the repeat.
    parent : int
        Index into the result, -1 for none.
    count : int
        Blocks in it, for a repeat or a rest.
    units : sequence of int
        For a new group or a repeat, its units in order before it is divided: a node is its index, the groups follow
        after the nodes.
    period : int
        How many of the units make a block.
    weight_sets : int
        How many sets of weights the blocks of a repeat have: 1 if they share all, 0 if they have none.
    """

    kind: GroupKind
    group: int
    parent: int
    count: int = 1
    units: Sequence[int] = ()
    period: int = 1
    weight_sets: int = 0


def node_labels(graph: Graph) -> list[int]:
    """Return a number for every node; equal for nodes that compute the same, apart from their inputs."""
    shapes = {parameter.name: (parameter.shape, parameter.dtype) for parameter in graph.parameters}
    for parameter in graph.parameters:
        shapes.update(dict.fromkeys(parameter.aliases, shapes[parameter.name]))
    numbers: dict[Hashable, int] = {}
    labels = []
    for node in graph.nodes:
        params = tuple(map(shapes.get, node.params)) if node.params else ()
        key = node.kind, node.op, node.args, node.shapes, node.dtypes, node.status, params
        labels.append(numbers.setdefault(key, len(numbers)))
    return labels


def node_weights(graph: Graph) -> list[tuple[str, ...]]:
    """Return the parameters and buffers of every node, each under its first name."""
    first = {alias: parameter.name for parameter in graph.parameters for alias in parameter.aliases}
    return [tuple(first.get(name, name) for name in node.params) if node.params else () for node in graph.nodes]


def find_repeats(
    labels: Sequence[int],
    weights: Sequence[tuple[str, ...]],
    edges: Sequence[Edge],
    group_of: Sequence[int],
    parents: Sequence[int],
) -> tuple[list[int], list[RunGroup]]:
    """
    Put runs of blocks that are built alike into groups of their own.

    Nodes are in a topological order. Those that compute the same have equal `labels`; `weights` are the parameters and
    buffers that each reads. The third number of an edge stands for the outputs that it carries. `group_of` has the
    innermost group of every node, `parents` the group around each, parents before children; -1 is none.

    Return the innermost group of every node, and the given and new groups, parents before children and otherwise by
    their first node.
    """
    units = Units(labels, edges, group_of, parents)
    return _Division(units, weights, group_of, parents).divide()


class _Division:
    """Groups, with repeats and rests among them."""

    def __init__(
        self, tree: Units, weights: Sequence[tuple[str, ...]], group_of: Sequence[int], parents: Sequence[int]
    ) -> None:
        self.tree, self.weights = tree, weights
        self.group_of = list(group_of)
        self.groups = [RunGroup("module", group, parent) for group, parent in enumerate(parents)]
        self.first = tree.first[tree.count :]

    def divide(self) -> tuple[list[int], list[RunGroup]]:
        """Divide level by level, then number the groups anew."""
        todo: list[tuple[Sequence[int], int, bool]] = [(self.tree.children[-1], -1, False)]
        for group in range(len(self.groups)):
            todo.append((self.tree.children[group], group, True))
        while todo:
            units, parent, owned = todo.pop()
            end = 0
            for run in find_runs(self.tree, units):
                self._place(units[end : run.start], parent)
                todo += self._add(units, run, parent, owned and run.end - run.start == len(units))
                end = run.end
            self._place(units[end:], parent)
        return self._numbered()

    def _place(self, units: Sequence[int], parent: int) -> None:
        count = self.tree.count
        for unit in units:
            if unit < count:
                self.group_of[unit] = parent
            else:
                self.groups[unit - count].parent = parent

    def _add(self, units: Sequence[int], run: Run, parent: int, fills: bool) -> list[tuple[Sequence[int], int, bool]]:
        """Put a run into groups; return the blocks of several units, which may hold runs themselves."""
        whole = units[run.start : run.end]
        repeat = parent if fills else self._new("repeat", parent, whole, run)
        if fills:
            group = self.groups[repeat]
            group.kind, group.count, group.units, group.period = "repeat", run.count, whole, run.period
        self.groups[repeat].weight_sets = self._weight_sets(whole, run)
        # A frame around a single other block would be pointless.
        rest = repeat if len(whole) == 2 else self._new("rest", repeat, whole[run.period :], run)
        if run.period == 1:
            self._place(whole[:1], repeat)
            self._place(whole[1:], rest)
            return []
        starts = range(0, len(whole), run.period)
        return [(whole[at : at + run.period], repeat if at == 0 else rest, False) for at in starts]

    def _new(self, kind: GroupKind, parent: int, units: Sequence[int], run: Run) -> int:
        self.groups.append(RunGroup(kind, -1, parent, len(units) // run.period, units, run.period))
        self.first.append(self.tree.first[units[0]])
        return len(self.groups) - 1

    def _weight_sets(self, units: Sequence[int], run: Run) -> int:
        tree = self.tree
        begin = tree.first[units[0]]
        size = sum(tree.size[unit] for unit in units[: run.period])
        starts = range(begin, begin + run.count * size, size)
        sets = {tuple(filter(None, self.weights[start : start + size])) for start in starts}
        return 0 if sets == {()} else len(sets)

    def _numbered(self) -> tuple[list[int], list[RunGroup]]:
        order = sorted(range(len(self.groups)), key=lambda group: (self.first[group], self._depth(group)))
        number = {group: index for index, group in enumerate(order)}
        number[-1] = -1
        for group in self.groups:
            group.parent = number[group.parent]
        return [number[group] for group in self.group_of], [self.groups[group] for group in order]

    def _depth(self, group: int) -> int:
        """Return how many groups are around one."""
        depth = 0
        while (group := self.groups[group].parent) >= 0:
            depth += 1
        return depth
