"""The toolbar: what it says is text, what it offers is what the state takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pictures import picture_of

from idlmav.metrics.totals import complete
from idlmav.page.views.controls import toolbar
from idlmav.state import COLOR_BY, COMPUTE_UNITS, ESTIMATES, SIZE_BY, ViewState

HOSTILE = '<img src=x onerror="alert(1)">&amp;'


def heading(graph) -> str:
    return toolbar("uid", graph, ViewState()).objects[0].object


def test_the_heading_says_what_the_model_is():
    graph = picture_of("unet").graph
    text = heading(graph)
    assert f"<b>{graph.name}</b>" in text
    assert graph.inputs in text


@pytest.mark.parametrize("field", ["name", "inputs"])
def test_html_in_the_heading_is_escaped(small_graph, field):
    text = heading(complete(replace(small_graph, **{field: HOSTILE})))
    assert "<img" not in text
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;amp;" in text


CHOICES = {"color_by": COLOR_BY, "size_by": SIZE_BY, "compute_unit": COMPUTE_UNITS, "estimates": ESTIMATES}


@pytest.mark.parametrize(("name", "choices"), CHOICES.items())
def test_the_drop_downs_offer_what_the_state_takes(small_graph, name, choices):
    last = list(choices)[-1]
    state = ViewState(**{name: last})
    (select,) = toolbar("uid", small_graph, state).select(lambda item: f"uid-{name}" in item.tags)
    assert select.options == {title: value for value, title in choices.items()}
    assert select.value == last
    for value in select.options.values():
        setattr(state, name, value)


def test_the_search_box_shows_the_query(small_graph):
    (box,) = toolbar("uid", small_graph, ViewState(query="conv")).select(lambda item: "uid-query" in item.tags)
    assert box.value == "conv"
