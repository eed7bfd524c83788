"""The state is declared once: a value that is added to `ViewState` alone is found everywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, get_args, get_type_hints

import param
import pytest

from idlmav.layout.variants import DIRECTIONS, TURNS
from idlmav.state import (
    ViewOptions,
    ViewState,
    declaration,
    layout_names,
    markdown_table,
    still_names,
    titles,
    value_names,
)

ADD = """
import param
from idlmav.state import ViewState

ViewState.param.add_parameter("glow", param.Selector(
    default="faint", objects={"Faint": "faint", "Bright": "bright"}, label="Glow", doc="How boxes glow.",
    metadata={"drop_down": True},
))
"""
FIND = """
import json
import warnings
from pathlib import Path

from idlmav.page.views.controls import toolbar
from idlmav.state import declaration, markdown_table
from idlmav.still import choices
from pictures import picture_of

warnings.filterwarnings("ignore", "The inplace keyword in")  # as in pyproject.toml
mav = picture_of("unet")
root = mav.draw_interactive_graph()
controller = root.objects[1]
mav.state.glow = "bright"
in_browser = controller.glow
controller.glow = "faint"
(model,) = [m for m in root.get_root().select({}) if "fields" in m.properties()]
(select,) = root.select(lambda item: any(str(tag).endswith("-glow") for tag in item.tags))
print(json.dumps({
    "browser": in_browser,
    "python": mav.state.glow,
    "model": model.glow,
    "declared": next(field for field in json.loads(model.fields) if field["name"] == "glow"),
    "drop_down": [select.label, select.options],
    "still": choices(mav.state)["glow"],
    "table": next(line for line in markdown_table().splitlines() if "glow" in line),
}))
mav.save(PATH)
"""


def test_a_made_up_value_is_found_everywhere_in_python(run_python, tmp_path):
    code = f"PATH = {str(tmp_path / 'm.svg')!r}\nsys.path.insert(0, 'tests')\n{ADD}\n{FIND}"
    assert json.loads(run_python(code)) == {
        "browser": "bright",
        "python": "faint",
        "model": "faint",
        "declared": {
            "name": "glow", "kind": "text", "default": "faint", "choices": ["faint", "bright"], "length": None,
            "most": None, "layout": False, "address": True, "drop_down": True,
        },
        "drop_down": ["Glow", {"Faint": "faint", "Bright": "bright"}],
        "still": "faint",
        "table": "| `glow` | `'faint'` | How boxes glow. One of `'faint'`, `'bright'`. |",
    }  # fmt: skip


def test_type_checkers_see_the_same_values():
    hints = get_type_hints(ViewOptions)
    assert tuple(hints) == value_names()
    for name, hint in hints.items():
        parameter: Any = ViewState.param[name]
        if isinstance(parameter, param.Selector):
            assert get_args(hint) == tuple(parameter.objects)
        elif name == "folded":  # as an option it may also be a word, a number of levels or a module
            assert Iterable[str] in get_args(hint)
        elif parameter.default is None:
            assert type(None) in get_args(hint)
        else:
            assert (getattr(hint, "__origin__", hint)) is type(parameter.default)


def test_the_declaration_is_plain_json():
    fields = declaration()
    assert json.loads(json.dumps(fields)) == fields
    assert tuple(field["name"] for field in fields) == value_names()
    kinds = {field["name"]: field["kind"] for field in fields}
    assert {name for name, kind in kinds.items() if kind == "list"} == {"folded", "highlighted"}
    assert {name for name, kind in kinds.items() if kind == "tuple"} == {"viewport", "value_range"}
    assert {name for name, kind in kinds.items() if kind == "number"} == {"merge_threshold"}


def test_layout_and_still_pictures_depend_on_different_values():
    assert set(layout_names()) == {"direction", "turn", "latent", "merge_threshold"}
    assert set(value_names()) - set(layout_names()) - set(still_names()) == {"viewport", "theme"}


@pytest.mark.parametrize(("name", "known"), [("direction", DIRECTIONS), ("turn", TURNS)])
def test_the_choices_are_those_of_the_layout(name, known):
    assert set(titles(name)) == set(known)


def test_the_table_has_a_line_for_each_value():
    lines = markdown_table().splitlines()
    assert [line.split("`")[1] for line in lines[2:]] == list(value_names())
    assert {line.count("|") for line in lines} == {4}
