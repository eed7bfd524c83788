"""The state in Python and the controller that stands for the browser follow each other."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import param
import pytest
from pictures import picture_of

from idlmav import MAV
from idlmav.page.explorer import Explorer
from idlmav.page.views.controller import Controller
from idlmav.state import COLOR_BY, SIZE_BY, ViewState, layout_names, value_names

VALUES: dict[str, tuple[Any, Any]] = {
    # In Python, and as the browser has it.
    "selected": ("pool", "pool"),
    "folded": (["bottom", "down.0"], ["bottom", "down.0"]),
    "viewport": ((1.0, 200.5, -3.0, 150.0), [1.0, 200.5, -3.0, 150.0]),
    "query": ("params>1e3", "params>1e3"),
    "color_by": ("flops", "flops"),
    "size_by": ("param_count", "param_count"),
    "value_range": ((10, 2000.0), [10, 2000.0]),
    "highlighted": (["nn.Conv2d", "add()"], ["nn.Conv2d", "add()"]),
    "compute_unit": ("macs", "macs"),
    "estimates": ("hidden", "hidden"),
    "theme": ("dark", "dark"),
    "direction": ("right", "right"),
    "turn": ("perpendicular", "perpendicular"),
    "latent": ("bottom", "bottom"),
    "merge_threshold": (0.25, 0.25),
}


@pytest.fixture
def mav() -> MAV:
    return picture_of("unet")


@pytest.fixture
def controller(mav) -> Controller:
    return mav.draw_interactive_graph().objects[1]


def test_every_shared_value_is_tried():
    assert set(VALUES) == set(value_names())


@pytest.mark.parametrize("name", value_names())
def test_setting_the_state_is_seen_by_the_browser(name, mav, controller):
    in_python, in_browser = VALUES[name]
    setattr(mav.state, name, in_python)
    assert getattr(controller, name) == in_browser
    assert type(getattr(controller, name)) is type(in_browser)
    assert getattr(mav.state, name) == in_python


@pytest.mark.parametrize("name", value_names())
def test_what_the_browser_sends_is_seen_by_a_watcher(name, mav, controller):
    in_python, in_browser = VALUES[name]
    seen: list[param.parameterized.Event] = []
    mav.state.param.watch(seen.append, name)
    # What arrives over the wire is JSON.
    controller.param.update(**{name: json.loads(json.dumps(in_browser))})
    assert [event.new for event in seen] == [in_python]
    assert type(getattr(mav.state, name)) is type(in_python)


@pytest.mark.parametrize("side", ["state", "controller"])
def test_a_range_of_values_can_be_taken_back(side, mav, controller):
    mav.state.value_range = (1, 2)
    assert controller.value_range == [1, 2]
    {"state": mav.state, "controller": controller}[side].value_range = None
    assert mav.state.value_range is None
    assert controller.value_range is None


def test_the_model_that_goes_to_the_browser_follows_too(mav):
    drawn = mav.draw_interactive_graph()
    root = drawn.get_root()
    (model,) = [m for m in root.select({}) if "color_by" in m.properties()]
    mav.state.param.update(selected="pool", viewport=(0.0, 10.0, 0.0, 20.0))
    assert (model.selected, model.viewport) == ("pool", [0.0, 10.0, 0.0, 20.0])


def test_all_dashboards_follow_one_another(mav):
    first, second = (mav.draw_interactive_graph().objects[1] for _ in range(2))
    first.param.update(selected="pool", viewport=[0.0, 1.0, 2.0, 3.0])
    assert (second.selected, second.viewport) == ("pool", [0.0, 1.0, 2.0, 3.0])


def test_a_dashboard_begins_with_the_state_as_it_is(mav):
    for name, (in_python, _) in VALUES.items():
        setattr(mav.state, name, in_python)
    controller = mav.draw_interactive_graph().objects[1]
    assert {name: getattr(controller, name) for name in value_names()} == {
        name: value for name, (_, value) in VALUES.items()
    }


def test_what_is_said_again_changes_nothing(mav, controller):
    mav.state.viewport = (0.0, 10.0, 0.0, 20.0)
    seen: list[Any] = []
    mav.state.param.watch(seen.append, "viewport")
    controller.viewport = [0.0, 10.0, 0.0, 20.0]
    assert seen == []


@pytest.mark.parametrize("name", ["color_by", "size_by", "theme", "direction"])
def test_an_unknown_choice_is_refused(name, mav):
    before = getattr(mav.state, name)
    with pytest.raises(ValueError, match=name):
        setattr(mav.state, name, "sideways")
    assert getattr(mav.state, name) == before


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        ((1, 2.5), (1, 2.5)),
        ([1, 2.5], (1, 2.5)),
        ((5, 5), (5, 5)),
        ((-3, 1e12), (-3, 1e12)),
        ((None, 1e6), (None, 1e6)),
        ((10, None), (10, None)),
        ((np.float32(0.5), np.int64(3)), (0.5, 3)),
    ],
)
def test_a_range_has_two_ends_in_order_one_of_which_may_be_open(mav, controller, given, kept):
    mav.state.value_range = given
    assert mav.state.value_range == kept
    assert json.loads(json.dumps(controller.value_range)) == (kept and list(kept))


@pytest.mark.parametrize(
    "given",
    [
        "ab",
        5,
        (1,),
        (1, 2, 3),
        (2, 1),
        (None, None),
        ("1", "2"),
        (float("nan"), 1),
        (0, float("inf")),
        (False, True),
        {},
    ],
)
def test_what_is_no_range_is_refused(mav, given):
    with pytest.raises(ValueError, match=r"value_range: a tuple \(smallest, largest\) .* got"):
        mav.state.value_range = given
    assert mav.state.value_range is None


@pytest.mark.parametrize("given", [None, (0, 10, -5, 20.5), [0, 10, -5, 20.5], (np.float64(0), 10, -5, 20.5)])
def test_a_viewport_is_a_part_of_the_picture_or_none(mav, controller, given):
    mav.state.viewport = given
    assert mav.state.viewport == (given and (0, 10, -5, 20.5))
    assert controller.viewport == (given and [0, 10, -5, 20.5])


@pytest.mark.parametrize(
    "given",
    [(0, 0, 0, 0), (0.0, 10, 5, 5), (10, 0, 0, 10), (0, 10, 0), (0, 10, 0, None), "0123", 7, (0, 1, 0, float("nan"))],
)
def test_what_is_no_viewport_is_refused(mav, given):
    with pytest.raises(ValueError, match=r"viewport: a (tuple of four|part of the picture) .* got"):
        mav.state.viewport = given
    assert mav.state.viewport is None


QUERIES_IN_WORK = [
    ("parms>1", "there is no field 'parms'", 1),
    ("conv & parms>1", "there is no field 'parms'", 8),
    ("conv & (relu", "never closed", 8),
    ("conv)", "unmatched", 5),
    ("conv |  !", "expected a term", 9),
    ("params>", "expected a number", 8),
    ("conv | params>many", "got 'many'", 15),
    ("/[/", "not a regular expression", 1),
    ("(" * 5000, "nested too deeply", 51),
]


@pytest.mark.parametrize(("query", "message", "at"), QUERIES_IN_WORK, ids=range(len(QUERIES_IN_WORK)))
def test_python_is_told_of_a_query_that_cannot_be_read(mav, query, message, at):
    mav.state.query = "conv"
    with pytest.raises(ValueError, match=f"^query, character {at}: .*{message}"):
        mav.state.query = query
    with pytest.raises(ValueError, match=r"^query, character"):
        ViewState(query=query)
    assert mav.state.query == "conv"


@pytest.mark.parametrize(("query", "message", "at"), QUERIES_IN_WORK, ids=range(len(QUERIES_IN_WORK)))
def test_a_query_may_be_typed_letter_by_letter_in_the_page(mav, controller, query, message, at):
    other = mav.draw_interactive_graph().objects[1]
    controller.query = query
    assert mav.state.query == other.query == query
    copy = ViewState(**{name: getattr(mav.state, name) for name in value_names()})
    assert copy.query == query
    controller.query = "conv"
    assert type(mav.state.query) is str


def test_a_misspelt_parameter_is_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour_by'"):
        ViewState(colour_by="flops")


def test_choices_begin_with_their_default():
    state = ViewState()
    assert (state.color_by, state.size_by) == (next(iter(COLOR_BY)), next(iter(SIZE_BY)))
    assert state.direction == "down"
    assert (state.selected, state.folded, state.query, state.value_range) == ("", [], "", None)


def test_two_states_share_no_list():
    first = ViewState()
    first.folded.append("a")
    assert ViewState().folded == []


# -------------------------------------------------------------------------------------------------- turning it


def test_another_direction_brings_another_scene(mav, controller):
    before = json.loads(controller.scene)
    mav.state.direction = "right"
    after = json.loads(controller.scene)
    assert controller.direction == after["geometry"]["direction"] == "right"
    assert after == json.loads(json.dumps(mav.scene()))
    assert after["geometry"]["nodes"]["x"] != before["geometry"]["nodes"]["x"]
    assert after["nodes"] == before["nodes"]


def test_nothing_else_makes_a_scene_anew(mav):
    calls: list[str] = []

    def make() -> dict[str, Any]:
        calls.append(state.direction)
        return mav.scene()

    state = ViewState()
    explorer = Explorer(mav.graph, make, state)
    for name, (in_python, _) in VALUES.items():
        if name not in layout_names():
            setattr(state, name, in_python)
    assert calls == ["down"]
    state.direction = "up"
    assert calls == ["down", "up"]
    assert explorer.controller.direction == "up"


def test_a_place_to_turn_that_is_not_there_changes_nothing(mav, controller):
    scene = controller.scene
    with pytest.raises(ValueError, match=r"no op and no module 'botom'\. Did you mean 'bottom'\?"):
        mav.state.latent = "botom"
    assert mav.state.latent == controller.latent == ""
    assert controller.scene == scene
    mav.state.latent = "bottom"
    assert json.loads(controller.scene)["latent"] == "bottom"
    assert controller.scene != scene


def test_merging_lays_out_anew(mav, controller):
    before = mav.layout
    controller.merge_threshold = 0
    assert mav.layout.height < before.height
    assert json.loads(controller.scene) == json.loads(json.dumps(mav.scene()))
    with pytest.raises(ValueError, match="merge_threshold"):
        mav.state.merge_threshold = 2
    mav.state.merge_threshold = -1
    assert mav.layout is before
