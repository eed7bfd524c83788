"""
Find runs of blocks that are built alike, and put each into a group of its own.

Blocks are alike if they have the same ops (with arguments, output shapes and parameter shapes), nested alike, with the
same edges between them, and if they are wired alike to what is around: what a block reads comes for every block from
the same place in the block before, or always from one tensor outside, or always from another one. What classes they
are of does not matter. A block is a group, an op, or several of them in turn.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter
from typing import Literal

from idlmav.graph import Graph

__all__ = ["Block", "Kind", "find_repeats", "node_labels", "node_weights"]

Kind = Literal["module", "repeat", "rest"]
Edge = tuple[int, int, int]
"""Source, target, and a number for the outputs that flow."""
_Wire = tuple[int, int, int, int]
"""Source, target, place among what the target reads, number of the outputs."""

FEWEST_BESIDE = 4
"""So many blocks that do not follow from one another, such as experts, are a run; fewer are branches."""
FEWEST_OPS = 6
"""So many ops outside of any inner group are a run; fewer are not worth a frame."""
PERIODS_TRIED = 8


@dataclass(slots=True)
class Block:
    """
    One group, those given and the new ones.

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
        For a new group or a repeat, what is in it before it is divided, in order: a node is its index, a group follows
        after the nodes.
    period : int
        How many of the units make a block.
    weight_sets : int
        How many sets of weights the blocks of a repeat have: 1 means that they share all, 0 that they have none.
    """

    kind: Kind
    group: int
    parent: int
    count: int = 1
    units: Sequence[int] = ()
    period: int = 1
    weight_sets: int = 0


def node_labels(graph: Graph) -> list[int]:
    """Return a number for every node; equal for nodes that compute the same from inputs that come from elsewhere."""
    shapes = {parameter.name: (parameter.shape, parameter.dtype) for parameter in graph.parameters}
    for parameter in graph.parameters:
        shapes.update(dict.fromkeys(parameter.aliases, shapes[parameter.name]))
    known: dict[Hashable, int] = {}
    labels = []
    for node in graph.nodes:
        params = tuple(map(shapes.get, node.params)) if node.params else ()
        key = node.kind, node.op, node.args, node.shapes, node.dtypes, node.status, params
        labels.append(known.setdefault(key, len(known)))
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
) -> tuple[list[int], list[Block]]:
    """
    Put runs of blocks that are alike into groups of their own.

    Parameters
    ----------
    labels : sequence of int
        Of every node, in a topological order: equal if the nodes compute the same.
    weights : sequence of tuple of str
        Names of what every node reads besides its inputs.
    edges : sequence of (int, int, int)
        Source, target, and a number that says which outputs flow.
    group_of : sequence of int
        Innermost group of every node, -1 for none.
    parents : sequence of int
        The group around each, -1 for none; parents before children.

    Returns
    -------
    group_of : list of int
        Innermost group of every node among the blocks.
    blocks : list of Block
        Given and new groups, parents before children, otherwise by their first node.
    """
    units = _Units(labels, edges, group_of, parents)
    return _Division(units, weights, group_of, parents).divide()


class _Units:
    """
    Nodes and groups alike: where they are, what they are built of, and which edges cross their border.

    A node is its index, a group follows after the nodes; -1 is the outermost level.
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
        self.reads = [0] * (count + 1)
        """Where the edges into every node begin."""
        self._entering: list[list[_Wire]] = [[] for _ in parents]
        self._leaving: list[list[_Wire]] = [[] for _ in parents]
        self._readers: dict[int, list[_Wire]] | None = None
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
        """Note every edge at all groups whose border it crosses; return those between the units of every group."""
        first, entering, leaving, reads = self.first[self.count :], self._entering, self._leaving, self.reads
        depth = [0] * (len(parents) + 1)  # the last one is found at index -1: the outermost level
        for group, around in enumerate(parents):
            depth[group] = depth[around] + 1
        inside: list[list[int]] = [[] for _ in parents]
        slot = 0
        for at, (source, target, outputs) in enumerate(self.edges):
            if reads[target + 1]:
                slot += 1
            else:
                slot = 0
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
        """Return a number for every unit; equal for those that are built alike."""
        known: dict[Hashable, int] = {}
        found = [
            known.setdefault((label, end - begin), len(known))
            for label, (begin, end) in zip(labels, pairwise(self.reads), strict=True)
        ]
        found += [0] * len(inside)
        for group in range(len(inside) - 1, -1, -1):
            unit = self.count + group
            parts = tuple([found[child] for child in self.children[group]])
            # A group that something else runs through could not be drawn together with its neighbours.
            key = (parts, tuple(inside[group])) if self.whole[group] else unit
            found[unit] = known.setdefault(key, len(known))
        return found

    def entering(self, unit: int) -> Sequence[_Wire]:
        """Return the edges from outside into a unit."""
        if unit >= self.count:
            return self._entering[unit - self.count]
        begin, end = self.reads[unit], self.reads[unit + 1]
        return [(source, unit, at, outputs) for at, (source, _, outputs) in enumerate(self.edges[begin:end])]

    def leaving(self, unit: int) -> Sequence[_Wire]:
        """Return the edges from a unit to the outside."""
        if unit >= self.count:
            return self._leaving[unit - self.count]
        if self._readers is None:
            self._readers = {}
            for source, target, outputs in self.edges:
                self._readers.setdefault(source, []).append((source, target, 0, outputs))
        return self._readers.get(unit, ())


@dataclass(slots=True)
class _Run:
    """Blocks that are alike: `count` times `period` units from `start` on."""

    start: int
    period: int
    count: int
    chained: bool

    @property
    def end(self) -> int:
        return self.start + self.count * self.period


@dataclass(slots=True)
class _Border:
    """How a block is wired, counted from its first node on."""

    inner: list[_Wire] = field(default_factory=list)
    readers: list[tuple[int, int]] = field(default_factory=list)
    sources: list[tuple[int, int]] = field(default_factory=list)
    exports: set[tuple[int, int]] = field(default_factory=set)


class _Wiring:
    """Where the blocks of a run read from; learnt block by block."""

    def __init__(self, begin: int, size: int, first: _Border) -> None:
        self.begin, self.size, self.before = begin, size, first.sources
        self.place: list[tuple[int, int, int] | None] = [None] * len(first.sources)
        self.fixed: list[bool | None] = [None] * len(first.sources)

    def admits(self, number: int, sources: Sequence[tuple[int, int]]) -> bool:
        """Return whether block `number` reads as those before it."""
        for at, (source, outputs) in enumerate(sources):
            place, fixed = self.place[at], (source, outputs) == self.before[at]
            if source >= self.begin:
                block, offset = divmod(source - self.begin, self.size)
                found = (number - block, offset, outputs)
                # What reads two blocks back reads from outside until then.
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


class _Finder:
    """Runs among the units of one level."""

    def __init__(self, tree: _Units, units: Sequence[int]) -> None:
        self.tree, self.units = tree, units
        self.kinds = [tree.structure[unit] for unit in units]
        self.ends: dict[int, int] = {}

    def find(self) -> list[_Run]:
        """Return the runs in order, each as long as can be."""
        following = self._following()
        runs: list[_Run] = []
        at = 0
        while at < len(self.units):
            best = self._best(at, following)
            if best is not None:
                runs.append(best)
            at = at + 1 if best is None else best.end
        return runs

    def _following(self) -> list[int]:
        """Return where the structure of every unit comes next; 0 for never."""
        following = [0] * len(self.kinds)
        seen: dict[int, int] = {}
        for at in range(len(self.kinds) - 1, -1, -1):
            following[at] = seen.get(self.kinds[at], 0)
            seen[self.kinds[at]] = at
        return following

    def _best(self, at: int, following: Sequence[int]) -> _Run | None:
        """Return the run from a unit on that covers most, of these the one of the smallest blocks."""
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
        best: _Run | None = None
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

    def _settle(self, at: int, period: int, alike: int) -> _Run:
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

    def _verified(self, start: int, period: int, count: int) -> _Run:
        """Return the run as far as its blocks are wired alike."""
        tree, units = self.tree, self.units
        begin, size = tree.first[units[start]], sum(tree.size[unit] for unit in units[start : start + period])
        first = self._border(start, period)
        wiring = _Wiring(begin, size, first)
        number = 1
        for number in range(1, count):
            at = start + number * period
            border = self._border(at, period)
            # Nobody may need all that the last block makes.
            exports = border.exports | first.exports if number == count - 1 > 1 else border.exports
            alike = (border.inner, border.readers, exports) == (first.inner, first.readers, first.exports)
            if tree.first[units[at]] != begin + number * size or not alike or not wiring.admits(number, border.sources):
                return _Run(start, period, number, wiring.chained)
        return _Run(start, period, count, wiring.chained)

    def _is_worth(self, run: _Run) -> bool:
        units, count = self.units[run.start : run.end], self.tree.count
        if any(unit >= count for unit in units[: run.period]):
            return run.count >= (2 if run.chained else FEWEST_BESIDE)
        return run.chained and run.count > 2 and len(units) >= FEWEST_OPS


class _Division:
    """Groups with repeats and rests among them."""

    def __init__(
        self,
        tree: _Units,
        weights: Sequence[tuple[str, ...]],
        group_of: Sequence[int],
        parents: Sequence[int],
    ) -> None:
        self.tree, self.weights = tree, weights
        self.group_of = list(group_of)
        self.blocks = [Block("module", group, parent) for group, parent in enumerate(parents)]
        self.first = tree.first[tree.count :]

    def divide(self) -> tuple[list[int], list[Block]]:
        """Divide level by level, then number the blocks anew."""
        todo = [(self.tree.children[-1], -1, False)]
        for group in range(len(self.blocks)):
            todo.append((self.tree.children[group], group, True))
        while todo:
            units, parent, owned = todo.pop()
            kinds = {self.tree.structure[unit] for unit in units}
            runs = _Finder(self.tree, units).find() if len(kinds) < len(units) else []
            end = 0
            for run in runs:
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
                self.blocks[unit - count].parent = parent

    def _add(
        self, units: Sequence[int], run: _Run, parent: int, fills: bool
    ) -> list[tuple[Sequence[int], int, bool]]:
        """Put a run into groups; return the blocks of several units, which may hold runs themselves."""
        whole = units[run.start : run.end]
        repeat = parent if fills else self._new("repeat", parent, whole, run)
        if fills:
            block = self.blocks[repeat]
            block.kind, block.count, block.units, block.period = "repeat", run.count, whole, run.period
        self.blocks[repeat].weight_sets = self._weight_sets(whole, run)
        # A frame around the only other block would say nothing.
        rest = repeat if len(whole) == 2 else self._new("rest", repeat, whole[run.period :], run)
        if run.period == 1:
            self._place(whole[:1], repeat)
            self._place(whole[1:], rest)
            return []
        starts = range(0, len(whole), run.period)
        return [(whole[at : at + run.period], repeat if at == 0 else rest, False) for at in starts]

    def _new(self, kind: Kind, parent: int, units: Sequence[int], run: _Run) -> int:
        self.blocks.append(Block(kind, -1, parent, len(units) // run.period, units, run.period))
        self.first.append(self.tree.first[units[0]])
        return len(self.blocks) - 1

    def _weight_sets(self, units: Sequence[int], run: _Run) -> int:
        tree = self.tree
        begin = tree.first[units[0]]
        size = sum(tree.size[unit] for unit in units[: run.period])
        starts = range(begin, begin + run.count * size, size)
        sets = {tuple(filter(None, self.weights[start : start + size])) for start in starts}
        return 0 if sets == {()} else len(sets)

    def _numbered(self) -> tuple[list[int], list[Block]]:
        depth = _depths([block.parent for block in self.blocks])
        order = sorted(range(len(self.blocks)), key=lambda block: (self.first[block], depth[block]))
        number = {block: index for index, block in enumerate(order)}
        number[-1] = -1
        for block in self.blocks:
            block.parent = number[block.parent]
        return [number[group] for group in self.group_of], [self.blocks[block] for block in order]


def _depths(parents: Sequence[int]) -> list[int]:
    """Return how many groups are around each, in any order of the groups."""
    depths = [-1] * len(parents)
    for group in range(len(parents)):
        path = []
        while group >= 0 and depths[group] < 0:
            path.append(group)
            group = parents[group]
        depth = depths[group] + 1 if group >= 0 else 0
        for inner in reversed(path):
            depths[inner] = depth
            depth += 1
    return depths
