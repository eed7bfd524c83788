"""The user's process around a capture stays in effect; changes of the model to itself and the process are undone."""

from __future__ import annotations

import contextlib
import io
import random
import threading
import warnings
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from capture.compare import differences
from capture.test_left_as_found import assert_same, generators, state
from idlmav.capture import capture
from idlmav.graph import Graph


class Layers(nn.Module):
    """Two layers, or a function that uses them."""

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x) if self.function else self.b(self.a(x))


class CountsFunctions(TorchFunctionMode):
    counted = io.StringIO()  # a number would be put back after the capture

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        CountsFunctions.counted.write(".")
        return func(*args, **(kwargs or {}))


class Dispatches(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextlib.contextmanager
def hooks_everywhere() -> Iterator[None]:
    module = nn.modules.module
    handles = [
        module.register_module_forward_hook(lambda *args: None),
        module.register_module_forward_pre_hook(lambda *args: None),
        module.register_module_full_backward_hook(lambda *args: None),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


AROUND: dict[str, Callable[[], Any]] = {
    "nothing": contextlib.nullcontext, "no_grad": torch.no_grad, "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16), "default dtype": doubles, "deterministic": deterministic,
    "device": lambda: torch.device("cpu"), "function mode": CountsFunctions, "dispatch mode": Dispatches,
    "hooks": hooks_everywhere, "deterministic and doubles": lambda: doubles(),
}  # fmt: skip


def used(m: Layers, x: Tensor) -> Tensor:
    return (m.b(m.a(x)).softmax(-1) + torch.ones(4) + torch.arange(4) / 2).cumsum(0)


@pytest.mark.parametrize("around", AROUND)
def test_modes_around_a_capture_apply_inside(around: str) -> None:
    model, x = Layers(used), torch.randn(3, 4)
    before, random_before = state(model), generators()
    with AROUND[around]():
        found, _ = differences(model, (x,), {})
    assert found == []
    assert_same(before, state(model))
    assert generators() == random_before


def test_tensors_and_models_made_in_inference_mode() -> None:
    with torch.inference_mode():
        model, x = Layers(), torch.randn(3, 4)
    graph = capture(model, (x,))
    assert graph.errors == ()
    assert [node.id for node in graph.nodes] == ["x", "a", "b", "output"]


def replaced_by_hooks() -> nn.Module:
    model = Layers()
    model.a.register_forward_hook(lambda module, args, result: result * 2)
    model.a.register_forward_hook(lambda module, args, kwargs, result: result + 1, with_kwargs=True)
    model.register_forward_pre_hook(lambda module, args, kwargs: ((args[0] - 1,), kwargs), with_kwargs=True)
    model.b.register_full_backward_hook(lambda module, inputs, outputs: None)
    model.register_state_dict_pre_hook(lambda *args: None)
    return model


def parametrized() -> nn.Module:
    model = Layers()
    parametrizations.weight_norm(model.a)
    parametrizations.spectral_norm(model.b)
    return model


def orthogonal() -> nn.Module:
    model = Layers()
    parametrizations.orthogonal(model.a)
    return model


class LowRank(nn.Module):
    """A frozen layer with two small trained ones beside it."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.down, self.up = nn.Linear(4, 2, bias=False), nn.Linear(2, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.up(self.down(x))


def low_rank() -> nn.Module:
    model = Layers()
    model.a = LowRank(model.a)  # type: ignore[assignment]
    return model


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(
    "make", [replaced_by_hooks, parametrized, orthogonal, low_rank, lambda: nn.DataParallel(Layers())]
)
def test_models_that_others_have_changed(make: Callable[[], nn.Module], training: bool) -> None:
    model, x = make().train(training), torch.randn(3, 4)
    before = state(model)
    found, graph = differences(model, (x,), {})
    assert found == []
    assert graph.errors == ()
    capture(model, (x,))
    assert_same(before, state(model))


def test_pruned_weights() -> None:
    model = Layers()
    prune.l1_unstructured(model.a, "weight", 0.5)
    graph = capture(model, (torch.randn(3, 4),))
    assert graph.errors == ()
    assert graph.node_by_id["a:mul"].params == ("a.weight_orig",)
    assert torch.equal(model.a.weight, model.a.weight_orig * model.a.weight_mask)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch itself, as it loads the compiler
@pytest.mark.parametrize("what", ["whole", "part", "in place"])
def test_compiled_models_have_the_graph_of_their_source(what: str) -> None:
    plain, model = Layers(), Layers()
    if what == "part":
        model.a = torch.compile(model.a)  # type: ignore[assignment]
    elif what == "in place":
        model.compile()
    compiled = torch.compile(model) if what == "whole" else model
    graph, wanted = capture(compiled, (torch.randn(3, 4),)), capture(plain, (torch.randn(3, 4),))
    assert graph.errors == ()
    assert (graph.name, graph.inputs) == (wanted.name, wanted.inputs)
    assert [node.id for node in graph.nodes] == [node.id for node in wanted.nodes]
    assert [module.path for module in graph.modules] == [module.path for module in wanted.modules]
    assert [parameter.name for parameter in graph.parameters] == [parameter.name for parameter in wanted.parameters]
    assert capture(compiled, None).errors == ()


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_parts_in_torchscript_have_names() -> None:
    model, x = Layers(), torch.randn(3, 4)
    model.a, model.b = torch.jit.trace(model.a, (x,)), torch.jit.script(model.b)
    graph = capture(model, (x,))
    assert [node.id for node in graph.nodes] == ["x", "a:forward", "b:forward", "output"]

    def decides(m: Layers, x: Tensor) -> Tensor:
        return m.b(x) if m.a(x).sum() < 1e6 else x

    model.function = decides
    graph = capture(model, (x,))
    assert "guess" not in {note for node in graph.nodes for note in node.notes}
    assert graph.module_by_path["b"].calls == 1


def test_modes_that_a_model_enters() -> None:
    def enters(m: Layers, x: Tensor) -> Tensor:
        with CountsFunctions():
            x = m.a(x)
        with Dispatches(), torch.random.fork_rng():
            torch.manual_seed(3)
            return m.b(F.dropout(x, 0.5, True))

    before = CountsFunctions.counted.tell()
    assert differences(Layers(enters), (torch.randn(3, 4),), {})[0] == []
    assert CountsFunctions.counted.tell() - before >= 2


class Thing:
    def __init__(self) -> None:
        self.kept: Any = None
        self.parts: list[Any] = [{"x": 1}]


class Writes(Layers):
    """Keeps what it computes, wherever it can, and changes the process."""

    def __init__(self) -> None:
        super().__init__()
        self.nested: dict[str, Any] = {"empty": {}, "full": [1, {"deep": [2]}]}
        self.thing, self.things = Thing(), [Thing()]
        self.layers = nn.ModuleList([nn.Linear(4, 4)])
        self.generator = torch.Generator().manual_seed(1)
        self.register_buffer("average", torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        self.last = x = self.a(x)
        self.nested["empty"]["x"] = x
        self.nested["full"][1]["deep"].append(x)
        self.thing.kept = x
        self.thing.parts[0]["x"] = x
        self.things[0].kept = x
        self.layers.append(nn.Linear(4, 4))
        self.add_module("more", nn.Linear(4, 4))
        for layer in self.layers:
            x = layer(x)
        self.average.mul_(0.9).add_(x.mean(0) * 0.1)
        torch.rand(2, generator=self.generator)
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        warnings.simplefilter("ignore")
        self.eval().requires_grad_(False)
        self.b.half()
        return self.average + x


def test_changes_by_the_model_are_undone() -> None:
    model, x = Writes(), torch.randn(3, 4)
    before, random_before, filters = state(model), generators(), list(warnings.filters)
    drawn = model.generator.get_state()
    graph = capture(model, (x,))
    assert graph.errors == ()
    assert_same(before, state(model))
    assert generators() == random_before
    assert torch.equal(model.generator.get_state(), drawn)
    assert model.nested == {"empty": {}, "full": [1, {"deep": [2]}]}
    assert (model.thing.kept, model.thing.parts, model.things[0].kept) == (None, [{"x": 1}], None)
    assert (len(model.layers), hasattr(model, "last"), hasattr(model, "more")) == (1, False, False)
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()
    assert list(warnings.filters) == filters
    assert (model.training, model.b.weight.dtype, model.a.weight.requires_grad) == (True, torch.float32, True)


def test_a_buffer_is_read_after_it_is_written() -> None:
    def writes(m: Layers, x: Tensor) -> Tensor:
        y = m.a(x)
        m.average.mul_(0.9).add_(y.mean(0) * 0.1)
        return m.b(y) + m.average

    model = Layers(writes)
    model.register_buffer("average", torch.ones(4))
    found, graph = differences(model, (torch.randn(3, 4),), {})
    assert found == []
    assert graph.sources["add#2"] == ("b", "add")


STAGES = ["forward", "hook", "pre-hook", "inputs", "describing", "generator"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, CancelledError])
@pytest.mark.parametrize("stage", STAGES)
def test_interruptions_restore_everything(
    stage: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: Any, **options: Any) -> Any:
        raise error

    class Raises:
        def __deepcopy__(self, memo: Any) -> Any:
            raise error

    model, x = Writes(), torch.randn(3, 4)
    given: Any = x
    if stage == "forward":
        model.layers[0].forward = interrupt  # type: ignore[method-assign]
    elif stage == "hook":
        model.layers[0].register_forward_hook(interrupt)
    elif stage == "pre-hook":
        model.layers[0].register_forward_pre_hook(interrupt)
    elif stage == "inputs":
        given = [x, Raises()]
    elif stage == "describing":
        monkeypatch.setattr("idlmav.capture.describe", interrupt)
    else:
        model.layers[0].forward = lambda x: map(interrupt, [x])  # type: ignore[method-assign]
        model.forward = model.layers[0].forward  # type: ignore[method-assign]
    before, random_before, filters = state(model), generators(), list(warnings.filters)
    with pytest.raises(error):
        capture(model, (given,))
    assert_same(before, state(model))
    assert generators() == random_before
    assert (torch.get_default_dtype(), torch.is_grad_enabled()) == (torch.float32, True)
    assert list(warnings.filters) == filters
    assert nn.Module._call_impl.__module__ == "torch.nn.modules.module"
    assert model.thing.kept is None
    torch.ones(2) + 1  # no mode is left on
    assert torch._C._len_torch_function_stack() == 0


def test_captures_and_real_runs_in_several_threads() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)).eval()
    x = torch.randn(4, 8)
    wanted = model(x)
    graphs: list[Graph] = []
    wrong: list[Any] = []
    begun = threading.Barrier(4)

    def captures() -> None:
        begun.wait(10)
        graphs.extend(capture(model, (x,)) for _ in range(20))

    def runs() -> None:
        begun.wait(10)
        wrong.extend(result for result in (model(x) for _ in range(200)) if not torch.equal(result, wanted))

    threads = [threading.Thread(target=target) for target in (captures, captures, runs, runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(graphs) == 40
    assert all(graph == graphs[0] for graph in graphs)
