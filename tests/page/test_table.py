"""What Python says of the table: its place; the browser fills it."""

from __future__ import annotations

from idlmav.page.views.table import table_view


def test_no_row_is_in_a_page_a_second_time():
    table = table_view("uid")
    assert table.tags == ["uid-table"]
    model = table.get_root()
    assert {name: len(values) for name, values in model.source.data.items()} == {"index": 0}
    assert not model.editable
    assert model.select_mode is False, "the controller selects"
