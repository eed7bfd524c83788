"""The detail panel shows all facts about the selection, and links along the edges of the graph."""

from __future__ import annotations

from typing import Any

import pytest
from assets.node import run_js
from pictures import picture_of

from idlmav import MAV

RUN = """
    const { applyCompute } = await load("detail/compute");
    const { Geometry } = await load("graph/geometry");
    const { selectionContent } = await load("detail/selection");
    applyCompute(input.scene, {compute_unit: "flops", estimates: "shown"});
    const geometry = new Geometry(input.scene);
    return Object.fromEntries(input.names.map((name) => [name, selectionContent(geometry, name)]));
"""


def contents(mav: MAV, *names: str) -> dict[str, Any]:
    return run_js(RUN, {"scene": mav.scene(), "names": names})


def links(content: Any, name: str) -> set[str]:
    return {link["id"] for title, found, _ in content["links"] if title == name for link in found}


@pytest.fixture(scope="module")
def unet() -> MAV:
    return picture_of("unet")


def test_the_links_of_every_op_are_the_edges_of_the_graph(unet):
    graph = unet.graph
    found = contents(unet, *(node.id for node in graph.nodes))
    assert {(a, b) for b in found for a in links(found[b], "Inputs")} == {(e.source, e.target) for e in graph.edges}
    assert {(a, b) for a in found for b in links(found[a], "Outputs")} == {(e.source, e.target) for e in graph.edges}


def test_the_links_of_a_group_are_the_edges_across_its_frame(unet):
    layout = unet.layout

    def inside(node: str, name: str) -> bool:
        group = layout.group_of[node]
        while group and group != name:
            group = layout.groups[group].parent
        return group == name

    found = contents(unet, *layout.groups)
    for name, content in found.items():
        crossing = [(inside(e.source, name), inside(e.target, name), e) for e in unet.graph.edges]
        assert links(content, "Inputs") == {e.source for a, b, e in crossing if b and not a}
        assert links(content, "Outputs") == {e.target for a, b, e in crossing if a and not b}


def test_a_layer_shows_its_settings_and_a_link_to_its_documentation(unet):
    layers = [node for node in unet.graph.nodes if node.operation == "nn.Conv2d"]
    for name, content in contents(unet, *(node.id for node in layers)).items():
        facts = dict(content["facts"])
        module = unet.graph.module_by_path[unet.graph.node_by_id[name].path]
        assert facts["Settings"] == module.extra_repr != ""
        assert content["docs"].endswith("generated/torch.nn.Conv2d.html")


def test_a_failed_op_shows_its_message_and_the_line_of_code():
    mav = picture_of("wrong_size")
    (failure,) = mav.graph.errors
    content = contents(mav, failure.node)[failure.node]
    assert failure.message in content["error"]
    assert content["code"] == failure.code
    assert "self." in failure.code
    assert dict(content["facts"])["Source"] == failure.source


def test_without_a_selection_the_costliest_ops_are_linked(unet):
    content = contents(unet, "")[""]
    names = [title for title, *_ in content["links"]]
    assert names == ["Most parameters", "Most FLOPs"]
    most = max(unet.graph.nodes, key=lambda node: node.param_count)
    first = content["links"][0][1][0]
    assert unet.graph.node_by_id[first["id"]].param_count == most.param_count
    assert float(first["note"].split()[0]) == pytest.approx(
        100 * most.param_count / unet.graph.totals.param_count, abs=0.5
    )
