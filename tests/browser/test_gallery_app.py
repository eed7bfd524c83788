"""The gallery: opens at once, switches models, and takes the model from the address."""

from __future__ import annotations

import pytest
from browser.driver import Dashboard, middle

from idlmav.gallery.saved import saved_models

MODELS = {model.name: model for model in saved_models()}


def _heading(page, name):
    page.locator(".idlmav-heading b", has_text=name).wait_for()


def test_the_first_model_is_there(chromium_page, served_app):
    chromium_page.goto(served_app)
    dashboard = Dashboard(chromium_page)
    _heading(chromium_page, "ResNet20")
    assert dashboard.rows()[0] == "x"
    options = chromium_page.get_by_label("Model", exact=True).locator("option").all_inner_texts()
    assert options[: len(MODELS)] == [model.title for model in MODELS.values()]


def test_another_model_replaces_the_picture(chromium_page, served_app):
    chromium_page.goto(served_app)
    Dashboard(chromium_page)
    for title, name, node in (("U-Net", "UNet", "encoder.0.0"), ("LSTM classifier", "LSTMClassifier", "lstm")):
        chromium_page.get_by_label("Model", exact=True).select_option(label=title)
        _heading(chromium_page, name)
        # The old one says goodbye, the new one takes its place in the list.
        chromium_page.wait_for_function(
            "(node) => idlmav.length === 1 && idlmav[0].rows().includes(node)", arg=node, timeout=30_000
        )
        dashboard = Dashboard(chromium_page)
        dashboard.rest()
        assert chromium_page.locator(".idlmav-controller").count() == 1
        dashboard.click(dashboard.box(node))
        dashboard.wait_selected(node)
        dashboard.views_agree()
        assert f"model={title.replace(' ', '+')}" in chromium_page.url.replace("%20", "+").replace("%22", "")


@pytest.mark.parametrize("model", list(MODELS.values()), ids=list(MODELS))
def test_every_model_opens_by_its_address(chromium_page, served_app, model):
    chromium_page.goto(f"{served_app}?model={model.title}")
    dashboard = Dashboard(chromium_page)
    chromium_page.get_by_text(model.summary).wait_for()
    assert chromium_page.get_by_label("Model", exact=True).input_value() == model.title
    dashboard.call("fit")
    dashboard.rest()
    boxes = {node["id"] for node in dashboard.nodes() if node["kind"] != "group"}
    assert len(boxes) == chromium_page.evaluate("idlmav[0].node_count")
    assert dashboard.problems_of_edges() == []
    assert dashboard.overlapping() == []
    dashboard.press("Fold")
    dashboard.wait("d.state.folded.length > 0 || !arg", any("." in node for node in boxes))
    dashboard.call("fit")
    dashboard.rest()
    assert dashboard.problems_of_edges() == []
    assert dashboard.overlapping() == []
    dashboard.views_agree()


def test_an_unknown_model_shows_the_first(chromium_page, served_app):
    chromium_page.goto(f"{served_app}?model=<img onerror=alert(1)>")
    Dashboard(chromium_page)
    _heading(chromium_page, "ResNet20")


def test_two_visitors_are_apart(chromium_page, served_app):
    chromium_page.goto(served_app)
    first = Dashboard(chromium_page)
    other = chromium_page.context.new_page()
    other.goto(f"{served_app}?model=U-Net")
    second = Dashboard(other)
    _heading(other, "UNet")
    second.rest()
    second.click(second.nodes()[1])
    second.wait("d.state.selected !== ''")
    before = second.state["viewport"]
    second.wheel(middle(second.graph), 200)
    second.wait_moved(before)
    first.rest()
    assert first.state["selected"] == ""
    _heading(chromium_page, "ResNet20")
