"""Still pictures dim the same boxes as the page: by a search, by names of the legend, by a range of values."""

from __future__ import annotations

from typing import Any

import pytest
from assets.node import run_js
from pictures import gallery_graph
from PIL import Image

from idlmav import MAV
from idlmav.layout import fold
from idlmav.search.matches import find_matches
from idlmav.state import from_browser
from idlmav.still import Picture, choices, still_picture
from idlmav.still.compute import shown_compute
from idlmav.still.marks import Rect, Text
from idlmav.still.theme import THEMES

RUN = """
    const { Geometry } = await load("graph/geometry");
    const { findMatches } = await load("search/matches");
    const { applyCompute } = await load("detail/compute");
    return input.states.map((state) => {
      const scene = structuredClone(input.scene);
      applyCompute(scene, state);
      const found = findMatches(new Geometry(scene), {}, state);
      const groups = scene.groups.path.map((_, i) => i);
      return {
        nodes: scene.nodes.path.map((_, i) => found.matches === null || Boolean(found.matches[i])),
        groups: groups.map(found.groupMatches),
        found: groups.map((i) => found.found.has(i)),
      };
    });
"""
NOTHING: dict[str, Any] = {
    "query": "", "highlighted": [], "value_range": None, "color_by": "operation", "size_by": "none",
    "compute_unit": "flops", "estimates": "shown",
}  # fmt: skip
CHOSEN: list[dict[str, Any]] = [
    {},
    {"query": "conv"},
    {"query": "BasicBlock"},
    {"query": "class==Decoder | params>1M"},
    {"query": "!layer"},
    {"query": "layer2 & BasicBlock"},
    {"query": "status==ran"},
    {"query": "flops>1M", "compute_unit": "macs"},
    {"query": "flops>=0", "estimates": "hidden"},
    {"query": "nothing like it"},
    {"query": "(conv"},
    {"highlighted": ["nn.Conv2d"]},
    {"highlighted": ["nn.Conv2d", "nn.Linear", "no such name"]},
    {"highlighted": ["no such name"]},
    {"highlighted": ["nn.Conv2d"], "color_by": "category"},
    {"highlighted": ["Convolution", "Linear"], "color_by": "category"},
    {"highlighted": ["layer1.0"], "color_by": "module"},
    {"highlighted": ["nn.Conv2d"], "color_by": "flops"},
    {"value_range": [1e3, 1e5]},
    {"value_range": [1e3, 1e5], "color_by": "param_count"},
    {"value_range": (0, 1e6), "color_by": "flops"},
    {"value_range": (0, 1e6), "color_by": "flops", "compute_unit": "macs"},
    {"value_range": (0, 1e6), "color_by": "flops", "estimates": "hidden"},
    {"value_range": (1, float(2**20)), "size_by": "activation_bytes"},
    {"value_range": (1, 100), "color_by": "param_count", "size_by": "activation_bytes"},
    {"query": "BasicBlock", "highlighted": ["add()"]},
    {"query": "layer2", "highlighted": ["nn.Conv2d"], "value_range": (1e3, 1e7), "size_by": "flops"},
    {"query": "(", "highlighted": ["nn.Conv2d"]},
]


@pytest.fixture(scope="module")
def mavs() -> dict[str, MAV]:
    return {name: MAV(gallery_graph(name), folded="none") for name in ("resnet20", "unfinished", "gpt")}


@pytest.mark.parametrize("name", ["resnet20", "unfinished", "gpt"])
def test_stills_dim_the_boxes_that_the_page_dims(mavs, name):
    scene = mavs[name].scene()
    states = [{**NOTHING, **chosen} for chosen in CHOSEN]
    for state, page in zip(states, run_js(RUN, {"scene": scene, "states": states}), strict=True):
        unit, estimates = state["compute_unit"], state["estimates"]
        asked = {key: value for key, value in state.items() if key not in ("compute_unit", "estimates")}
        ours = find_matches(shown_compute(scene, unit, estimates), **asked)
        assert {"nodes": ours.nodes, "groups": ours.groups, "found": ours.found} == page, state


def dimmed(picture: Picture, boxes: dict[str, Any]) -> set[str]:
    """Return the boxes that are drawn dimmed, with their text."""
    rects = {(rect.x - 20, rect.y - 20): rect for rect in picture.marks if isinstance(rect, Rect) and rect.radius == 6}
    return {name for name, (x, y, _, _) in boxes.items() if rects[x, y].opacity == 0.2}


@pytest.mark.parametrize("folded", [(), ("layer2",), ("layer1.0", "layer3")])
def test_all_boxes_but_the_matches_are_dimmed(mavs, folded):
    mav = mavs["resnet20"]
    boxes = fold(mav.layout, folded).boxes
    picture = still_picture(mav.scene(), mav.layout, folded=folded, query="layer2 & op==conv2d | fc")
    bright = {name for name in boxes if "layer2" in name and ("conv" in name or "downsample.0" in name)} | {"fc"}
    bright |= {"layer2"} & set(folded)
    assert bright < set(boxes)
    assert dimmed(picture, boxes) == set(boxes) - bright


def test_texts_of_dimmed_boxes_are_muted_and_a_found_module_has_the_accent(mavs):
    mav, theme = mavs["resnet20"], THEMES["light"]
    colors = {"layer1.0": theme.accent, "layer1.1": theme.muted}
    picture = still_picture(mav.scene(), mav.layout, folded=["layer2", "layer3"], query="path==layer1.0")
    text = {mark.text: mark.color for mark in picture.marks if isinstance(mark, Text)}
    for path, color in colors.items():
        assert next(text[title] for title in text if title.startswith(f"▾ {path.rpartition('.')[2]}:")) == color
    assert next(text[title] for title in text if title.startswith("▸ layer2:")) == theme.muted
    conv = {mark.color for mark in picture.marks if isinstance(mark, Text) and mark.text == "Conv2d"}
    assert conv == {theme.muted, mav.scene()["colors"]["operation"]["inks"][1]}


def test_a_folded_run_is_dimmed_with_its_cards_and_keeps_its_failure():
    mav = MAV(gallery_graph("unfinished"))
    scene, theme = mav.scene(), THEMES["light"]
    outer = [name for name, group in mav.layout.groups.items() if not group.parent]
    marks = still_picture(scene, mav.layout, folded=outer, query="nothing like it").marks
    boxes = [mark for mark in marks if isinstance(mark, Rect) and mark.radius == 6]
    assert {box.opacity for box in boxes} == {0.2}
    assert [box.line_width for box in boxes if box.line == theme.error] == [3.0]
    gpt = MAV(gallery_graph("gpt"))
    (run,) = (group.id for group in gpt.layout.groups.values() if group.kind == "repeat")
    marks = still_picture(gpt.scene(), gpt.layout, folded=[run], query="nothing like it").marks
    cards = [mark for mark in marks if isinstance(mark, Rect) and mark.line == theme.edge]
    assert [card.opacity for card in cards] == [0.2] * 3


@pytest.mark.parametrize(
    "chosen",
    [{"query": "conv"}, {"highlighted": ["nn.Conv2d"]}, {"color_by": "flops", "value_range": (2e5, 1e9)}],
    ids=lambda chosen: next(iter(chosen)),
)
def test_every_still_picture_follows_the_state(mavs, tmp_path, chosen):
    mav = MAV(mavs["resnet20"].graph)
    mav.state.param.update(**chosen)
    others = sum(node.operation != "nn.Conv2d" for node in mav.graph.nodes)
    mav.save(tmp_path / "m.svg")
    assert (tmp_path / "m.svg").read_text("utf-8").count('opacity="0.2"') == others
    html = mav.draw_release_graph()
    assert sum(isinstance(mark, Rect) and mark.opacity == 0.2 for mark in html.picture.marks) > 5
    assert html.html.partition("</svg>")[0].count('opacity="0.2"') > 5
    mav.save(tmp_path / "m.png")
    image, picture = Image.open(tmp_path / "m.png"), still_picture(mav.scene(), mav.layout, **choices(mav.state))
    frames = [mark for mark in picture.marks if isinstance(mark, Rect) and mark.radius == 8]
    for rect in picture.marks:
        if isinstance(rect, Rect) and rect.radius == 6:
            around = [f.fill for f in frames if 0 < rect.x - f.x < f.width and 0 < rect.y - f.y < f.height]
            # Beside the texts, inside the border.
            pixel = image.getpixel((2 * rect.x + 8, 2 * rect.y + 38))
            assert pixel == pytest.approx(mixed(rect.fill, ["#ffffff", *around][-1], rect.opacity), abs=1)


def mixed(color: str, below: str, opacity: float) -> list[float]:
    """Return the mixture of a translucent colour and the one below it."""
    channels = [(int(color[i : i + 2], 16), int(below[i : i + 2], 16)) for i in (1, 3, 5)]
    return [above * opacity + under * (1 - opacity) for above, under in channels]


def test_the_picture_in_a_notebook_is_dimmed(mavs):
    mav = MAV(mavs["gpt"].graph)
    before = mav._repr_mimebundle_()[0]["image/png"]
    mav.state.query = from_browser("query", "status==ran & (")
    assert mav._repr_mimebundle_()[0]["image/png"] == before
    mav.state.query = "nothing like it"
    assert mav._repr_mimebundle_()[0]["image/png"] != before
