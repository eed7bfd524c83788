"""
Lay out a network with nested groups: from the innermost group outwards, each an item of the level around it.

Every tensor that crosses the border of a group has a port there, so every edge is routed piece by piece, a level at a
time. Groups with equal content are laid out once.

References
----------
K. Sugiyama, K. Misue (1991), Visualization of structural information: automatic drawing of compound digraphs,
doi:10.1109/21.108304: nested groups, though they rank all levels together.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from idlmav.layout.input.network import Network
from idlmav.layout.input.stacks import contracted, expanded
from idlmav.layout.layered.block import Item
from idlmav.layout.layered.level import lay_out_level
from idlmav.layout.layered.memo import LevelLayout, Memo, item_signature
from idlmav.layout.options import Options
from idlmav.layout.result import Box, Point

__all__ = ["Insets", "Placed", "lay_out"]


@dataclass(frozen=True, slots=True)
class Insets:
    """Room in px between a frame and its content, in flow coordinates."""

    before: float
    after: float
    left: float
    right: float


@dataclass(slots=True)
class Placed:
    """Absolute coordinates in px, flow downwards: of every node, every group, and every edge of a `Network`."""

    boxes: list[Box]
    frames: list[Box]
    routes: list[list[Point]]


def lay_out(network: Network, insets: Insets, options: Options) -> Placed:
    """Lay out a network with all groups open. Between the ops of a stack, routes have no points."""
    if network.stacks:
        placed = lay_out(contracted(network), insets, options)
        boxes, routes = expanded(network, placed.boxes, placed.routes)
        return Placed(boxes, placed.frames, routes)
    compound = _Compound(network, insets, options)
    compound.find_levels()
    compound.share_ports()
    compound.lay_out_levels()
    return compound.place()


@dataclass(slots=True)
class _Level:
    """
    The inside of one group.

    Units are numbers: a node is its index, the others follow in the order groups, ports in, ports out.
    """

    children: dict[int, None] = field(default_factory=dict)
    drivers: dict[int, int] = field(default_factory=dict)
    sinks: dict[int, dict[int, None]] = field(default_factory=dict)
    ins: dict[int, None] = field(default_factory=dict)
    outs: dict[int, None] = field(default_factory=dict)
    shared: dict[int, int] = field(default_factory=dict)
    shared_outs: dict[int, int] = field(default_factory=dict)
    main: set[int] = field(default_factory=set)
    unit_index: dict[int, int] = field(default_factory=dict)
    edge_index: dict[tuple[int, int, int], int] = field(default_factory=dict)
    layout: LevelLayout = field(default_factory=LevelLayout)


class _Compound:
    """The steps of `lay_out`. Tensors are numbered by the nodes that make them; a node can make several."""

    def __init__(self, network: Network, insets: Insets, options: Options) -> None:
        self.network, self.insets, self.options = network, insets, options
        self.count, self.group_count = len(network.ids), len(network.groups)
        # At index -1 is the outermost level.
        self.chain = [(-1, *chain) for chain in network.chains()]
        self.parent = [chain[-2] for chain in self.chain[:-1]]
        self.levels = [_Level() for _ in range(self.group_count + 1)]
        self.items: list[Item] = [Item()] * self.group_count
        self.layouts: dict[tuple[object, ...], LevelLayout] = {}
        self.memo = Memo()
        outputs = network.outputs
        made = sorted({(source, outputs.get((source, target), 0)) for source, target in network.edges})
        self.makers = [source for source, _ in made]
        number = {tensor: index for index, tensor in enumerate(made)}
        self.tensors = [number[ends[0], outputs.get(ends, 0)] for ends in network.edges]

    def _in_port(self, tensor: int) -> int:
        return self.count + self.group_count + tensor

    def _out_port(self, tensor: int) -> int:
        return self.count + self.group_count + len(self.makers) + tensor

    def find_levels(self) -> None:
        """Assign every node, group and edge to the levels in which it is laid out."""
        group_of = self.network.group_of
        units: list[list[tuple[int, int, int]]] = [[] for _ in self.levels]
        first = [self.count] * self.group_count
        for node in range(self.count - 1, -1, -1):
            units[group_of[node]].append((node, 1, node))
            for group in self.chain[group_of[node]][1:]:
                first[group] = node
        for group, parent in enumerate(self.parent):
            units[parent].append((first[group], 0, self.count + group))
        for level, found in zip(self.levels, units, strict=True):
            level.children = dict.fromkeys(unit for _, _, unit in sorted(found))
        main = self._main_path()
        for edge, tensor in enumerate(self.tensors):
            for group, start, end in self._hops(edge):
                self._connect(group, tensor, start, end)
                if edge in main:
                    self.levels[group].main.update((start, end))

    def _main_path(self) -> set[int]:
        """Return the edges of the longest path from an input, if there is one; of equals, that of the first nodes."""
        length = [(node in self.network.inputs, 0) for node in range(self.count)]
        came_by = [-1] * self.count
        edges = self.network.edges
        for edge in sorted(range(len(edges)), key=lambda edge: edges[edge][1]):
            source, target = edges[edge]
            entered, steps = length[source]
            if (entered, steps + 1) > length[target]:
                length[target], came_by[target] = (entered, steps + 1), edge
        edge = came_by[max(range(self.count), key=lambda node: (length[node], -node))] if self.count else -1
        found = set()
        while edge >= 0:
            found.add(edge)
            edge = came_by[edges[edge][0]]
        return found

    def _hops(self, edge: int) -> list[tuple[int, int, int]]:
        """Return the levels that an edge passes, each with the units that it joins there, from source to target."""
        (source, target), tensor = self.network.edges[edge], self.tensors[edge]
        out, into = self.chain[self.network.group_of[source]], self.chain[self.network.group_of[target]]
        common = 1
        while common < min(len(out), len(into)) and out[common] == into[common]:
            common += 1
        hops = []
        start = source
        for group in reversed(out[common:]):
            hops.append((group, start, self._out_port(tensor)))
            start = self.count + group
        inner = into[common:]
        hops.append((out[common - 1], start, self.count + inner[0] if inner else target))
        for position, group in enumerate(inner):
            end = self.count + inner[position + 1] if position + 1 < len(inner) else target
            hops.append((group, self._in_port(tensor), end))
        return hops

    def _connect(self, group: int, tensor: int, start: int, end: int) -> None:
        level = self.levels[group]
        level.drivers[tensor] = start
        level.sinks.setdefault(tensor, {})[end] = None
        if start == self._in_port(tensor):
            level.ins[tensor] = None
        if end == self._out_port(tensor):
            level.outs[tensor] = None

    def share_ports(self) -> None:
        """Let tensors share a port if many of them enter or leave a group for the same op."""
        for group in reversed(range(self.group_count)):
            by_target: dict[tuple[int, int], list[int]] = {}
            level = self.levels[group]
            for tensor in level.ins:
                if len(level.sinks[tensor]) > 1:
                    continue
                target = next(iter(level.sinks[tensor]))
                inner = -1 if target < self.count else tensor
                if self.count <= target < self.count + self.group_count:
                    shared = self.levels[target - self.count].shared
                    if tensor not in shared:
                        continue
                    inner = shared[tensor]
                by_target.setdefault((target, inner), []).append(tensor)
            level.shared = self._shared(by_target)
        for group, parent in enumerate(self.parent):
            self._share_outs(self.levels[group], self.levels[parent])

    def _share_outs(self, level: _Level, outer: _Level) -> None:
        """Share ports at the end of a group; those of the level around it are shared already."""
        by_target: dict[tuple[int, int], list[int]] = {}
        for tensor in level.outs:
            if len(outer.sinks[tensor]) > 1 or self._out_port(tensor) in level.main:
                continue
            target = next(iter(outer.sinks[tensor]))
            if target < self.count:
                by_target.setdefault((target, -1), []).append(tensor)
            elif tensor in outer.shared_outs:
                by_target.setdefault((-1, outer.shared_outs[tensor]), []).append(tensor)
        level.shared_outs = self._shared(by_target)

    def _shared(self, by_target: Mapping[tuple[int, int], list[int]]) -> dict[int, int]:
        """Return, for tensors with the same target, the tensor whose port they share if they are many."""
        many = [tensors for tensors in by_target.values() if len(tensors) >= self.options.bus_at]
        return {tensor: max(tensors) for tensors in many for tensor in tensors}

    def _with_shared_ports(self, level: _Level, start: int, end: int, tensor: int) -> tuple[int, int, int]:
        """Return the units and the tensor that an edge of a level gets when ports are shared."""
        if end == self._out_port(tensor):
            end = self._out_port(level.shared_outs.get(tensor, tensor))
        if self.count <= start < self.count + self.group_count:
            tensor = self.levels[start - self.count].shared_outs.get(tensor, tensor)
        elif start == self._in_port(tensor):
            tensor = level.shared.get(tensor, tensor)
            start = self._in_port(tensor)
        return start, end, tensor

    def lay_out_levels(self) -> None:
        """Lay out all levels, the innermost first."""
        for group in range(self.group_count - 1, -2, -1):
            level = self.levels[group]
            units, edges = self._order_units(level)
            level.unit_index = {unit: number for number, unit in enumerate(units)}
            local: dict[int, int] = {}
            level_edges: list[tuple[int, int, int]] = []
            for start, end, tensor in edges:
                name = local.setdefault(tensor, len(local))
                level.edge_index[start, end, tensor] = len(level_edges)
                level_edges.append((level.unit_index[start], level.unit_index[end], name))
            preferred = self._preferred_offsets(group)
            items = [self._item(unit, level, local, preferred) for unit in units]
            key = (tuple(level_edges), tuple(map(_signature, items)))
            layout = self.layouts.get(key)
            if layout is None:
                layout = self.layouts[key] = lay_out_level(items, level_edges, self.options, self.memo)
            level.layout = layout
            if group >= 0:
                self.items[group] = self._frame(group, level)

    def _order_units(self, level: _Level) -> tuple[list[int], list[tuple[int, int, int]]]:
        """Return the units of a level in topological order, and its edges; shared ports count once."""
        shared = level.shared
        ins = [self._in_port(tensor) for tensor in level.ins if shared.get(tensor, tensor) == tensor]
        outs = dict.fromkeys(self._out_port(level.shared_outs.get(tensor, tensor)) for tensor in level.outs)
        units = [*ins, *level.children, *outs]
        position = {unit: number for number, unit in enumerate(units)}
        found: dict[tuple[int, int, int], None] = {}
        for tensor, start in level.drivers.items():
            if start in position:
                found.update(
                    dict.fromkeys(self._with_shared_ports(level, start, end, tensor) for end in level.sinks[tensor])
                )
        edges = list(found)
        waiting = [0] * len(units)
        following: list[list[int]] = [[] for _ in units]
        for start, end, _ in edges:
            waiting[position[end]] += 1
            following[position[start]].append(position[end])
        free = [number for number, count in enumerate(waiting) if not count]
        heapq.heapify(free)
        order = []
        while free:
            number = heapq.heappop(free)
            order.append(units[number])
            for after in following[number]:
                waiting[after] -= 1
                if not waiting[after]:
                    heapq.heappush(free, after)
        if len(order) < len(units):
            raise ValueError("the groups of a network must not form a cycle")
        return order, edges

    def _preferred_offsets(self, group: int) -> dict[int, float]:
        """
        Return where the tensors that leave a group enter the next group, relative to where the first of them enters it.

        The next group has its layout already, and both groups will lie so that the line of that first tensor is straight.
        """
        if group < 0:
            return {}
        outer = self.levels[self.parent[group]]
        found: dict[int, list[int]] = {}
        for tensor in self.levels[group].outs:
            takers = [unit - self.count for unit in outer.sinks[tensor] if unit >= self.count]
            groups = [taker for taker in takers if taker < self.group_count]
            if len(groups) == 1 and tensor in self.items[groups[0]].into:
                found.setdefault(groups[0], []).append(tensor)
        preferred = {}
        for taker, tensors in found.items():
            into = self.items[taker].into
            main = min(tensors, key=lambda tensor: (self._out_port(tensor) not in self.levels[group].main, tensor))
            preferred.update({tensor: into[tensor] - into[main] for tensor in tensors if len(tensors) > 1})
        return preferred

    def _item(self, unit: int, level: _Level, local: Mapping[int, int], preferred: Mapping[int, float]) -> Item:
        """Return a unit as an item, with tensors numbered as on its level; `preferred` are offsets of ports below."""
        is_main = unit in level.main
        if unit < self.count:
            width, height = self.network.sizes[unit]
            return Item("box", width / 2, width / 2, height, is_main=is_main)
        group = unit - self.count
        if group < self.group_count:
            item = self.items[group]
            # Of tensors that share a port, only one is an edge of the level.
            into = {local[tensor]: offset for tensor, offset in item.into.items() if tensor in local}
            out_of = {local[tensor]: offset for tensor, offset in item.out_of.items() if tensor in local}
            return replace(item, into=into, out_of=out_of, is_main=is_main)
        tensor = group - self.group_count
        if tensor < len(self.makers):
            return Item("port", pinned="top", age=self.makers[tensor], depth=0, is_main=is_main)
        offset = preferred.get(tensor - len(self.makers))
        return Item("port", pinned="bottom", depth=0, preferred_offset=offset, is_main=is_main)

    def _frame(self, group: int, level: _Level) -> Item:
        """Return a group, whose inside is laid out, as an item: at least as large as when it is folded."""
        inside, at, insets = level.layout.item, level.layout.at, self.insets
        width, height = self.network.groups[group].folded_size
        left, right = inside.left + insets.left, inside.right + insets.right
        missing = max(0.0, width - left - right) / 2
        into, out_of = {}, {}
        for tensor in level.ins:
            port = level.unit_index[self._in_port(level.shared.get(tensor, tensor))]
            into[tensor] = at[port][0]
        for tensor in level.outs:
            port = level.unit_index[self._out_port(level.shared_outs.get(tensor, tensor))]
            out_of[tensor] = at[port][0]
        tall = max(inside.height + insets.before + insets.after, height)
        return Item("rigid", left + missing, right + missing, tall, "", 0, inside.depth, inside.size, into, out_of)

    def place(self) -> Placed:
        """Turn the relative coordinates into absolute ones."""
        origin: list[Point] = [(0.0, 0.0)] * (self.group_count + 1)
        boxes: list[Box] = [(0.0, 0.0, 0.0, 0.0)] * self.count
        frames: list[Box] = [(0.0, 0.0, 0.0, 0.0)] * self.group_count
        for group in range(-1, self.group_count):
            level, (x0, y0) = self.levels[group], origin[group]
            for unit in level.children:
                x, y = level.layout.at[level.unit_index[unit]]
                if unit < self.count:
                    width, height = self.network.sizes[unit]
                    boxes[unit] = (x0 + x - width / 2, y0 + y, width, height)
                    continue
                inner = unit - self.count
                item = self.items[inner]
                frames[inner] = (x0 + x - item.left, y0 + y, item.left + item.right, item.height)
                origin[inner] = (x0 + x, y0 + y + self.insets.before)
        routes = [self._route(edge, origin) for edge in range(len(self.tensors))]
        return Placed(boxes, frames, routes)

    def _route(self, edge: int, origin: list[Point]) -> list[Point]:
        """Join the pieces of an edge, level by level."""
        points: list[Point] = []
        for group, start, end in self._hops(edge):
            level, (x0, y0) = self.levels[group], origin[group]
            ends = self._with_shared_ports(level, start, end, self.tensors[edge])
            piece = level.layout.pieces[level.edge_index[ends]]
            points += [(x0 + x, y0 + y) for x, y in piece]
        return points


def _signature(item: Item) -> tuple[object, ...]:
    """Return everything of an item that a level layout depends on."""
    return *item_signature(item), tuple(item.into.items()), tuple(item.out_of.items())
