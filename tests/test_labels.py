"""What boxes say, and that they are wide enough for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import picture_of

from idlmav.graph import ModuleInfo, Node
from idlmav.layout.input.labels import (
    FONT_PX,
    SUBLABEL_PX,
    group_size,
    group_title,
    node_label,
    node_size,
    node_sizes,
    node_sublabel,
    short_shape,
    text_width,
)

CONV = Node(id="layer1.0.conv1", op="conv2d", operation="nn.Conv2d", shapes=((16, 64, 40, 40),), dtypes=("float32",))


@pytest.mark.parametrize(
    ("shape", "text"),
    [((16, 64, 80, 80), "16×64×80×80"), ((3,), "3"), ((), "scalar"), ((2, None), "2×?"), (None, "?"), ((0, 4), "0×4")],
)
def test_a_shape_is_short(shape, text):
    assert short_shape(shape) == text


@pytest.mark.parametrize(
    ("changes", "label", "sublabel"),
    [
        ({}, "Conv2d", "16×64×40×40"),
        ({"operation": "add()", "op": "add"}, "add", "16×64×40×40"),
        ({"operation": "MyLayer"}, "MyLayer", "16×64×40×40"),
        ({"shapes": ((2, 3), (4,), None)}, "Conv2d", "2×3 +2"),
        ({"shapes": (None, (4,))}, "Conv2d", "? +1"),
        ({"shapes": ()}, "Conv2d", ""),
        ({"status": "failed"}, "✕ Conv2d", "failed"),
        ({"status": "not_run"}, "Conv2d", "16×64×40×40"),
        ({"status": "not_run", "shapes": ()}, "Conv2d", "not run"),
        ({"kind": "input", "id": "x", "op": "input", "operation": "input"}, "x", "16×64×40×40"),
        ({"kind": "output", "id": "output", "op": "output", "operation": "output"}, "output", "16×64×40×40"),
    ],
)
def test_a_box_says_operation_and_shape(changes, label, sublabel):
    node = replace(CONV, **changes)
    assert (node_label(node), node_sublabel(node)) == (label, sublabel)


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=60))
def test_a_box_holds_its_text(text):
    width, height = node_size(replace(CONV, operation=f"nn.{text}"))
    assert width >= max(text_width(text), text_width("16×64×40×40", SUBLABEL_PX))
    assert height > FONT_PX + SUBLABEL_PX


@given(st.text(max_size=30), st.text(max_size=30), st.floats(1, 40))
def test_widths_add_up(first, second, font_px):
    together = text_width(first + second, font_px)
    assert together == pytest.approx(text_width(first, font_px) + text_width(second, font_px))
    assert together == pytest.approx(text_width(first + second, 1.0) * font_px)


def test_widths_are_near_those_of_a_real_font():
    """Advance widths of DejaVu Sans (2.37, units per em 2048), wider than most sans-serif fonts."""
    em = {"C": 1430, "o": 1253, "n": 1298, "v": 1212, "2": 1303, "d": 1300, "i": 569, "l": 569, "m": 1995, "1": 1303}
    for text in ("Conv2d", "mm", "linoil", "21", "n"):
        real = sum(em[char] for char in text) / 2048 * FONT_PX
        assert 0.85 * real <= text_width(text) <= 1.5 * real


def test_every_node_of_a_graph_has_its_size():
    graph = picture_of("unet").graph
    sizes = node_sizes(graph)
    assert sizes == {node.id: node_size(node) for node in graph.nodes}
    assert len(set(sizes.values())) > 1


def test_a_group_is_titled_by_name_and_class():
    module = ModuleInfo(path="layer1.0", class_name="BasicBlock")
    assert group_title("layer1.0", module, "layer1") == "0: BasicBlock"
    # A list between the two is no group of its own.
    assert group_title("encoder.layer.0", module, "encoder") == "layer.0: BasicBlock"
    assert group_title("encoder.0", module) == "encoder.0: BasicBlock"
    # A module that calls itself.
    assert group_title("tree.node", None, "tree.node") == "node"
    assert group_title("layer1", None) == "layer1"
    assert group_size("0: BasicBlock")[0] >= text_width("0: BasicBlock")
    assert group_size("")[0] == 90
