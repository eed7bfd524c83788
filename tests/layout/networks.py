"""Graphs to lay out: builders for known shapes, and hypothesis strategies for any."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import strategies as st

from idlmav.layout import Network
from idlmav.layout.input.groups import find_groups
from idlmav.layout.input.network import name_groups

SIZE = (80.0, 38.0)


def network_of_paths(
    sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], paths: Sequence[str]
) -> Network:
    """Nodes ``n0``, ``n1`` ... whose groups are given by a path each, outermost first: ``"stage1/block2"``."""
    parts = [path.split("/") if path else [] for path in paths]
    chains = [tuple("/".join(names[: end + 1]) for end in range(len(names))) for names in parts]
    group_of, keys, parents = find_groups(chains, edges)
    groups = name_groups(keys, parents, [key.rpartition("/")[2] for key in keys])
    ids = tuple(f"n{number}" for number in range(len(paths)))
    return Network(ids=ids, sizes=tuple(sizes), edges=tuple(edges), groups=groups, group_of=tuple(group_of))


def network(edges: list[tuple[int, int]], paths: list[str] | None = None, count: int | None = None) -> Network:
    """A network of equal boxes."""
    size = count if count is not None else len(paths) if paths else 1 + max((max(edge) for edge in edges), default=0)
    return network_of_paths([SIZE] * size, edges, paths or [""] * size)


def chain(length: int) -> Network:
    """One op after another."""
    return network([(i, i + 1) for i in range(length - 1)], count=length)


def residual(blocks: int, length: int = 3) -> Network:
    """Blocks with a skip connection each, two blocks a stage."""
    edges, paths = [], ["" for _ in range(1)]
    for block in range(blocks):
        fork = len(paths) - 1
        for _ in range(length + 1):
            edges.append((len(paths) - 1, len(paths)))
            paths.append(f"stage{block // 2}/block{block}")
        edges.append((fork, len(paths) - 1))
    return network(edges, paths)


def u_shape(depth: int) -> Network:
    """Encoder and decoder, with a skip connection at every level."""
    edges, paths, skips = [], [""], []
    for level in range(depth):
        for _ in range(2):
            edges.append((len(paths) - 1, len(paths)))
            paths.append(f"down{level}")
        skips.append(len(paths) - 1)
    for level in reversed(range(depth)):
        for _ in range(2):
            edges.append((len(paths) - 1, len(paths)))
            paths.append(f"up{level}")
        if skips[level] < len(paths) - 3:
            edges.append((skips[level], len(paths) - 1))
    return network(edges, paths)


def dense(layers: int) -> Network:
    """Every layer reads all that come before it."""
    edges, paths = [], ["block"]
    for layer in range(layers):
        first = len(paths)
        edges += [(source, first) for source in range(0, first, 2)]
        edges.append((first, first + 1))
        paths += [f"block/layer{layer}"] * 2
        edges.append((first + 1, first + 2)) if layer == layers - 1 else None
    paths.append("")
    return network(sorted(set(edges)), paths)


KNOWN = {
    "empty": network([], count=0),
    "single": network([], count=1),
    "apart": network([], count=4),
    "chain": chain(12),
    "residual": residual(6),
    "u_shape": u_shape(4),
    "dense": dense(7),
    "fan": network([(0, i) for i in range(1, 20)] + [(i, 20) for i in range(1, 20)]),
    "reentered": network([(i, i + 1) for i in range(5)], ["a", "a", "b", "b", "a", "a"]),
}


@st.composite
def networks(draw: st.DrawFn, grouped: bool = True, most: int = 24) -> Network:
    """Any network: few or many edges, groups that the order of the nodes respects or not."""
    count = draw(st.integers(1, most))
    reach = draw(st.sampled_from([2, 6, most]))
    degree = draw(st.integers(1, 5))
    edges = set()
    for target in range(1, count):
        for _ in range(draw(st.integers(0, degree))):
            edges.add((draw(st.integers(max(0, target - reach), target - 1)), target))
    sizes = [draw(st.sampled_from([(80.0, 38.0), (30.0, 26.0), (141.0, 60.0)])) for _ in range(count)]
    paths = [""] * count
    if grouped:
        known = [""]
        for number in range(draw(st.integers(1, 6))):
            known.append(f"{draw(st.sampled_from(known))}/g{number}".lstrip("/"))
        paths = [draw(st.sampled_from(known)) for _ in range(count)]
        if draw(st.booleans()):
            paths.sort()
    return network_of_paths(sizes, sorted(edges), paths)


def random_network(seed: int, most: int = 40) -> Network:
    """A network from a seed, for tests that take many at once."""
    random = Random(seed)
    count, reach, degree = random.randint(2, most), random.choice([2, 5, most]), random.choice([1, 2, 4])
    edges = {
        (random.randint(max(0, target - reach), target - 1), target)
        for target in range(1, count)
        for _ in range(random.randint(0, degree))
    }
    known = [""]
    for number in range(random.randint(1, 8)):
        known.append(f"{random.choice(known)}/g{number}".lstrip("/"))
    paths = sorted(random.choice(known) for _ in range(count))
    sizes = [random.choice([(80.0, 38.0), (33.0, 26.0), (141.0, 60.0)]) for _ in range(count)]
    return network_of_paths(sizes, sorted(edges), paths)


def stages(seed: int) -> Network:
    """Blocks in stages, one after another: data enter and leave each at one place, which seldom lie in line."""
    random = Random(seed)
    edges, paths = [], [""]
    for block in range(random.randint(2, 7)):
        entry, first, count = len(paths) - 1, len(paths), random.randint(1, 7)
        paths += [f"stage{block // 2}/block{block}"] * count
        edges += [(entry, random.randrange(first, first + count)) for _ in range(random.randint(1, 2))]
        edges += [(node - random.randint(1, min(3, node - first)), node) for node in range(first + 1, first + count)]
        paths += [f"stage{block // 2}"] * random.randint(1, 2)
        edges += [(node - 1, node) for node in range(first + count, len(paths))]
    sizes = [random.choice([(80.0, 38.0), (33.0, 26.0), (141.0, 60.0)]) for _ in paths]
    return network_of_paths(sizes, sorted(set(edges)), paths)
