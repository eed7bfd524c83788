"""
Divide a flow graph into nested regions with a single entry and a single exit.

A *chain* is a run of blocks joined by single edges: it needs no layering, its members are placed below one another. A
*block* is the part between two such edges, from a fork to its join: a small layered layout with chains as single items.

References
----------
R. Johnson, D. Pearson, K. Pingali (1994), The program structure tree, PLDI, doi:10.1145/178243.178258. The cycle
equivalence comes from random labels: edges of a cut get equal XOR sums (D. Pritchard, R. Thurimella (2011), Fast
computation of small cuts via cycle space sampling, doi:10.1145/2000807.2000814).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

__all__ = ["Member", "Region", "find_regions"]

VIRTUAL = -1
"""Index of an edge without a route: it joins the graph to the virtual source or sink."""


@dataclass(eq=False, slots=True)
class Region:
    """
    A chain or a block.

    Attributes
    ----------
    is_chain : bool
        Whether the members follow one another, each feeding only the next.
    members : list
        Units (their index) and inner regions.
    links : list of (int, int, int)
        Edge, index of the source and index of the target in `members`; both ends lie in different members.
    entry, exit : int
        Edge by which the region is entered and left; may be `VIRTUAL`.
    entry_member, exit_member : int
        Index in `members` of the ends of these edges.
    """

    is_chain: bool
    parent: Region | None = None
    members: list[Member] = field(default_factory=list)
    links: list[tuple[int, int, int]] = field(default_factory=list)
    entry: int = VIRTUAL
    exit: int = VIRTUAL
    entry_member: int = -1
    exit_member: int = -1


Member = int | Region
_Arc = tuple[int, int, int]
"""Source, target, edge."""


def find_regions(
    count: int, edges: Sequence[tuple[int, int]], tops: Collection[int] = (), bottoms: Collection[int] = ()
) -> Region:
    """
    Return the outermost region of the tree of regions.

    Units are numbered topologically; edges are source and target. `tops` and `bottoms` are units that must stay on the
    border, and so in the outermost region.
    """
    finder = _Finder(count, edges, frozenset(tops), frozenset(bottoms))
    finder.strip_pendants()
    finder.label_arcs()
    finder.make_regions()
    finder.hand_out_edges()
    return finder.finish()


class _Finder:
    """The steps of `find_regions`, with the values that they share."""

    def __init__(
        self, count: int, edges: Sequence[tuple[int, int]], tops: frozenset[int], bottoms: frozenset[int]
    ) -> None:
        self.count = count
        self.edges = edges
        self.tops, self.bottoms = tops, bottoms
        self.hung: dict[int, int] = {}
        self.arcs: list[_Arc] = []
        self.labels: list[int] = []
        self.tree: list[int] = []
        self.in_degree, self.out_degree = [0] * count, [0] * count
        for source, target in edges:
            self.out_degree[source] += 1
            self.in_degree[target] += 1

    def strip_pendants(self) -> None:
        """Remove pendant trees (constants, unused outputs), which would add entries and exits to regions."""
        ins: list[list[int]] = [[] for _ in range(self.count)]
        outs: list[list[int]] = [[] for _ in range(self.count)]
        for source, target in self.edges:
            ins[target].append(source)
            outs[source].append(target)
        left = self.count
        todo = [unit for unit in range(self.count) if self._is_pendant(unit)]
        while todo:
            unit = todo.pop()
            if unit in self.hung or left <= 1 or not self._is_pendant(unit):
                continue
            left -= 1
            for neighbours, degree in ((outs, self.in_degree), (ins, self.out_degree)):
                for other in neighbours[unit]:
                    if other not in self.hung:
                        self.hung[unit] = other
                        degree[other] -= 1
                        todo.append(other)
        self.live = [unit for unit in range(self.count) if unit not in self.hung]

    def _is_pendant(self, unit: int) -> bool:
        ins, outs = self.in_degree[unit], self.out_degree[unit]
        return (ins == 0 and outs == 1 and unit not in self.tops) or (
            outs == 0 and ins == 1 and unit not in self.bottoms
        )

    def label_arcs(self) -> None:
        """Give equal labels to cycle-equivalent arcs: every cycle, with the sink joined to the source, has both or neither."""
        source, sink = self.count, self.count + 1
        arcs = self.arcs
        arcs += [(source, v, VIRTUAL) for v in self.live if v in self.tops or not self.in_degree[v]]
        arcs += [(u, v, e) for e, (u, v) in enumerate(self.edges) if u not in self.hung and v not in self.hung]
        arcs += [(u, sink, VIRTUAL) for u in self.live if u in self.bottoms or not self.out_degree[u]]
        bits = random.Random(12345).getrandbits  # a fixed seed: same input, same picture
        self.tree = tree = [-1] * (self.count + 2)
        sums = [0] * (self.count + 2)
        self.labels = labels = [0] * len(arcs)
        for index, (u, v, _) in enumerate(arcs):
            if tree[v] < 0:
                tree[v] = index
            else:
                labels[index] = value = bits(64)
                sums[u] ^= value
                sums[v] ^= value
        value = bits(64)
        sums[source] ^= value
        sums[sink] ^= value
        for unit in (sink, *reversed(self.live)):
            index = tree[unit]
            labels[index] = sums[unit]
            sums[arcs[index][0]] ^= sums[unit]
        for index, (u, v, _) in enumerate(arcs):
            # With a label of its own, a port stays a member of the outermost block, and so on the border.
            if (u == source and v in self.tops) or (v == sink and u in self.bottoms):
                labels[index] = -1 - index

    def make_regions(self) -> None:
        """Make a chain of every class of two or more equal labels, and the blocks between its arcs."""
        source, sink = self.count, self.count + 1
        arcs, labels = self.arcs, self.labels
        classes: dict[int, list[int]] = {}
        for index, label in enumerate(labels):
            classes.setdefault(label, []).append(index)
        self.place = place = [0] * len(arcs)
        self.chains = chains = dict[int, Region]()
        for label, found in classes.items():
            if len(found) < 2:
                continue
            found.sort(key=lambda index: (arcs[index][0] if arcs[index][0] != source else -1, arcs[index][1]))
            chains[label] = Region(True, entry=arcs[found[0]][2], exit=arcs[found[-1]][2])
            for position, index in enumerate(found):
                place[index] = position
        self.blocks: dict[int, list[Region | None]] = {label: [None] * (len(classes[label]) - 1) for label in chains}
        self.root = Region(False)
        self.region = region = {source: self.root}
        self.entry_unit: dict[int, int] = {}
        self.exit_unit: dict[int, int] = {}
        for unit in (*self.live, sink):
            index = self.tree[unit]
            label = labels[index]
            if label in chains:
                region[unit] = self._enter(index, chains[label], classes[label])
            else:
                region[unit] = region[arcs[index][0]]
            if unit != sink:
                region[unit].members.append(unit)
        for unit in reversed(self.hung):
            region[unit] = region[self.hung[unit]]  # taken out later, so its region is known
            region[unit].members.append(unit)

    def _enter(self, index: int, chain: Region, arcs_of_chain: list[int]) -> Region:
        """Return the region behind an arc of a chain, and make it if this is the first of them."""
        position, blocks = self.place[index], self.blocks[self.labels[index]]
        if position == 0 and chain.parent is None:
            chain.parent = self.region[self.arcs[index][0]]
            chain.parent.members.append(chain)
        if position == len(blocks):
            assert chain.parent is not None
            return chain.parent
        block = blocks[position]
        if block is None:
            leaving = self.arcs[arcs_of_chain[position + 1]]
            block = Region(False, chain, entry=self.arcs[index][2], exit=leaving[2])
            blocks[position] = block
            self.entry_unit[id(block)], self.exit_unit[id(block)] = self.arcs[index][1], leaving[0]
            chain.members.append(block)
        return block

    def hand_out_edges(self) -> None:
        """Store every edge in the one region in which both of its ends are members."""
        self.owned: dict[int, list[tuple[int, Member, Member]]] = {}
        for index, (u, v, edge) in enumerate(self.arcs):
            if edge == VIRTUAL:
                continue
            chain = self.chains.get(self.labels[index])
            if chain is None:
                self._own(self.region[u], edge, u, v)
                continue
            position, blocks = self.place[index], self.blocks[self.labels[index]]
            assert chain.parent is not None
            if position == 0:
                self._own(chain.parent, edge, u, chain)
            elif position == len(blocks):
                self._own(chain.parent, edge, chain, v)
            else:
                before, after = blocks[position - 1], blocks[position]
                assert before is not None and after is not None
                self._own(chain, edge, before, after)
        for edge, (u, v) in enumerate(self.edges):
            if u in self.hung or v in self.hung:
                self._own(self.region[v if u in self.hung and v not in self.hung else u], edge, u, v)

    def _own(self, region: Region, edge: int, source: Member, target: Member) -> None:
        self.owned.setdefault(id(region), []).append((edge, source, target))

    def finish(self) -> Region:
        """Replace regions that hold a single unit by their content, and turn members into positions."""
        regions = [self.root, *self.chains.values()]
        regions += [block for blocks in self.blocks.values() for block in blocks if block is not None]
        instead: dict[int, Member] = {}
        for region in regions:
            single = len(region.members) == 1 and region is not self.root
            if single and (region.is_chain or not isinstance(region.members[0], Region)):
                instead[id(region)] = region.members[0]

        def resolve(member: Member) -> Member:
            while isinstance(member, Region) and id(member) in instead:
                member = instead[id(member)]
            return member

        owner: dict[int, Region] = {}
        kept = [region for region in regions if id(region) not in instead]
        for region in kept:
            region.members = [resolve(member) for member in region.members]
            for member in region.members:
                if isinstance(member, Region):
                    member.parent = region
                else:
                    owner[member] = region
        for region in kept:
            self._number(region, resolve, owner)
        root = self.root
        while len(root.members) == 1 and isinstance(root.members[0], Region) and not root.links:
            root = root.members[0]
            root.parent = None
        return root

    def _number(self, region: Region, resolve: Callable[[Member], Member], owner: dict[int, Region]) -> None:
        """Write the links of a region, its entry and its exit as positions in its list of members."""
        position = {member: index for index, member in enumerate(region.members)}
        for edge, source, target in self.owned.get(id(region), ()):
            region.links.append((edge, position[resolve(source)], position[resolve(target)]))
        if region.is_chain:
            region.entry_member, region.exit_member = 0, len(region.members) - 1
        elif id(region) in self.entry_unit:
            region.entry_member = position[_member_with(region, self.entry_unit[id(region)], owner)]
            region.exit_member = position[_member_with(region, self.exit_unit[id(region)], owner)]


def _member_with(region: Region, unit: int, owner: dict[int, Region]) -> Member:
    """Return the member of a region that holds a unit, at any depth."""
    member: Member = unit
    around: Region | None = owner[unit]
    while around is not region:
        assert around is not None
        member, around = around, around.parent
    return member
