"""Suggestions for what was misspelt."""

from __future__ import annotations

import pytest

from idlmav.errors import GraphFormatError, IdlmavError, did_you_mean


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("add_overveiw", " Did you mean 'add_overview'?"),
        ("ADD_TABLE", " Did you mean 'add_table'?"),
        ("addtable", " Did you mean 'add_table'?"),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_did_you_mean_names_the_nearest(name, hint):
    assert did_you_mean(name, ["add_overview", "add_slider", "add_table"]) == hint


def test_a_wrong_file_is_a_value_error_and_one_of_ours():
    assert issubclass(GraphFormatError, ValueError)
    assert issubclass(GraphFormatError, IdlmavError)
