"""What opens also draws: any graph, and any change of a saved one that is not refused by the field's name."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repeats.networks import stack
from test_files import graphs

from idlmav import MAV, GraphFormatError
from idlmav.graph import Graph
from idlmav.graph.files import dumps, loads
from idlmav.metrics.totals import complete
from idlmav.still import choices, still_picture, to_svg

Place = tuple[Any, ...]


def draw(graph: Graph) -> None:
    """Lay a graph out, describe it, draw it; a fault of ours raises, as `IDLMAV_STRICT` is set."""
    mav = MAV(graph, color_by="flops", size_by="param_count", merge_threshold=0.5)
    scene = mav.scene()
    json.dumps(scene, allow_nan=False)
    assert to_svg(still_picture(scene, mav.layout, **choices(mav.state)))
    assert mav.summary()
    assert len(graph.to_frame()) == len(graph.nodes)
    mav.fold(0)
    to_svg(still_picture(scene, mav.layout, **choices(mav.state)))


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the way to every value in a JSON document."""
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*place, key))


def at(document: Any, place: Place) -> Any:
    for key in place:
        document = document[key]
    return document


VALUES = [
    None, 0, 1, -1, 2**63 - 1, 2**63, 1.5, True, "", "x", "\x00", "..", "a.b.c.", "input", "output", "failed", [], {}, [1],
    ["x"], [None], [[]], [[1, 2]], [[None]], {"a": "b"},
]  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, documents: list[Any]) -> Any:
    """Drop, repeat, retype, lengthen, count up or replace up to three values of a document."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(1, 3))):
        ways = [place for place in places(document) if place]
        place = draw(st.sampled_from(ways))
        holder, key, value = at(document, place[:-1]), place[-1], at(document, place)
        kind = draw(st.sampled_from(["drop", "repeat", "retype", "lengthen", "count", "replace"]))
        if kind == "drop":
            del holder[key]
        elif kind == "repeat" and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(value))
        elif kind == "lengthen" and isinstance(value, list):
            value.append(copy.deepcopy(draw(st.sampled_from([*value, *VALUES]))))
        elif kind == "count" and type(value) is int:
            holder[key] = value + draw(st.sampled_from([-1, 1, 2, 9]))
        elif kind == "replace":
            holder[key] = copy.deepcopy(at(document, draw(st.sampled_from(ways))))
        else:
            holder[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    return document


def opens_and_draws_or_is_refused(document: Any) -> None:
    try:
        graph = loads(json.dumps(document))
    except GraphFormatError as error:
        assert re.match(r"[\w.\[\]]+: ", str(error)), "the field is named"  # noqa: PT017
        return
    draw(graph)


@pytest.fixture(scope="session")
def documents(small_graph: Graph) -> list[Any]:
    return [json.loads(dumps(graph)) for graph in (small_graph, complete(stack(4)))]


@settings(max_examples=250)
@given(data=st.data())
def test_a_changed_file_is_refused_or_draws(documents: list[Any], data: st.DataObject) -> None:
    opens_and_draws_or_is_refused(data.draw(changed(documents)))


@settings(max_examples=40)
@given(graphs())
def test_any_graph_that_can_be_saved_draws(graph: Graph) -> None:
    draw(loads(dumps(graph)))


@pytest.mark.parametrize("name", ["shapes", "dtypes"])
@pytest.mark.parametrize("by", [-1, 1])
def test_shapes_and_types_belong_together(name: str, by: int, small_graph: Graph) -> None:
    document = json.loads(dumps(small_graph))
    node = document["nodes"][2]
    node[name] = [*node[name], node[name][0]] if by > 0 else node[name][:by]
    with pytest.raises(
        GraphFormatError, match=r"^nodes\[2\]\.dtypes: expected . types, one for each of the shapes, got .\."
    ):
        loads(json.dumps(document))
