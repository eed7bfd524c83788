"""
Capture torchvision's detection and segmentation models beside a real call, with torchvision's real operators.

``nox -s bench -- detection [--only NAME,...] [--side 800]``

For each model, in eval and train mode: seconds of a real call and of the capture, their ratio, ops of the graph, and the
calls of functions that are ops in a real call, which an independent mode counts (`capture.eager`). The exit status is 1
if a capture takes more than twice the real call and a second, if the number of ops is off by more than a tenth, or if an
op is guessed. Shorter sides than 800 of the images that a model makes are for slow machines.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
import torchvision
import torchvision_shim  # noqa: F401 - torchvision cannot be imported before it
from capture.eager import watch

from idlmav.capture import capture

DETECTION = (
    "fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2", "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_mobilenet_v3_large_320_fpn", "retinanet_resnet50_fpn", "retinanet_resnet50_fpn_v2", "fcos_resnet50_fpn",
    "ssd300_vgg16", "ssdlite320_mobilenet_v3_large", "maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2",
    "keypointrcnn_resnet50_fpn",
)  # fmt: skip
SEGMENTATION = (
    "deeplabv3_mobilenet_v3_large", "deeplabv3_resnet50", "deeplabv3_resnet101", "fcn_resnet50", "fcn_resnet101",
    "lraspp_mobilenet_v3_large",
)  # fmt: skip
SIZES = ((300, 400), (240, 320))
RATIO, SECONDS, OPS = 2.0, 1.0, 0.1


def targets(name: str) -> list[dict[str, torch.Tensor]]:
    """Return three objects in each image."""
    found = []
    for height, width in SIZES:
        boxes = torch.tensor([[10.0, 20, 100, 150], [50, 60, 200, 220], [5, 5, 40, 40]])
        labels = torch.ones(3, dtype=torch.long) if "keypoint" in name else torch.tensor([1, 2, 3])
        target = {"boxes": boxes, "labels": labels}
        if "mask" in name:
            target["masks"] = torch.randint(0, 2, (3, height, width), dtype=torch.uint8)
        if "keypoint" in name:
            target["keypoints"] = torch.rand(3, 17, 3) * 100
        found.append(target)
    return found


def built(name: str, side: int) -> nn.Module:
    """Return a model with random weights."""
    if name in SEGMENTATION:
        return getattr(torchvision.models.segmentation, name)(weights=None, weights_backbone=None)
    sizes = {} if name.startswith("ssd") or side == 800 else {"min_size": side, "max_size": 2 * side}
    return getattr(torchvision.models.detection, name)(weights=None, weights_backbone=None, **sizes)


def measured(name: str, side: int, training: bool) -> str:
    """Capture a model and run it for real; return a line, which ends in the bars that were missed."""
    torch.manual_seed(0)
    model = built(name, side).train(training)
    images = [torch.rand(3, height, width) for height, width in SIZES]
    args: tuple[Any, ...] = (images, targets(name)) if training else (images,)
    args = (torch.rand(2, 3, 240, 320),) if name in SEGMENTATION else args
    started = time.perf_counter()
    with torch.no_grad():
        copy.deepcopy(model)(*args)
    real = time.perf_counter() - started
    started = time.perf_counter()
    graph = capture(model, args)
    seconds = time.perf_counter() - started
    counted = [
        op for op in watch(copy.deepcopy(model), args, {}) if not (op.name == "add_" and op.outputs == [((), "int64")])
    ]
    ops = sum(node.kind == "op" and node.op != "identity" for node in graph.nodes)
    missed = []
    if seconds > RATIO * real + SECONDS:
        missed.append("too slow")
    if abs(ops - len(counted)) > OPS * len(counted):
        missed.append("other ops")
    if graph.errors or any({"guess", "zeros"} & set(node.notes) for node in graph.nodes):
        missed.append("errors or guesses")
    figures = f"real {real:7.2f} s, capture {seconds:7.2f} s, ratio {seconds / real:5.2f}; {ops:5} ops, {len(counted):5} calls"
    return f"{name:38}{'train' if training else 'eval':6}{figures}{'  MISSED: ' if missed else ''}{', '.join(missed)}"


def main() -> int:
    """Print a line for each model and mode; return whether a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--side", type=int, default=800)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    if not torch._C._dispatch_has_kernel_for_dispatch_key("torchvision::nms", "CPU"):
        print("torchvision's operators are not there: install a torchvision that was built for this torch.")
        return 1
    missed = 0
    for name in chosen.only.split(",") if chosen.only else (*DETECTION, *SEGMENTATION):
        for training in (False, True):
            line = measured(name, chosen.side, training)
            print(line, flush=True)
            missed |= "MISSED" in line
    return missed


if __name__ == "__main__":
    sys.exit(main())
