"""The gallery as saved graphs, for places without torch, such as Pyodide."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import as_file, files

from idlmav.graph import Graph
from idlmav.graph.files import load

__all__ = ["SavedModel", "saved_models"]

_FOLDER = files("idlmav") / "gallery" / "saved_graphs"


@dataclass(frozen=True, slots=True)
class SavedModel:
    """A model whose graph is a file of the package, named `name`, which ``apps/save_gallery.py`` writes."""

    name: str
    title: str
    summary: str

    def graph(self) -> Graph:
        """Return the graph, with totals."""
        with as_file(_FOLDER / f"{self.name}.json") as path:
            return load(path)


def saved_models() -> tuple[SavedModel, ...]:
    """Return the models that the gallery shows without torch, in its order."""
    index = json.loads((_FOLDER / "index.json").read_text("utf-8"))
    return tuple(SavedModel(**entry) for entry in index)
