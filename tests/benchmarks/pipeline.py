"""
Milliseconds of each stage between a model and its saved page, beside one FakeTensor forward of the same model.

Fails if capture takes more than a quarter of that yardstick, both of them warm and run in turn. The ratio of the first
run of each, which is what a person waits for, is printed beside it.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch._subclasses import FakeTensorMode

sys.path.insert(0, str(Path(__file__).parents[1]))
import torchvision_shim  # noqa: F401 - torchvision cannot be imported before it

from idlmav import MAV
from idlmav.capture import capture
from idlmav.graph import files
from idlmav.layout import compute_layout
from idlmav.layout.input.labels import node_sizes
from idlmav.metrics.totals import complete
from idlmav.still import still_picture

REPEATS = 7
PAIRS = 15
ALLOWED = 0.25
QUERY = "op~/(norm|relu)/i & params>1k | shape==*x56x56 | class==Linear & !layer"
Times = tuple[float, float]
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
    return times[0], statistics.median(times[1:] or times)


def in_turn(
    call: Callable[[], object], yardstick: Callable[[], object], pairs: int = PAIRS
) -> tuple[Times, Times, float]:
    """
    Run two calls in turn, so that both meet the same drift of the machine's speed.

    Returns
    -------
    call, yardstick : tuple of float
        Time of the first run and median of those after it, in ms.
    ratio : float
        Median over the pairs after the first of the call's time by the yardstick's.
    """
    times = [(milliseconds(call, 0)[0], milliseconds(yardstick, 0)[0]) for _ in range(pairs + 1)]
    first, rest = times[0], times[1:]
    ratio = statistics.median(ours / theirs for ours, theirs in rest)
    ours, theirs = ((first[i], statistics.median(pair[i] for pair in rest)) for i in (0, 1))
    return ours, theirs, ratio


def fake_forward(make: Make) -> Callable[[], object]:
    """Return a forward pass of the model under torch's FakeTensorMode."""
    mode = FakeTensorMode()
    with mode:
        model, inputs = make()

    def forward() -> None:
        with mode, torch.no_grad():
            model(*inputs)

    return forward


def measure(make: Make) -> tuple[dict[str, Times], float]:
    with torch.device("meta"):
        model, inputs = make()
    mav = MAV(complete(capture(model, inputs, {})))
    sizes = node_sizes(mav.graph)
    ours, theirs, ratio = in_turn(lambda: capture(model, inputs, {}), fake_forward(make))
    found = {
        "capture": ours,
        "metrics": milliseconds(lambda: complete(mav.graph)),
        "layout": milliseconds(lambda: compute_layout(mav.graph, sizes)),
        "scene": milliseconds(mav.scene),
        "load, by json.loads": _loading(files.dumps(mav.graph)),
        "search, by drawing": _searching(mav),
    }
    with tempfile.TemporaryDirectory() as folder:
        found["save"] = milliseconds(lambda: mav.save(Path(folder, "m.html")), repeats=2)
    found["FakeTensor forward"] = theirs
    return found, ratio


def _loading(text: str) -> Times:
    """Return how many times as long as the standard library the strict reader takes: the first pair, the median."""
    ours, theirs, ratio = in_turn(lambda: files.loads(text), lambda: json.loads(text))
    return ours[0] / theirs[0], ratio


def _searching(mav: MAV) -> Times:
    """Return how many times as long a still picture takes with a query in it as without: the first pair, the median."""
    draw = partial(still_picture, mav.scene(), mav.layout)
    ours, theirs, ratio = in_turn(lambda: draw(query=QUERY), draw)
    return ours[0] / theirs[0], ratio


def main() -> int:
    missed = 0
    for make in (resnet50, bert):
        print(f"{make.__name__:20}{'first':>10}{'median':>10}  ms")
        found, ratio = measure(make)
        for stage, (first, median) in found.items():
            print(f"  {stage:18}{first:10.1f}{median:10.1f}")
        first = found["capture"][0] / found["FakeTensor forward"][0]
        print(f"  capture / yardstick: {ratio:.3f} (at most {ALLOWED}), first of each {first:.3f}\n")
        missed += ratio > ALLOWED
    return missed


if __name__ == "__main__":
    sys.exit(main())
