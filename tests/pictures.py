"""Pictures of what is captured from `models.py`, read from files, so that tests of pictures need no torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from idlmav import MAV, Graph
from idlmav.gallery.saved import saved_models
from idlmav.graph.files import load

__all__ = ["BROKEN", "FOLDER", "WORKING", "gallery_graph", "graph_of", "picture_of"]

FOLDER = Path(__file__).parent / "graphs"
"""``python tests/save_graphs.py`` fills it, `tests/capture/test_saved.py` says when that is due."""
_FILES = {file.stem: file for file in sorted(FOLDER.glob("*/*.json"))}
WORKING = tuple(name for name, file in _FILES.items() if file.parent.name == "working")
BROKEN = tuple(name for name, file in _FILES.items() if file.parent.name == "broken")


@cache
def graph_of(name: str) -> Graph:
    """Return the graph of a model of `models.py`."""
    return load(_FILES[name])


def picture_of(name: str, **options: Any) -> MAV:
    """Draw a model of `models.py`."""
    return MAV(graph_of(name), **options)


@cache
def gallery_graph(name: str) -> Graph:
    """Return the graph of a model of the package's gallery."""
    (saved,) = (model for model in saved_models() if model.name == name)
    return saved.graph()
