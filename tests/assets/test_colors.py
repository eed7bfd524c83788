"""Colours in the browser: those that Python has chosen, gradients over a range of numbers, the legend, growing boxes."""

from __future__ import annotations

from collections import Counter

import pytest
from assets.node import run_js
from pictures import picture_of

from idlmav import MAV
from idlmav.scene.build import METRICS
from idlmav.scene.palette import sequence

NODES = """
    const { Coloring } = await load("legend/colors");
    const coloring = new Coloring(input.scene, input.choice);
    const each = (column, get) => column.map((_, i) => get.call(coloring, i));
    return {
      nodes: each(input.scene.nodes.label, coloring.node),
      groups: each(input.scene.groups.title, coloring.group),
      legend: coloring.legend(),
    };
"""


@pytest.fixture(scope="module")
def mav() -> MAV:
    return picture_of("unet")


def colors(mav: MAV, choice: str) -> dict:
    return run_js(NODES, {"scene": mav.scene(), "choice": choice})


def test_the_documented_example_colours_its_nodes_as_asked():
    mav = picture_of(
        "resnet18",
        palette="Vivid",
        avoid_palette_idxs={10},
        fixed_color_map={"Convolution": 7, "add()": 0, "nn.MaxPool2d": 5},
    )
    vivid = sequence("Vivid")
    found: dict[str, set[str]] = {}
    for node, look in zip(mav.graph.nodes, colors(mav, "operation")["nodes"], strict=True):
        found.setdefault(node.operation, set()).add(look["fill"])
    assert found["nn.Conv2d"] == {vivid[7]}
    assert found["add()"] == {vivid[0]}
    assert found["nn.MaxPool2d"] == {vivid[5]}
    assert vivid[10] not in set().union(*found.values())


@pytest.mark.parametrize("choice", ["operation", "category", "module", "status"])
def test_the_legend_counts_the_nodes_of_each_colour(mav, choice):
    found = colors(mav, choice)
    coding = mav.scene()["colors"][choice]
    entries = found["legend"]["entries"]
    assert {entry["name"]: entry["count"] for entry in entries} == Counter(coding["names"][k] for k in coding["of"])
    assert [entry["count"] for entry in entries] == sorted((entry["count"] for entry in entries), reverse=True)
    assert Counter(look["fill"] for look in found["nodes"]) == sum(
        (Counter({entry["color"]: entry["count"]}) for entry in entries), Counter()
    )
    assert set(found["groups"]) == {None}


@pytest.mark.parametrize("choice", METRICS)
def test_a_larger_number_is_further_along_the_gradient(mav, choice):
    scene, found = mav.scene(), colors(mav, choice)
    values = scene["nodes"][choice]
    steps = {fill: step for step, fill in enumerate(scene["gradient"])}
    known = sorted(
        (value, steps[look["fill"]]) for value, look in zip(values, found["nodes"], strict=True) if value is not None
    )
    assert [step for _, step in known] == sorted(step for _, step in known)
    assert known[-1][1] == len(steps) - 1
    assert known[0][1] == 0
    for look in found["nodes"]:
        if look["fill"] in steps:
            assert look["ink"] == scene["gradient_inks"][steps[look["fill"]]]
    positive = [value for value in values if value]
    assert found["legend"]["range"] == [min(positive), max(positive)]


def test_an_unknown_number_has_a_colour_of_its_own(mav):
    scene = mav.scene()
    scene["nodes"]["flops"] = [None, 0, 5, *scene["nodes"]["flops"][3:]]
    unknown, zero, *_ = run_js(NODES, {"scene": scene, "choice": "flops"})["nodes"]
    assert unknown["fill"] not in scene["gradient"]
    assert zero["fill"] == scene["gradient"][0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([5, 2, 9], [2, 9]), ([0, None, 3], [3, 3]), ([], [1, 1]), ([None, 0], [1, 1]), ([-4, 2], [2, 2])],
)
def test_the_range_is_that_of_positive_numbers(values, expected):
    assert run_js('return (await load("legend/colors")).positiveRange(input);', values) == expected


def test_the_area_of_a_box_grows_with_the_number(mav):
    code = 'return (await load("legend/colors")).growth(input.scene, input.choice, 100);'
    scene = mav.scene()
    extra = run_js(code, {"scene": scene, "choice": "param_count"})
    values = scene["nodes"]["param_count"]
    assert max(extra) == extra[values.index(max(values))] == 100
    assert extra == [pytest.approx(100 * (value / max(values)) ** 0.5, abs=0.51) for value in values]
    assert set(run_js(code, {"scene": scene, "choice": "none"})) == {0}
