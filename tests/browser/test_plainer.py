"""A page that was made in a plainer way opens, and tells what is missing."""

from __future__ import annotations

import pytest

from idlmav import MAV
from idlmav.export import html
from idlmav.layout import variants


@pytest.mark.parametrize(
    ("owner", "name", "note"),
    [
        (variants, "compute_layout", "The ops are drawn in one column"),
        (html, "pack", "The ops are drawn in one column"),
    ],
)
def test_a_plainer_page_opens_with_its_note(owner, name, note, offline_page, small_graph, tmp_path, monkeypatch):
    def raise_it(*args, **kwargs):
        raise IndexError("list index out of range")

    monkeypatch.delenv("IDLMAV_STRICT")
    monkeypatch.setattr(owner, name, raise_it)
    MAV(small_graph).save(tmp_path / "x.html")
    offline_page.goto((tmp_path / "x.html").as_uri())
    offline_page.get_by_text(note).first.wait_for()
