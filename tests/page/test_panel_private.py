"""Panel has the names that its reference does not describe, and an error says which one a version lacks."""

from __future__ import annotations

import pkgutil
from types import SimpleNamespace
from typing import Any

import pytest
from bokeh.document import Document
from pictures import picture_of

from idlmav.errors import IdlmavError
from idlmav.page import panel_private
from idlmav.page.panel_private import PRIVATE, document_parts, lacking, panel_stylesheet


def test_the_installed_panel_has_every_private_name():
    assert lacking() == {}, "these names of Panel are gone; each text says what does not work without it"


@pytest.mark.parametrize("name", [name for name in PRIVATE if name.startswith("panel.io.resources")])
def test_a_missing_name_is_an_error_that_says_what_does_not_work(name, monkeypatch):
    def resolve_name(wanted: str) -> Any:
        if wanted == name:
            raise AttributeError(wanted)
        return pkgutil.resolve_name(wanted)

    monkeypatch.setattr(panel_private, "resolve_name", resolve_name)
    assert lacking() == {name: PRIVATE[name]}
    with pytest.raises(IdlmavError, match=r"install panel") as error:
        panel_stylesheet("x.css") if "DIST" in name else document_parts(Document(), "inline")
    assert f"{name}: {PRIVATE[name]}" in str(error.value)


def test_a_panel_without_its_tables_draws_and_saves(monkeypatch, tmp_path):
    monkeypatch.setattr(panel_private, "state", SimpleNamespace())
    mav = picture_of("relu")
    mav.save(tmp_path / "m.html")
    view = mav.draw_interactive_graph()
    view._cleanup(view.get_root())
    mav.state.selected = "relu"


def test_a_page_is_saved_by_a_panel_that_compiles_modules_itself(monkeypatch, tmp_path):
    monkeypatch.setitem(PRIVATE, "panel.custom.JSComponent._no_such_name", "every page: it opens later")
    assert list(lacking()) == ["panel.custom.JSComponent._no_such_name"]
    picture_of("relu").save(tmp_path / "m.html")
