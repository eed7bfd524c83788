"""The saved graphs of `tests/pictures.py` equal those that capture makes today."""

from __future__ import annotations

from dataclasses import replace

import pytest
from models import MODELS
from pictures import FOLDER, graph_of
from save_graphs import captured

from idlmav import Graph

EXAMPLES = {name: example for examples in MODELS.values() for name, example in examples.items()}


def without_places(graph: Graph) -> Graph:
    """Leave out what another version of torch, another line or another folder changes."""
    nodes = tuple(replace(node, source=None) for node in graph.nodes)
    errors = tuple(replace(error, source=None) for error in graph.errors)
    return replace(graph, nodes=nodes, errors=errors, info={})


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_saved_graph_is_what_capture_finds_today(torchvision, name):
    found = without_places(captured(EXAMPLES[name]))
    assert without_places(graph_of(name)) == found, "python tests/save_graphs.py"


def test_every_model_is_saved_once():
    saved = sorted((file.parent.name, file.stem) for file in FOLDER.glob("*/*"))
    assert saved == sorted((kind, name) for kind, examples in MODELS.items() for name in examples)
    assert len(EXAMPLES) == len(saved), "no name is used twice"
