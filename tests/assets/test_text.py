"""Numbers as a person reads them, the same in the browser as in Python."""

from __future__ import annotations

import pytest
from assets.node import run_js

from idlmav.graph.text import humane, thousands

NUMBERS = [
    *(0, 1, 7, 12, 999, 1000, 1001, 1499, 1500, 9994, 9996, 12345, 99_949, 99_951, 123_456, 999_499, 999_999),
    *(10**6, 11_689_512, 29_603_512_320, 999_999_999, 10**9, 10**12, 1_234_567_890_123, 5 * 10**15),
]


@pytest.mark.parametrize("unit", ["FLOPs", ""])
def test_javascript_and_python_write_numbers_alike(unit):
    code = 'const { humane } = await load("base/text"); return input.numbers.map((n) => humane(n, input.unit));'
    assert run_js(code, {"numbers": NUMBERS, "unit": unit}) == [humane(number, unit) for number in NUMBERS]


def test_javascript_and_python_separate_thousands_alike():
    code = 'const { thousands } = await load("base/text"); return input.map(thousands);'
    assert run_js(code, NUMBERS) == [thousands(number) for number in NUMBERS]


def test_what_is_not_known_is_said():
    assert run_js('const { humane } = await load("base/text"); return [humane(null), humane(undefined, "B")];') == [
        "unknown",
        "unknown",
    ]


@pytest.mark.parametrize(
    ("width", "shown"),
    [(120, "Convolution"), (66, "Convolution"), (65, "Convoluti…"), (40, "Convo…"), (23, ""), (0, "")],
)
def test_a_text_that_does_not_fit_is_cut_or_left_out(width, shown):
    """Each of the 11 characters is 6 px wide at 10 px."""
    code = 'const { fitText } = await load("base/text"); return fitText("Convolution", input, 10);'
    found = run_js(code, width, char_width=60)
    assert found == shown
    assert len(found) * 6 <= width
