"""`plotly_renderer_context` chooses the source of JavaScript inside its block only."""

from __future__ import annotations

import threading

import pytest

from idlmav import plotly_renderer_context
from idlmav.export.resources import current_resources


@pytest.mark.parametrize(
    ("name", "resources"),
    [
        ("notebook", "embedded"),
        ("notebook_connected", "connected"),
        ("jupyterlab", "embedded"),
        ("jupyterlab_connected", "connected"),
        ("iframe_connected", "connected"),
        ("browser", "embedded"),
        ("vscode", "embedded"),
    ],
)
def test_a_name_chooses_the_source(name, resources):
    assert current_resources() == "embedded"
    with plotly_renderer_context(name):
        assert current_resources() == resources
    assert current_resources() == "embedded"


def test_the_innermost_context_counts_and_restores_the_outer_one():
    with plotly_renderer_context("notebook_connected"):
        with plotly_renderer_context("notebook"):
            assert current_resources() == "embedded"
            with plotly_renderer_context("notebook_connected"):
                assert current_resources() == "connected"
            assert current_resources() == "embedded"
        assert current_resources() == "connected"
    assert current_resources() == "embedded"


def test_an_error_inside_restores_the_outer_context():
    with pytest.raises(KeyError, match="inside"), plotly_renderer_context("notebook_connected"):
        raise KeyError("inside")
    assert current_resources() == "embedded"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("notebok", " Did you mean 'notebook'?"), ("notebook_conected", " Did you mean 'notebook_connected'?"), ("", "")],
)
def test_an_unknown_name_is_refused(name, hint):
    with (
        pytest.raises(ValueError, match="Known names: notebook, notebook_connected") as error,
        plotly_renderer_context(name),
    ):
        pytest.fail("the block must not run")
    assert f"{name!r} is not known.{hint}" in str(error.value)
    assert current_resources() == "embedded"


def test_a_context_in_one_thread_does_not_affect_another():
    seen: list[str] = []
    with plotly_renderer_context("notebook_connected"):
        thread = threading.Thread(target=lambda: seen.append(current_resources()))
        thread.start()
        thread.join()
    assert seen == ["embedded"]
