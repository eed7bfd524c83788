"""The view in the address of a page: what is written is read again, what nobody can have chosen is passed over."""

from __future__ import annotations

from typing import Any

import pytest
from assets.node import run_js
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from idlmav.state import declaration

FIRST: dict[str, Any] = {
    "selected": "", "folded": ["b"], "viewport": None, "query": "", "color_by": "operation", "size_by": "none",
    "value_range": None, "highlighted": [], "compute_unit": "flops", "estimates": "shown", "theme": "auto",
    "direction": "down", "turn": "opposite", "latent": "", "merge_threshold": -1,
}  # fmt: skip
BEGIN = """
    globalThis.location = {hash: "", pathname: "/page", search: "?model=A"};
    globalThis.history = {state: 7, calls: [], replaceState(...args) {
      this.calls.push(args);
      location.hash = args[2].startsWith("#") ? args[2] : "";
    }};
    const { Address } = await load("page/address");
    const { Store } = await load("base/store");
    const scene = {
      totals: {name: "Net & Co", node_count: 3}, first_folds: ["b"], flows: input.live === false ? {} : null,
      groups: {path: ["a", "b"], kind: ["module", "module"]},
      geometry: {groups: {ids: ["a", "b"], parent: [-1, 0]}},
    };
    const geometry = {scene, resolve: (name) => (["a.x", "y"].includes(name) ? name : "")};
    const open = (values) => {
      const store = new Store(values);
      return new Address({store, geometry, fields: input.fields, isMoved: () => true});
    };
    const from = (hash, values = input.first) => { location.hash = hash; return open(values).read(); };
    const writtenOf = (values, viewport = null) => {
      location.hash = "";
      const address = open(input.first);
      address.store.set(values, "page");
      address.viewport = viewport ?? address.viewport;
      address.write();
      return location.hash;
    };
"""
TEXT = st.text(st.sampled_from(list("ab,.&=#%+/<>é' \"")), max_size=6)
NAME = st.text(st.sampled_from(list("ab,.&=#%+/<>é' \"")), min_size=1, max_size=6)
SIDE = st.integers(-10_000, 10_000).map(lambda tenths: tenths / 10)
PART = st.tuples(*[st.integers(-10_000, 10_000), st.integers(1, 30_000)] * 2).map(
    lambda part: [part[0] / 10, (part[0] + part[1]) / 10, part[2] / 10, (part[2] + part[3]) / 10]
)
VALUES = st.fixed_dictionaries({}, optional={
    "selected": TEXT,
    "query": TEXT,
    "folded": st.lists(NAME, max_size=3),
    "highlighted": st.lists(NAME, max_size=3),
    "color_by": st.sampled_from(["operation", "flops"]),
    "compute_unit": st.sampled_from(["flops", "macs"]),
    "direction": st.sampled_from(["down", "left"]),
    "turn": st.sampled_from(["opposite", "none"]),
    "latent": st.sampled_from(["", "a", "y"]),
    "merge_threshold": st.sampled_from([-1, 0, 0.05]),
    "value_range": st.one_of(
        st.none(), st.tuples(SIDE, SIDE).map(sorted), SIDE.map(lambda end: [end, None]), SIDE.map(lambda end: [None, end])
    ),
    "viewport": PART,
})  # fmt: skip


def run(code: str, **values: Any) -> Any:
    return run_js(BEGIN + code, {"first": FIRST, "fields": declaration(), **values})


@settings(max_examples=10, phases=[Phase.generate])
@given(st.lists(VALUES, min_size=10, max_size=20))
def test_what_is_written_is_read_again(all_values):
    code = """
        return input.all.map((values) => {
          const hash = writtenOf(values, values.viewport);
          return [hash, from(hash)];
        });
    """
    for values, (written, read) in zip(all_values, run(code, all=all_values), strict=True):
        changed = {name: value for name, value in values.items() if value != FIRST[name]}
        if not changed:
            assert written == ""
            assert read is None
            continue
        # A depth is told for what folds the same groups.
        if "folded" in changed and "depth=" in written:
            assert set(read["folded"]) == set(changed["folded"])
            changed["folded"] = read["folded"]
        assert read == changed


@pytest.mark.parametrize(
    ("values", "hash_"),
    [
        ({}, ""),
        ({"selected": "a.x"}, "#view=Net%20%26%20Co-3&selected=a.x"),
        ({"folded": ["a", "b"]}, "#view=Net%20%26%20Co-3&depth=0"),
        ({"folded": ["a"]}, "#view=Net%20%26%20Co-3&folded=a"),
        ({"folded": []}, "#view=Net%20%26%20Co-3&depth=all"),
        ({"theme": "dark"}, ""),
        ({"color_by": "flops", "value_range": [10, 2000]}, "#view=Net%20%26%20Co-3&color_by=flops&value_range=10,2000"),
    ],
)
def test_only_what_differs_is_told(values, hash_):
    assert run("return writtenOf(input.values);", values=values) == hash_


def test_what_python_has_set_is_told_with_the_rest():
    values = FIRST | {"color_by": "flops", "folded": []}
    code = """
        const address = open(input.values);
        const before = address.written();
        address.store.set({selected: "y"}, "page");
        const after = address.written();
        address.store.set({selected: "", color_by: "operation"}, "page");
        return [before, after, address.written()];
    """
    view = "#view=Net%20%26%20Co-3"
    assert run(code, values=values) == [
        "",
        f"{view}&selected=y&depth=all&color_by=flops",
        f"{view}&depth=all&color_by=operation",
    ]


def test_the_rest_of_the_address_stays():
    code = 'const a = open(input.first); a.write(); a.store.set({selected: "y"}); a.write(); a.store.set({selected: ""}); a.write(); return history.calls;'
    told = "#view=Net%20%26%20Co-3&selected=y"
    assert run(code) == [[7, "", told], [7, "", "/page?model=A"]]


def test_what_somebody_else_has_written_stays_until_there_is_something_to_tell():
    code = """
        location.hash = "#chapter-2";
        const address = open(input.first);
        address.write();
        const before = location.hash;
        address.store.set({selected: "y"}, "page");
        address.write();
        return [before, location.hash];
    """
    assert run(code) == ["#chapter-2", "#view=Net%20%26%20Co-3&selected=y"]


@pytest.mark.parametrize(
    "hash_",
    ["", "#chapter-2", "#view=Net-3&selected=y", "#view=Net%20%26%20Co-4&selected=y", "#view=%E0%A4%A&selected=y"],
)
def test_links_to_something_else_mean_nothing(hash_):
    assert run("return from(input.hash);", hash=hash_) is None


@pytest.mark.parametrize(
    "told",
    [
        "color_by=bogus", "direction=north", "turn=round", "viewport=1,2,3", "viewport=1,2,x,4", "viewport=1,2,3,Infinity", "viewport=5,1,2,9",
        "value_range=1", "value_range=2,1", "value_range=,", "viewport=,1,,2", "viewport=,,,", "viewport=", "merge_threshold=2", "merge_threshold=", "latent=nothing", "depth=99", "query=%E0%A4%A", "nonsense",
        "__proto__=1", "constructor=1", "theme=dark",
    ],
)  # fmt: skip
def test_what_nobody_can_have_chosen_is_passed_over(told):
    assert run("return from('#view=Net%20%26%20Co-3&selected=y&' + input.told);", told=told) == {"selected": "y"}


def test_without_python_no_other_layout_is_asked_for():
    told = "#view=Net%20%26%20Co-3&latent=y&merge_threshold=0&turn=none&direction=up"
    assert run("return from(input.told);", told=told, live=False) == {"turn": "none", "direction": "up"}
