"""The store calls its listeners once per change, and not for equal values."""

from __future__ import annotations

from typing import Any

import pytest
from assets.node import run_js

BEGIN = """
    const { Store, same } = await load("base/store");
    const heard = [];
    const store = new Store({selected: "", folded: [], viewport: null, value_range: null});
    store.subscribe((changed, origin) => heard.push([[...changed], origin]));
"""


def run(code: str, value: Any = None) -> Any:
    return run_js(BEGIN + code, value)


def test_a_listener_is_called_once_for_a_change_of_several_values():
    code = 'store.set({selected: "a", folded: ["b"], viewport: null}, "tap"); return heard;'
    assert run(code) == [[["selected", "folded"], "tap"]]


def test_an_equal_value_is_not_a_change():
    code = """
        store.set({selected: "", folded: [], viewport: null, value_range: null}, "x");
        store.set({viewport: [1, 2, 3, 4]}, "x");
        store.set({viewport: [1, 2, 3, 4]}, "y");
        return heard;
    """
    assert run(code) == [[["viewport"], "x"]]


def test_every_listener_sees_the_new_value_in_the_order_of_subscription():
    code = """
        const seen = [];
        for (const name of ["first", "second"]) store.subscribe(() => seen.push([name, store.get("selected")]));
        store.set({selected: "a"});
        return seen;
    """
    assert run(code) == [["first", "a"], ["second", "a"]]


def test_a_listener_may_set_further_values():
    code = """
        store.subscribe((changed) => { if (changed.has("selected")) store.set({folded: []}, "follow"); });
        store.set({folded: ["a"]}, "person");
        store.set({selected: "a"}, "person");
        return {heard, folded: store.get("folded")};
    """
    assert run(code) == {
        "heard": [[["folded"], "person"], [["selected"], "person"], [["folded"], "follow"]],
        "folded": [],
    }


def test_a_change_of_a_copy_does_not_change_the_store():
    code = """
        const copy = store.copy();
        copy.folded.push("a");
        copy.selected = "a";
        return [store.get("folded"), store.get("selected"), heard];
    """
    assert run(code) == [[], "", []]


def test_the_store_copies_its_first_values():
    code = "const mine = {selected: 'a'}; const own = new Store(mine); own.set({selected: 'b'}); return mine;"
    assert run(code) == {"selected": "a"}


@pytest.mark.parametrize(
    ("pair", "equal"),
    [
        (["a", "a"], True),
        ([1, "1"], False),
        ([None, None], True),
        ([None, [0, 1]], False),
        ([[], []], True),
        ([[1, 2], [1, 2]], True),
        ([[1, 2], [2, 1]], False),
        ([[1, 2], [1, 2, 3]], False),
        ([[], None], False),
    ],
)
def test_lists_are_equal_if_their_items_are(pair, equal):
    assert run("return [same(...input), same(...input.toReversed())];", pair) == [equal, equal]


def test_not_a_number_is_equal_to_itself():
    assert run("return [same(NaN, NaN), same([NaN], [NaN]), same(NaN, 0)];") == [True, True, False]
