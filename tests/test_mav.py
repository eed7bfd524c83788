"""`MAV`: what it takes, what it refuses and how, and that nothing leaks from one call into another."""

from __future__ import annotations

import json
import pydoc
import re
import sys
from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, getdoc, signature
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch
from models import BROKEN, WORKING, DictModel, Empty, Parameterless, UNet, WrongSize
from pictures import gallery_graph, picture_of
from torch import nn

import idlmav
from idlmav import MAV, GraphFormatError
from idlmav.gallery.models import MODELS
from idlmav.layout import DIRECTIONS
from idlmav.state import ViewOptions, ViewState


def small() -> MAV:
    return MAV(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), torch.ones(2, 4))


def input_ids(mav: MAV) -> list[str]:
    return [node.id for node in mav.graph.nodes if node.kind == "input"]


# ------------------------------------------------------------------------------------------ misspelt keywords


@pytest.mark.parametrize(
    ("call", "name", "nearest"),
    [
        (lambda: MAV(nn.ReLU(), torch.ones(2), pallete="Vivid"), "pallete", "palette"),
        (lambda: MAV(nn.ReLU(), torch.ones(2), avoid_palette_idx={1}), "avoid_palette_idx", "avoid_palette_idxs"),
        (lambda: MAV(nn.ReLU(), torch.ones(2), fixed_colour_map={}), "fixed_colour_map", "fixed_color_map"),
        (lambda: MAV(nn.ReLU(), torch.ones(2), input_kwarg={}), "input_kwarg", "input_kwargs"),
        (lambda: small().draw_interactive_graph(add_overveiw=True), "add_overveiw", "add_overview"),
        (lambda: small().draw_interactive_graph(height=300), "height", "height_px"),
        (lambda: small().draw_release_graph(add_tabel=False), "add_tabel", "add_table"),
        (lambda: small().save("m.html", add_slidr=False), "add_slidr", "add_slider"),
        (lambda: idlmav.load("m.mav.json", palete="Vivid"), "palete", "palette"),
        (lambda: idlmav.load("m.mav.json", directoin="up"), "directoin", "direction"),
    ],
)
def test_a_misspelt_keyword_is_refused_with_the_nearest(call: Callable[[], Any], name, nearest):
    with pytest.raises(TypeError, match=rf"\(\) has no option '{name}'\. Did you mean '{nearest}'\?"):
        call()


def test_a_saved_graph_takes_no_option_of_capture():
    with pytest.raises(TypeError, match=r"load\(\) has no option 'device'"):
        idlmav.load("m.mav.json", device="cpu")


# ------------------------------------------------------------------------------------------- help and start values

CHOICES = ("color_by", "size_by", "compute_unit", "estimates", "direction", "turn", "theme")
FUNCTIONS = [
    MAV,
    idlmav.load,
    *(
        getattr(MAV, name)
        for name in ("draw_interactive_graph", "draw_release_graph", "save", "servable", "fold", "find")
    ),
]


def shown_values() -> dict[str, Any]:
    return {name: ViewState.param[name] for name in ViewState.param if name != "name"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_signature_shows_what_can_be_written(function):
    text = str(signature(function))
    assert "**" not in text
    assert " at 0x" not in text
    assert "'str" not in text, "annotations are shown without quotes"


@pytest.mark.parametrize("function", [MAV, idlmav.load])
def test_every_value_of_the_state_is_an_option(function):
    parameters, described = signature(function).parameters, pydoc.render_doc(function, renderer=pydoc.plaintext)
    for name, value in shown_values().items():
        assert parameters[name].kind is Parameter.KEYWORD_ONLY
        assert parameters[name].default == ("auto" if name == "folded" else value.default)
        assert f" {name} : " in described
    for name in CHOICES:
        choices = ", ".join(map(repr, shown_values()[name].objects))
        assert str(parameters[name].annotation) == f"Literal[{choices}]"
        assert f"{name} : {{{choices}}}, default " in described


def test_every_parameter_is_described():
    for function in FUNCTIONS:
        for name in signature(function).parameters.keys() - {"self"}:
            assert re.search(rf"^ *(\w+, )*{name}(, \w+)*( : .*)?$", getdoc(function), re.MULTILINE), (function, name)


def test_types_for_checkers_are_those_of_the_state():
    hints = get_type_hints(ViewOptions)
    assert hints.keys() == shown_values().keys()
    for name in CHOICES:
        assert list(get_args(hints[name])) == list(shown_values()[name].objects)


def test_inputs_that_are_left_out_have_a_name():
    assert "inputs: object = <no input>" in str(signature(MAV))


def test_a_new_value_of_the_state_is_an_option_without_another_edit(run_python, small_graph, tmp_path):
    MAV(small_graph).save_graph(tmp_path / "m.mav.json")
    code = f"""
        import inspect, pydoc
        import param
        from idlmav.state import ViewState
        ViewState.param.add_parameter("corners", param.Selector(default="round", objects=["round", "sharp"], doc="Of boxes."))
        import idlmav
        for function in (idlmav.MAV, idlmav.load):
            assert "corners: Literal['round', 'sharp'] = 'round'" in str(inspect.signature(function))
            assert "corners : {{'round', 'sharp'}}, default 'round'" in pydoc.render_doc(function, renderer=pydoc.plaintext)
        mav = idlmav.load({str(tmp_path / "m.mav.json")!r}, corners="sharp")
        assert idlmav.MAV(mav.graph).state.corners == "round"
        print(mav.state.corners)
        try:
            idlmav.MAV(mav.graph, corners="square")
        except ValueError as error:
            print(error)
    """
    expected = "sharp\ncorners: expected one of round, sharp, got 'square'.\n"
    assert run_python(code, without=["torch"]) == expected


START = {
    "selected": "pool",
    "query": "conv",
    "color_by": "flops",
    "size_by": "param_count",
    "value_range": (1, 2000),
    "highlighted": ["nn.Conv2d"],
    "compute_unit": "macs",
    "estimates": "hidden",
    "direction": "right",
    "turn": "perpendicular",
    "latent": "bottom",
    "merge_threshold": 0.25,
    "viewport": (0.0, 10.0, 0.0, 20.0),
    "theme": "dark",
}


def test_the_state_starts_with_what_is_given(tmp_path):
    assert {*START, "folded"} == shown_values().keys()
    mav = picture_of("unet", folded="bottom", **START)
    assert {name: getattr(mav.state, name) for name in START} == START
    assert mav.state.folded == ["bottom"]
    mav.save_graph(tmp_path / "m.mav.json")
    assert idlmav.load(tmp_path / "m.mav.json", **START).state.param.values().items() >= START.items()
    plain = picture_of("unet").state
    assert {name: getattr(plain, name) for name in START} == {name: shown_values()[name].default for name in START}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"color_by": "flop"}, r"color_by: expected one of operation, .*, got 'flop'\. Did you mean 'flops'\?"),
        ({"size_by": 3}, r"size_by: expected one of none, .*, got 3\."),
        ({"theme": "drak"}, r"theme: expected one of auto, light, dark, got 'drak'\. Did you mean 'dark'\?"),
        ({"query": 3}, r"query: .*int"),
        ({"highlighted": "nn.Conv2d"}, r"highlighted: .*list"),
        ({"merge_threshold": 2}, r"merge_threshold: .*1"),
        ({"selected": "poool"}, r"selected: there is no op, module or group 'poool'\. Did you mean 'pool'\?"),
        ({"latent": "botom"}, r"latent: there is no op and no module 'botom'\. Did you mean 'bottom'\?"),
    ],
)
def test_a_wrong_start_value_is_refused_by_its_name(option, message):
    with pytest.raises((TypeError, ValueError), match=message):
        picture_of("unet", **option)


def test_a_run_of_blocks_can_be_selected_at_first():
    mav = MAV(gallery_graph("gpt"))
    run = next(name for name, group in mav.layout.groups.items() if group.kind != "module")
    assert MAV(mav.graph, selected=run).state.selected == run


def test_an_absent_latent_op_is_none_or_empty():
    assert picture_of("unet", latent=None).state.latent == picture_of("unet").state.latent == ""


@pytest.mark.parametrize(
    "option",
    [{"inputs": torch.ones(2)}, {"device": "cpu"}, {"input_kwargs": {}}, {"sizes": {"x": (1,)}}],
)
def test_a_graph_takes_no_option_of_capture(option, small_graph):
    (name,) = option
    with pytest.raises(TypeError, match=f"MAV: a Graph is already captured, so it takes no {name}"):
        MAV(small_graph, **option)


# -------------------------------------------------------------------------------------------- reading and folding


def test_a_module_is_folded_by_its_path():
    mav = picture_of("unet")
    mav.fold("down.0")
    assert mav.state.folded == ["down.0"]
    mav.fold(["bottom", "down.1"])
    assert set(mav.state.folded) == {"bottom", "down.1"}
    mav.unfold("bottom")
    assert mav.state.folded == ["down.1"]
    mav.fold("all")
    assert mav.state.folded == picture_of("unet", folded=0).state.folded != []
    mav.fold("none")
    assert mav.state.folded == []
    with pytest.raises(ValueError, match=r"folded: .* is needed, got 'botom'\. Did you mean 'bottom'\?"):
        mav.fold("botom")


def test_a_number_of_levels_stays_open():
    mav = MAV(gallery_graph("resnet20"))
    mav.fold(1)
    assert "layer1" not in mav.state.folded
    assert "layer1.0" in mav.state.folded


def test_a_search_finds_ids_in_the_order_of_the_flow():
    mav = picture_of("unet")
    assert mav.find("bottom")[:2] == ["bottom", "bottom.conv1"]
    found = mav.find("class=Conv2d")
    assert found
    assert {mav.graph.node_by_id[name].operation for name in found} == {"nn.Conv2d"}
    order = [node.id for node in mav.graph.nodes]
    assert found == sorted(found, key=order.index)
    assert mav.find("") == mav.find("surely nothing") == []


def test_a_summary_is_the_table_of_the_graph():
    mav = picture_of("unet")
    assert mav.summary(depth=1) == mav.graph.summary(depth=1) != mav.summary()
    assert "bottom" in mav.summary(depth=1)


def test_a_search_counts_as_the_state_does():
    mav = picture_of("unet")
    by_flops = mav.find("flops>1k")
    mav.state.compute_unit = "macs"
    assert mav.find("flops>1k") == by_flops
    assert mav.find("macs>500") == by_flops


def test_a_search_that_cannot_be_read_is_refused_with_its_place():
    with pytest.raises(ValueError, match=r"8.*number.*params>1M"):
        picture_of("unet").find("params>")


# ------------------------------------------------------------------------------------------------------- showing


class Shell:
    """Stands for a Jupyter kernel."""

    def __init__(self):
        self.kernel, self.display, self.shown = object(), self, []

    def get_ipython(self):
        return self

    def __call__(self, value):
        self.shown.append(value)


def test_show_displays_in_a_notebook_and_opens_a_page_from_a_script(monkeypatch):
    mav, opened = small(), []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.delitem(sys.modules, "IPython")
    mav.show()
    (address,) = opened
    assert Path(address.removeprefix("file://")).read_text("utf-8").startswith("<!DOCTYPE html>")
    Path(address.removeprefix("file://")).unlink()

    shell = Shell()
    shell.display = type("display", (), {"display": shell})
    monkeypatch.setitem(sys.modules, "IPython", shell)
    mav.show()
    assert shell.shown == [mav]


def test_a_notebook_s_picture_is_made_once_for_a_state(monkeypatch):
    made: list[str] = []

    def counted(module: str, name: str) -> None:
        function = getattr(import_module(module), name)
        monkeypatch.setattr(f"{module}.{name}", lambda *args, **more: made.append(name) or function(*args, **more))

    counted("idlmav.scene.scene_cache", "build_scene")
    counted("idlmav.still", "to_png")
    mav = small()
    first, _ = mav._repr_mimebundle_()
    assert sorted(made) == ["build_scene", "to_png"]
    assert mav._repr_mimebundle_()[0]["image/png"] == first["image/png"]
    assert sorted(made) == ["build_scene", "to_png"]
    mav.state.color_by = "category"
    mav._repr_mimebundle_()
    assert sorted(made) == ["build_scene", "to_png", "to_png"]
    mav.state.direction = "right"
    assert mav._repr_mimebundle_()[0]["image/png"] != first["image/png"]
    assert sorted(made) == ["build_scene", "build_scene", "to_png", "to_png", "to_png"]


@pytest.mark.parametrize("name", idlmav.__all__)
def test_every_public_name_is_there(name):
    assert getattr(idlmav, name) is not None
    assert name in dir(idlmav)


# ----------------------------------------------------------------------------------------------- wrong models


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Linear, r"model must be an instance, got the class Linear\. Write Linear\(\.\.\.\)"),
        (lambda x: x, r"model must be a torch\.nn\.Module or an idlmav\.Graph, got function"),
        (torch.ones(3), r"idlmav\.Graph, got Tensor"),
        ("resnet18", r"idlmav\.Graph, got str"),
        (None, r"idlmav\.Graph, got NoneType"),
        ({"weight": torch.ones(3)}, r"idlmav\.Graph, got dict"),
        (Path("m.mav.json"), r"got PosixPath\. Open a saved graph with idlmav\.load\(\)"),
    ],
)
def test_what_is_no_model_is_refused(model, message):
    with pytest.raises(TypeError, match=message):
        MAV(model, torch.ones(2))


@pytest.mark.parametrize("direction", ["sideways", "", None, "Down"])
def test_an_unknown_direction_is_refused(direction):
    with pytest.raises(ValueError, match=r"direction: expected one of down, right, up, left, got"):
        MAV(nn.ReLU(), torch.ones(2), direction=direction)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"palette": 3}, "palette: a name or a list of hex colours is needed, got int"),
        ({"palette": None}, "palette: a name or a list of hex colours is needed, got NoneType"),
        ({"avoid_palette_idxs": 10}, "avoid_palette_idxs: expected a set or list of indices, got int"),
        (
            {"fixed_color_map": ["add()"]},
            "fixed_color_map: expected a dict of operations or categories to indices, got list",
        ),
    ],
)
def test_an_option_of_another_kind_is_refused(option, message):
    with pytest.raises(TypeError, match=message):
        MAV(nn.ReLU(), torch.ones(2), **option)


def test_indices_may_be_numpys():
    plain = MAV(nn.ReLU(), torch.ones(2), fixed_color_map={"nn.ReLU": 3}, avoid_palette_idxs=[1])
    numpys = MAV(nn.ReLU(), torch.ones(2), fixed_color_map={"nn.ReLU": np.int64(3)}, avoid_palette_idxs=np.array([1]))
    assert numpys.scene()["colors"] == plain.scene()["colors"]


# ---------------------------------------------------------------------------------------------------- inputs


def test_numpy_is_refused_with_the_way_out():
    with pytest.raises(TypeError, match=r"got a NumPy array\. Write torch\.as_tensor\(x\)"):
        MAV(nn.ReLU(), np.ones((2, 4)))


class Batch(nn.Module):
    """Takes one dict."""

    def forward(self, batch):
        return batch["a"] + batch["b"]


class Pair(nn.Module):
    """Takes two tensors and an option."""

    def forward(self, a, b, *, mask=None):
        x = a + b
        return x if mask is None else x * mask


class Anything(nn.Module):
    """Takes whatever keywords there are."""

    def forward(self, **tensors):
        return sum(tensors.values())


A, B, MASK = torch.ones(2, 4), torch.ones(2, 4), torch.ones(2, 4)


@pytest.mark.parametrize(
    ("model", "inputs", "more", "expected"),
    [
        (Pair, (A, B), None, ["a", "b"]),
        (Pair, {"a": A, "b": B}, None, ["a", "b"]),
        (Pair, {"b": B, "a": A, "mask": MASK}, None, ["a", "b", "mask"]),
        (Pair, (A, B), {"mask": MASK}, ["a", "b", "mask"]),
        (Pair, A, {"b": B}, ["a", "b"]),
        (Pair, {"a": A}, {"b": B}, ["a", "b"]),
        (Anything, {"first": A, "second": B}, None, ["first", "second"]),
        (Batch, {"a": A, "b": B}, None, ["batch.a", "batch.b"]),
        (Batch, ({"a": A, "b": B},), None, ["batch.a", "batch.b"]),
    ],
)
def test_inputs_are_positional_keyword_or_one_dict(model, inputs, more, expected):
    mav = MAV(model(), inputs, input_kwargs=more)
    assert mav.graph.errors == ()
    assert sorted(input_ids(mav)) == expected
    assert {edge.source for edge in mav.graph.edges} >= set(expected), "each is read"


def test_a_dict_with_one_misspelt_name_is_the_models_own_error():
    mav = MAV(Pair(), {"a": A, "bee": B})
    (error,) = mav.graph.errors
    assert error.kind == "TypeError"
    assert "bee" in error.message


def test_a_value_is_given_once():
    with pytest.raises(TypeError, match="'b' is given by inputs and by input_kwargs; give it once"):
        MAV(Pair(), {"a": A, "b": A}, input_kwargs={"b": A})


class Builtin(nn.Module):
    """Its forward has no signature."""

    forward = torch.relu


def test_a_forward_without_a_signature_takes_keywords():
    assert input_ids(MAV(Builtin(), {"input": A})) == ["input"]
    assert MAV(Builtin(), {"input": A}).graph.errors == ()
    assert MAV(Builtin(), {"wrong": A}).graph.errors


def test_input_kwargs_have_names():
    with pytest.raises(TypeError, match="input_kwargs must be a dict of names to values, got the key 1"):
        MAV(Pair(), (A, B), input_kwargs={1: MASK})


@pytest.mark.parametrize("more", [[A], A, "mask"])
def test_input_kwargs_are_a_dict(more):
    with pytest.raises(TypeError, match="input_kwargs must be a dict of names to values, got"):
        MAV(Pair(), (A, A), input_kwargs=more)


def test_the_users_dicts_are_left_alone():
    inputs, more = {"a": A}, {"b": A}
    MAV(Pair(), inputs, input_kwargs=more)
    assert list(inputs) == ["a"]
    assert list(more) == ["b"]


@pytest.mark.parametrize("inputs", [[torch.ones(2, 4)], 3, "text", None, object()])
def test_an_input_of_another_kind_is_drawn_with_the_models_error(inputs):
    mav = MAV(nn.Linear(4, 4), inputs)
    assert len(mav.graph.errors) == 1
    assert mav.scene()["errors"][0]["message"]


# ------------------------------------------------------------------------- what is odd, but not an error of use


def test_sizes_of_inputs_that_are_left_out_are_fixed():
    mav = MAV(torch.nn.Conv2d(3, 8, 3), sizes={"input": (2, None, 32, None)})
    assert mav.graph.inputs == "input: assumed (2, 3, 32, 224) float32"
    with pytest.raises(ValueError, match="Did you mean 'input'"):
        MAV(torch.nn.Conv2d(3, 8, 3), sizes={"inputs": (2, 3, 32, 32)})


def test_no_input_at_all_is_drawn():
    mav = MAV(WrongSize())
    assert mav.graph.errors
    assert mav.graph.totals.param_count == sum(p.numel() for p in WrongSize().parameters())


def test_a_model_without_parameters_is_drawn():
    mav = MAV(Parameterless(), torch.ones(1, 3, 4, 4))
    assert mav.graph.totals.param_count == 0
    assert {"softmax", "mul"} <= {node.op for node in mav.graph.nodes}
    assert set(mav.layout.boxes) == {node.id for node in mav.graph.nodes}


def test_an_empty_forward_is_drawn():
    mav = MAV(Empty())
    assert mav.graph.errors == ()
    assert mav.scene()["totals"]["node_count"] == 0
    assert mav.draw_interactive_graph().get_root() is not None


def test_a_model_on_the_meta_device_is_drawn_as_if_it_had_memory():
    real = MAV(UNet(), torch.ones(1, 3, 16, 16))
    with torch.device("meta"):
        model, x = UNet(), torch.ones(1, 3, 16, 16)
    meta = MAV(model, x)
    assert meta.scene() == real.scene()
    # Only the model there, and the other way round.
    assert MAV(model, torch.ones(1, 3, 16, 16)).scene() == real.scene()


@pytest.mark.parametrize("name", BROKEN)
def test_a_model_that_raises_is_drawn_in_every_form(name):
    example = BROKEN[name]
    mav = MAV(example.model(), example.args(), input_kwargs=example.kwargs())
    assert mav.graph.errors
    assert mav.layout.boxes.keys() == {node.id for node in mav.graph.nodes}
    assert mav.draw_interactive_graph(add_overview=False).get_root() is not None
    assert f"{len(mav.graph.errors)} errors" in repr(mav)


# --------------------------------------------------------------------------------------------- nothing leaks


def test_no_option_of_one_picture_is_found_in_the_next():
    model, x = UNet(), torch.ones(1, 3, 16, 16)
    plain = MAV(model, x).scene()
    fixed, avoid = {"Convolution": 7}, {10}
    other = MAV(model, x, palette="Vivid", avoid_palette_idxs=avoid, fixed_color_map=fixed, direction="right")
    other.state.folded = ["bottom"]
    other.draw_interactive_graph(add_overview=False, add_table=False, height_px=300)
    assert other.scene()["colors"] != plain["colors"]
    assert MAV(model, x).scene() == plain
    assert MAV(model, x).state.folded == []
    assert (fixed, avoid) == ({"Convolution": 7}, {10})


def test_a_picture_keeps_its_colours_when_the_users_map_changes():
    fixed, avoid = {"Convolution": 7}, [10]
    mav = MAV(UNet(), torch.ones(1, 3, 16, 16), palette="Vivid", avoid_palette_idxs=avoid, fixed_color_map=fixed)
    before = mav.scene()
    fixed["Convolution"] = 1
    avoid.append(3)
    assert mav.scene() == before


def test_panels_switched_off_once_are_there_the_next_time():
    mav = small()
    without = mav.draw_interactive_graph(add_overview=False, add_slider=False, add_table=False)
    default = mav.draw_interactive_graph()
    assert len(default.objects[2]) == 5  # of two sliders one is shown
    assert len(without.objects[2]) == 2  # the graph and the details


def test_all_drawings_of_one_model_share_its_state():
    mav = small()
    first, second = (mav.draw_interactive_graph().objects[1] for _ in range(2))
    mav.state.selected = "0"
    assert first.selected == second.selected == "0"
    other = small()
    assert other.state.selected == ""


# --------------------------------------------------------------------------------- the same picture every time


@pytest.mark.parametrize("name", ["unet", "transformer", "lstm", "shared"])
def test_the_same_model_gives_the_same_scene(name):
    example = WORKING[name]
    first, second = (
        MAV(example.model(), example.args(), input_kwargs=example.kwargs(), direction="right") for _ in range(2)
    )
    assert json.dumps(first.scene()) == json.dumps(second.scene())
    assert json.dumps(first.scene()) == json.dumps(first.scene())


@pytest.mark.heavy
def test_another_process_gives_the_same_scene(run_python, monkeypatch):
    scene = MAV(*MODELS["gpt"].make(), palette="Vivid").scene()
    code = """
        import json
        from idlmav import MAV
        from idlmav.gallery.models import MODELS
        print(json.dumps(MAV(*MODELS["gpt"].make(), palette="Vivid").scene()))
    """
    monkeypatch.setenv("PYTHONHASHSEED", "3")
    assert json.loads(run_python(code)) == scene


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_flow_goes_where_it_is_told_to(direction):
    mav = MAV(UNet(), torch.ones(1, 3, 16, 16), direction=direction)
    assert mav.state.direction == mav.layout.direction == mav.scene()["geometry"]["direction"] == direction
    (x0, y0, *_), (x1, y1, *_) = mav.layout.boxes["x"], mav.layout.boxes["output"]
    assert {"down": y1 > y0, "up": y1 < y0, "right": x1 > x0, "left": x1 < x0}[direction]


def test_the_state_turns_the_layout():
    mav = small()
    down = mav.layout
    mav.state.direction = "right"
    assert mav.layout.direction == mav.scene()["geometry"]["direction"] == "right"
    mav.state.direction = "down"
    assert mav.layout is down, "a layout is made once"


def test_repr_says_name_nodes_and_parameters():
    assert repr(small()) == "MAV(Sequential: 2 nodes, 20 parameters)"
    assert repr(MAV(WrongSize(), torch.ones(2, 8))).endswith("1 errors)")


# ----------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("name", ["m.pdf", "m", "m.html.gz", "m.json"])
def test_a_picture_is_saved_as_a_known_kind_only(name, tmp_path):
    with pytest.raises(ValueError, match=rf"save: expected a name that ends in \.html, \.svg or \.png, got '{name}'"):
        small().save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["m.html", "M.HTML", "m.htm"])
def test_a_picture_is_saved_under_the_name_given(name, tmp_path):
    small().save(str(tmp_path / name))
    assert (tmp_path / name).read_text("utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("name", [*WORKING, *BROKEN])
def test_a_loaded_graph_draws_the_same(name, tmp_path):
    example = (WORKING | BROKEN)[name]
    options = {"palette": "Vivid", "avoid_palette_idxs": {10}, "direction": "up"}
    mav = MAV(example.model(), example.args(), input_kwargs=example.kwargs(), **options)
    mav.save_graph(tmp_path / "m.mav.json")
    loaded = idlmav.load(tmp_path / "m.mav.json", **options)
    assert loaded.graph == mav.graph
    assert loaded.scene() == mav.scene()
    assert repr(loaded) == repr(mav)


def test_a_damaged_file_is_refused(tmp_path):
    small().save_graph(tmp_path / "m.mav.json")
    text = (tmp_path / "m.mav.json").read_text("utf-8")
    (tmp_path / "m.mav.json").write_text(text[: len(text) // 2], "utf-8")
    with pytest.raises(GraphFormatError):
        idlmav.load(tmp_path / "m.mav.json")


@pytest.mark.heavy
def test_a_saved_graph_is_drawn_and_saved_without_torch(run_python, tmp_path):
    example = WORKING["unet"]
    mav = MAV(example.model(), example.args())
    mav.save_graph(tmp_path / "m.mav.json")
    code = f"""
        import json, warnings
        # As in pyproject.toml: Bokeh and Panel do so, not we.
        warnings.filterwarnings("ignore", "The inplace keyword", DeprecationWarning)
        import idlmav
        mav = idlmav.load({str(tmp_path / "m.mav.json")!r})
        mav.save({str(tmp_path / "m.html")!r})
        mav.draw_interactive_graph().get_root()
        print(json.dumps(mav.scene()))
    """
    assert json.loads(run_python(code, without=["torch"])) == mav.scene()
    assert (tmp_path / "m.html").stat().st_size > 500_000


def test_a_dict_model_is_drawn_with_its_options():
    mav = MAV(DictModel(), WORKING["dict"].args(), input_kwargs=WORKING["dict"].kwargs())
    assert mav.graph.errors == ()
    assert "scale" in input_ids(mav)


# ------------------------------------------------------------------------- the examples of the founding document


@pytest.fixture(scope="module")
def resnet(torchvision) -> tuple[nn.Module, torch.Tensor]:
    return torchvision.models.resnet18().to("cpu"), torch.randn(16, 3, 160, 160).to("cpu")


@pytest.mark.heavy
def test_the_founding_examples_run(resnet):
    """`notebooks/01_quickstart.ipynb` runs them unchanged; here without a notebook."""
    from idlmav import plotly_renderer_context

    model, x = resnet
    mav = MAV(model, x, device="cpu")
    assert mav.graph.totals.param_count == sum(p.numel() for p in model.parameters())
    assert mav.graph.errors == ()
    with plotly_renderer_context("notebook_connected"):
        container = mav.draw_interactive_graph(add_overview=True)
        figure = mav.draw_release_graph()
    assert len(container.objects[2]) == 5
    assert len(figure.html) < 300_000, "the libraries come from a CDN"
    mav = MAV(
        model,
        x,
        device="cpu",
        palette="Vivid",
        avoid_palette_idxs={10},
        fixed_color_map={"Convolution": 7, "add()": 0, "nn.MaxPool2d": 5},
    )
    with plotly_renderer_context("notebook_connected"):
        container = mav.draw_interactive_graph(add_overview=False, add_slider=False, add_table=False)
    assert len(container.objects[2]) == 2  # the graph and the details


def test_the_unit_of_compute_is_an_option_of_the_picture_not_of_the_graph():
    model, x = torch.nn.Linear(4, 4), torch.zeros(2, 4)
    flops, macs = MAV(model, x), MAV(model, x, compute_unit="macs")
    assert (flops.state.compute_unit, macs.state.compute_unit) == ("flops", "macs")
    assert macs.graph.totals.flops == flops.graph.totals.flops == 2 * 2 * 4 * 4
    with pytest.raises(
        ValueError, match=r"compute_unit: expected one of flops, macs, got 'MACS'\. Did you mean 'macs'\?"
    ):
        MAV(model, x, compute_unit="MACS")
