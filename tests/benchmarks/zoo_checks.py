"""What the zoo is checked for, one function a check: each returns what is wrong, one text a difference."""

from __future__ import annotations

import copy
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from capture.compare import differences
from capture.state import changes, generators, state
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from idlmav.capture import capture
from idlmav.capture.mode import layer_memo
from idlmav.capture.record import memo
from idlmav.metrics.totals import complete

__all__ = ["CHECKS", "Measured", "fresh_processes", "on_meta"]

PEAK_MB = 50.0
FRESH_SECONDS = {"ResNet-152": 0.1, "Llama-70B": 0.15}
REPEATS = 5


@dataclass
class Measured:
    """
    Figures of one model.

    Attributes
    ----------
    ops : int
        Nodes of the graph that are ops.
    cold, warm : float
        Microseconds per op of a capture with empty and with filled memos.
    ratio : float
        Time of a FakeTensor forward by that of a warm capture.
    flops : str
        What was compared; `reason` why nothing was.
    """

    ops: int = 0
    cold: float = 0.0
    warm: float = 0.0
    ratio: float = 0.0
    flops: str = ""
    reason: str = ""


Check = Callable[[nn.Module, "tuple[Any, ...]", "dict[str, Any]", Measured], "list[str]"]


def on_meta(value: Any) -> Any:
    """Return an input with its tensors on the meta device: nested containers, caches, dataclasses."""
    if isinstance(value, Tensor):
        return value.to("meta")
    if isinstance(value, dict):
        return type(value)((key, on_meta(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        items = [on_meta(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if hasattr(value, "__dict__") and not callable(value) and not isinstance(value, type):
        other = copy.copy(value)
        vars(other).update({name: on_meta(item) for name, item in vars(value).items()})
        return other
    return value


def check_graph(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], measured: Measured) -> list[str]:
    """Compare ops, shapes, types, module paths and edges with a real run; parameters with their sum."""
    torch.manual_seed(0)
    found, graph = differences(model, args, kwargs)
    measured.ops = sum(node.kind == "op" for node in graph.nodes)
    counted, real = complete(graph).totals.param_count, sum(p.numel() for p in model.parameters())
    return [*found, *([f"{counted} parameters instead of {real}"] if counted != real else [])]


def check_flops(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], measured: Measured) -> list[str]:
    """Compare the counted FLOPs with those of torch's counter on the meta device, where the model runs there."""
    ours = complete(capture(model, args, kwargs)).totals.flops
    other, inputs = copy.deepcopy(model).to("meta"), on_meta((args, kwargs))
    theirs = _counted(other, *inputs, default="cpu")
    if isinstance(theirs, Exception):
        theirs = _counted(other, *inputs, default="meta")  # for what forward makes without naming a device
    if isinstance(theirs, Exception):
        measured.flops = "not run on meta"
        measured.reason = f"{type(theirs).__name__}: {theirs}".splitlines()[0][:120]
        return []
    measured.flops = f"{ours / 1e6:.3f} M" + (" equal" if ours == theirs else " differ")
    return [] if ours == theirs else [f"{ours} FLOPs, torch's counter on meta says {theirs}"]


def _counted(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], default: str) -> int | Exception:
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device(default):
            model(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - said in the model's line, and why at the end
        return error
    return counter.get_total_flops()


def check_speed(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], measured: Measured) -> list[str]:
    """Take the CPU times of captures with and without memos and of a FakeTensor forward: a busy machine delays none."""
    graph = capture(model, args, kwargs)
    ops = measured.ops = max(1, sum(node.kind == "op" for node in graph.nodes))

    def once(forget: bool) -> float:
        if forget:
            memo.MEMO.clear()
            layer_memo.LEAF_MEMO.clear()
        started = time.thread_time()
        capture(model, args, kwargs)
        return time.thread_time() - started

    measured.cold = 1e6 * min(once(True) for _ in range(3)) / ops
    warm = statistics.median(once(False) for _ in range(REPEATS))
    measured.warm = 1e6 * warm / ops
    try:
        measured.ratio = _fake_seconds(model, args, kwargs) / warm
    except Exception:  # noqa: BLE001 - what FakeTensor cannot run has no ratio, which the line shows
        measured.ratio = 0.0
    return []


def _fake_seconds(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float:
    """Return the time of the second FakeTensor forward of a model."""
    mode = FakeTensorMode()
    other = copy.deepcopy(model)
    fakes: dict[int, Any] = {}

    def fake(value: Any) -> Any:
        if isinstance(value, Tensor):
            if id(value) not in fakes:
                fakes[id(value)] = mode.from_tensor(value)
            return fakes[id(value)]
        if isinstance(value, dict):
            return type(value)((key, fake(item)) for key, item in value.items())
        return type(value)(map(fake, value)) if type(value) in (list, tuple) else value

    for module in other.modules():
        for holder in (module._parameters, module._buffers):
            holder.update({name: fake(tensor) for name, tensor in holder.items()})
    args, kwargs = fake(args), fake(kwargs)
    times = []
    for _ in range(2):
        started = time.thread_time()
        with mode, torch.no_grad():
            other(*args, **kwargs)
        times.append(time.thread_time() - started)
    return min(times)


def check_restore(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], measured: Measured) -> list[str]:
    """Compare the model, the inputs and the random number generators before and after two captures."""
    before, random_before = state(model), generators()
    inputs_before = copy.deepcopy((args, kwargs))
    for _ in range(2):
        capture(model, args, kwargs)
    found = [f"not as found: {text}" for text in changes(before, state(model))]
    if generators() != random_before:
        found.append("not as found: random number generators")
    for old, new in zip(tree_leaves(inputs_before), tree_leaves((args, kwargs)), strict=True):
        if isinstance(old, Tensor) and (old.shape != new.shape or not torch.equal(old, new)):
            found.append("not as found: an input")
    return found


CHECKS: dict[str, Check] = {
    "graph": check_graph,
    "flops": check_flops,
    "speed": check_speed,
    "restore": check_restore,
}

_FRESH = """
import json, resource, sys, time
sys.path[:0] = sys.argv[2:]
import torchvision_shim
import torch

def rss(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(name))

def peak():
    try:
        return rss("VmHWM:")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

if sys.argv[1] == "ResNet-152":
    import torchvision
    model, args = torchvision.models.resnet152().eval(), (torch.zeros(1, 3, 224, 224),)
else:
    from transformers import LlamaConfig, LlamaForCausalLM
    config = LlamaConfig(hidden_size=8192, intermediate_size=28672, num_hidden_layers=80, num_attention_heads=64,
                         num_key_value_heads=8, vocab_size=32000)
    with torch.device("meta"):
        model, args = LlamaForCausalLM(config).eval(), (torch.zeros(1, 128, dtype=torch.long),)
before = peak()
try:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak of building the model is not capture's
    before = rss("VmRSS:")
except OSError:
    pass
started = time.perf_counter()
from idlmav.capture import capture
graph = capture(model, args)
seconds = time.perf_counter() - started
print(json.dumps([seconds, peak() - before, len(graph.nodes)]))
"""


def fresh_processes() -> int:
    """Print time and peak of the first capture in a fresh process; return whether the peak is above the bar."""
    missed = 0
    for name, allowed in FRESH_SECONDS.items():
        command = [sys.executable, "-c", _FRESH, name, *sys.path]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, peak, nodes = json.loads(output.splitlines()[-1])
        verdict = "  MISSED" if peak > PEAK_MB else ""
        late = "  MISSED" if seconds > allowed else ""
        print(
            f"{name}: {nodes} nodes, peak {peak:.1f} MB above the model's own, at most {PEAK_MB:.0f}{verdict}; first "
            f"capture {seconds:.3f} s with its imports, at most {allowed}{late}"
        )
        missed |= peak > PEAK_MB
    return int(missed)
