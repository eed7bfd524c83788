"""Write the graphs that tests of pictures draw: ``python tests/save_graphs.py``."""

from __future__ import annotations

import torch
from models import MODELS, Example
from pictures import FOLDER

from idlmav import MAV, Graph


def captured(example: Example) -> Graph:
    """Return what capture finds in a model."""
    torch.manual_seed(0)  # a model may take the way that its inputs say
    return MAV(example.model(), example.args(), input_kwargs=example.kwargs()).graph


def main() -> None:
    """Capture every model and write it to the folder of its kind."""
    for kind, examples in MODELS.items():
        (FOLDER / kind).mkdir(parents=True, exist_ok=True)
        for name, example in examples.items():
            MAV(captured(example)).save_graph(FOLDER / kind / f"{name}.json")


if __name__ == "__main__":
    main()
