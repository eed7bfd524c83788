"""The logarithmic scale of a legend: shares, ranges, ticks."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from assets.node import run_js

RUN = """
    const { LogScale } = await load("legend/scale");
    const scale = new LogScale(input.range);
    return {
      shares: (input.values ?? []).map((value) => scale.share(value)),
      ranges: (input.shares ?? []).map(([first, last]) => scale.range(first, last)),
      ticks: scale.ticks(),
    };
"""


def test_a_share_is_logarithmic():
    found = run_js(RUN, {"range": [1, 1e6], "values": [0, 1, 1e3, 1e6, 1e9]})["shares"]
    assert found == pytest.approx([0, 0, 0.5, 1, 1])


def test_a_range_of_shares_becomes_a_range_of_values_that_begins_with_zero():
    found = run_js(RUN, {"range": [10, 1e5], "shares": [[0, 1], [0, 0.5], [0.25, 1]]})["ranges"]
    assert found == [[0, 1e5], [0, 1000], [100, 1e5]]


def test_equal_ends_do_not_divide_by_zero():
    found = run_js(RUN, {"range": [7, 7], "values": [0, 7], "shares": [[0, 1]]})
    assert found["shares"] == [0, 0]
    assert found["ranges"] == [[0, 7]]
    assert [tick["text"] for tick in found["ticks"]] == ["7"]


@pytest.mark.parametrize(
    ("ends", "texts"),
    [
        ([25_088, 236e6], ["100 k", "1 M", "10 M", "100 M"]),
        ([1000, 1e6], ["1 k", "10 k", "100 k", "1 M"]),
        ([3, 8], ["3", "8"]),
        ([1, 1e15], ["1", "1 k", "1 M", "1 G", "1 T", "1000 T"]),
    ],
)
def test_ticks_are_round_numbers_at_their_shares(ends, texts):
    ticks = run_js(RUN, {"range": ends})["ticks"]
    assert [tick["text"] for tick in ticks] == texts
    assert all(0 <= tick["share"] <= 1 for tick in ticks)
    gaps = [b["share"] - a["share"] for a, b in pairwise(ticks)]
    assert all(math.isclose(gap, gaps[0], rel_tol=1e-6) for gap in gaps)
