"""Which frames there are."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from layout import networks as net
from layout.invariants import problems

from idlmav.graph import Call, Edge, Graph, ModuleInfo, Node
from idlmav.layout import Network, compute_layout, fold
from idlmav.layout.input.groups import find_groups
from idlmav.layout.input.labels import group_size, node_sizes


def test_a_group_of_one_unit_dissolves() -> None:
    group_of, keys, parents = find_groups([("a",), ("b", "c"), ("b", "c"), ("d", "e"), ("d",)], [])
    assert keys == ["c", "d"]
    assert parents == [-1, -1]
    assert group_of == [-1, 0, 0, 1, 1]


def test_a_group_that_is_left_and_re_entered_is_split() -> None:
    network = net.KNOWN["reentered"]
    assert [group.id for group in network.groups] == ["a", "b", "a#2"]
    assert [group.path for group in network.groups] == ["a", "b", "a"]
    assert network.group_of == (0, 0, 1, 1, 2, 2)


def test_a_group_that_merely_runs_beside_another_stays_whole() -> None:
    network = net.network([(0, 2), (1, 3)], ["a", "b", "a", "b"])
    assert [group.id for group in network.groups] == ["a", "b"]


@settings(max_examples=200)
@given(net.networks())
def test_groups_never_form_a_cycle(network: Network) -> None:
    parent = {group.id: group.parent for group in network.groups}
    names = [network.groups[g].id if g >= 0 else "" for g in network.group_of]
    chains = []
    for name in names:
        chain: list[str] = []
        while name:
            chain.insert(0, name)
            name = parent[name]
        chains.append(chain)
    for level in {"", *parent}:
        depth = 0 if not level else next(c.index(level) + 1 for c in chains if level in c)
        unit = {
            node: (chain[depth] if len(chain) > depth else f"node {node}")
            for node, chain in enumerate(chains)
            if not level or level in chain
        }
        links = {(unit[a], unit[b]) for a, b in network.edges if a in unit and b in unit and unit[a] != unit[b]}
        left = set(unit.values())
        while True:
            free = left - {b for a, b in links if a in left}
            if not free:
                break
            left -= free
        assert not left, f"cycle among {left} in {level!r}"


def shared_module() -> Graph:
    """A block that is called twice, inside a stage that has an op of its own."""
    calls = (
        Call(""),
        Call("stage", parent=0),
        Call("stage.block", parent=1),
        Call("stage.block.conv", parent=2),
        Call("stage.block", number=2, parent=1),
    )
    spec = [("x", "input", None), ("c1", "op", 3), ("r1", "op", 2), ("add", "op", 1), ("c2", "op", 4), ("r2", "op", 4)]
    nodes = tuple(Node(id=name, kind=kind, op=name, operation=name, call=call) for name, kind, call in spec)  # type: ignore[arg-type]
    edges = tuple(Edge(a.id, b.id) for a, b in pairwise(nodes))
    return Graph(
        name="Model",
        nodes=nodes,
        edges=edges,
        modules=(ModuleInfo(path="stage.block", class_name="Block"),),
        calls=calls,
    )


def test_every_call_of_a_module_has_its_own_frame() -> None:
    graph = shared_module()
    layout = compute_layout(graph, node_sizes(graph))
    assert list(layout.groups) == ["stage", "stage.block", "stage.block#2"]
    block = layout.groups["stage.block#2"]
    assert (block.path, block.parent, block.title) == ("stage.block", "stage", "block: Block")
    assert block.folded_size == group_size("block: Block")
    assert layout.group_of == {
        "x": "",
        "c1": "stage.block",
        "r1": "stage.block",
        "add": "stage",
        "c2": "stage.block#2",
        "r2": "stage.block#2",
    }


def test_a_group_never_has_the_id_of_a_node() -> None:
    """An op that its module is named after, between others of the same module."""
    graph = shared_module()
    ids = {"c1": "c1", "r1": "stage.block"}
    nodes = [replace(node, id=ids.get(node.id, node.id)) for node in graph.nodes]
    edges = [Edge(ids.get(edge.source, edge.source), ids.get(edge.target, edge.target)) for edge in graph.edges]
    graph = replace(graph, nodes=tuple(nodes), edges=tuple(edges))
    layout = compute_layout(graph, node_sizes(graph))
    assert list(layout.groups) == ["stage", "stage.block (module)", "stage.block#2"]
    assert layout.groups["stage.block (module)"].path == "stage.block"
    folded = fold(layout, ["stage.block (module)"])
    assert set(folded.boxes) == {"x", "stage.block (module)", "add", "c2", "r2"}
    assert problems(folded) == []


def test_a_frame_is_never_smaller_than_its_folded_box() -> None:
    graph = replace(shared_module(), modules=(ModuleInfo(path="stage.block", class_name="B" * 60),))
    layout = compute_layout(graph, node_sizes(graph))
    for name, group in layout.groups.items():
        assert layout.frames[name][2] >= group.folded_size[0]
        assert layout.frames[name][3] >= group.folded_size[1]
