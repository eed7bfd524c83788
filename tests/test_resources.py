"""`plotly_renderer_context`: where the JavaScript comes from inside the block, and only there."""

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
def test_a_name_says_where_from(name, resources):
    assert current_resources() == "embedded"
    with plotly_renderer_context(name):
        assert current_resources() == resources
    assert current_resources() == "embedded"


def test_the_innermost_counts_and_each_is_restored():
    with plotly_renderer_context("notebook_connected"):
        with plotly_renderer_context("notebook"):
            assert current_resources() == "embedded"
            with plotly_renderer_context("notebook_connected"):
                assert current_resources() == "connected"
            assert current_resources() == "embedded"
        assert current_resources() == "connected"
    assert current_resources() == "embedded"


def test_an_error_inside_restores_too():
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


def test_a_block_in_one_thread_is_none_in_another():
    seen: list[str] = []
    with plotly_renderer_context("notebook_connected"):
        thread = threading.Thread(target=lambda: seen.append(current_resources()))
        thread.start()
        thread.join()
    assert seen == ["embedded"]
