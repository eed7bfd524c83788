"""
Milliseconds of each stage between a model and its saved page, beside one FakeTensor forward of the same model.

Fails if capture takes more than a quarter of that yardstick.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch._subclasses import FakeTensorMode

sys.path.insert(0, str(Path(__file__).parents[1]))
import torchvision_shim  # noqa: F401 - torchvision cannot be imported before it

from idlmav import MAV
from idlmav.capture import capture
from idlmav.labels import node_sizes
from idlmav.layout import compute_layout
from idlmav.metrics import complete

REPEATS = 7
ALLOWED = 0.25
Make = Callable[[], tuple[nn.Module, tuple[Any, ...]]]


def resnet50() -> tuple[nn.Module, tuple[Any, ...]]:
    import torchvision

    return torchvision.models.resnet50().eval(), (torch.zeros(1, 3, 224, 224),)


def bert() -> tuple[nn.Module, tuple[Any, ...]]:
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig()).eval(), (torch.zeros(1, 128, dtype=torch.long),)


def milliseconds(call: Callable[[], object], repeats: int = REPEATS) -> tuple[float, float]:
    """Return the time of the first call and the median of those after it."""
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - started))
    return times[0], statistics.median(times[1:])


def fake_forward(make: Make) -> Callable[[], object]:
    """Return a forward pass of the model under torch's FakeTensorMode."""
    mode = FakeTensorMode()
    with mode:
        model, inputs = make()

    def forward() -> None:
        with mode, torch.no_grad():
            model(*inputs)

    return forward


def measure(make: Make) -> dict[str, tuple[float, float]]:
    with torch.device("meta"):
        model, inputs = make()
    mav = MAV(complete(capture(model, inputs, {})))
    sizes = node_sizes(mav.graph)
    found = {
        "capture": milliseconds(lambda: capture(model, inputs, {})),
        "metrics": milliseconds(lambda: complete(mav.graph)),
        "layout": milliseconds(lambda: compute_layout(mav.graph, sizes)),
        "scene": milliseconds(mav.scene),
    }
    with tempfile.TemporaryDirectory() as folder:
        found["save"] = milliseconds(lambda: mav.save(Path(folder, "m.html")), repeats=2)
    found["FakeTensor forward"] = milliseconds(fake_forward(make))
    return found


def main() -> int:
    missed = 0
    for make in (resnet50, bert):
        print(f"{make.__name__:20}{'first':>10}{'median':>10}  ms")
        found = measure(make)
        for stage, (first, median) in found.items():
            print(f"  {stage:18}{first:10.1f}{median:10.1f}")
        ratio = found["capture"][1] / found["FakeTensor forward"][1]
        print(f"  capture / yardstick: {ratio:.3f} (at most {ALLOWED})\n")
        missed += ratio > ALLOWED
    return missed


if __name__ == "__main__":
    sys.exit(main())
