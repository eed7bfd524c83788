"""Model, process and inputs are bit for bit unchanged, also after errors and interruptions."""

from __future__ import annotations

import gc
import io
import threading
from asyncio import CancelledError
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import models
import pytest
import torch
from torch import Tensor, nn

from capture.state import assert_same, generators, state
from idlmav.capture import capture

ALL = {**models.WORKING, **models.BROKEN}


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", ALL)
def test_model_and_process_are_left_as_found(name: str, training: bool) -> None:
    example = ALL[name]
    model = example.model().train(training)
    args, kwargs = example.args(), example.kwargs()
    kept = [tensor.clone() for tensor in args if isinstance(tensor, Tensor)]
    before, random_before = state(model), generators()
    for _ in range(2):  # the second one runs on a warm memo
        capture(model, args, kwargs)
        assert_same(before, state(model))
        assert generators() == random_before
    assert all(torch.equal(a, b) for a, b in zip(kept, [x for x in args if isinstance(x, Tensor)], strict=True))
    assert torch.nn.Module._call_impl.__module__ == "torch.nn.modules.module"
    assert gc.isenabled()
    assert torch.is_grad_enabled()


def test_hooks_run_and_stay() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    seen: list[Any] = []
    written = io.StringIO()  # what is written outside stays, in contrast to what is put in a list

    def hook(module: nn.Module, args: Any, result: Tensor) -> None:
        seen.append(result)
        written.write(str(tuple(result.shape)))

    handle = model[0].register_forward_hook(hook)
    graph = capture(model, (torch.zeros(1, 2),))
    assert written.getvalue() == "(1, 2)"
    assert seen == []
    assert [node.id for node in graph.nodes] == ["input", "0", "1", "output"]
    assert list(model[0]._forward_hooks) == [handle.id]


def test_objects_that_a_model_writes_into() -> None:
    class Memory:
        def __init__(self) -> None:
            self.keys: list[Tensor] = []
            self.last: Tensor | None = None
            self.inner = SimpleNamespace(count=0)

    class Remembers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.memory = Memory()

        def forward(self, x: Tensor) -> Tensor:
            self.memory.keys.append(x)
            self.memory.last = x
            self.memory.new = True
            self.memory.inner.count += 1
            return x + 1

    model = Remembers()
    capture(model, (torch.zeros(2),))
    assert vars(model.memory) == {"keys": [], "last": None, "inner": SimpleNamespace(count=0)}


@pytest.mark.parametrize("error", [KeyboardInterrupt, CancelledError])
def test_interruption_restores_and_is_passed_on(error: type[BaseException]) -> None:
    class Stops(models.Stateful):
        def forward(self, x: Tensor) -> Tensor:
            super().forward(x)
            raise error

    model = Stops()
    before, random_before = state(model), generators()
    with pytest.raises(error):
        capture(model, (torch.ones(6, 4),))
    assert_same(before, state(model))
    assert generators() == random_before
    assert torch.nn.Module._call_impl.__module__ == "torch.nn.modules.module"
    assert gc.isenabled()


def test_other_threads_run_for_real_meanwhile() -> None:
    model = nn.Linear(4, 4)
    entered, proceed = threading.Event(), threading.Event()
    results: list[Tensor] = []

    class Waits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, x: Tensor) -> Tensor:
            entered.set()
            assert proceed.wait(10)
            return self.inner(x)

    def other() -> None:
        assert entered.wait(10)
        results.append(model(torch.ones(1, 4)))
        proceed.set()

    thread = threading.Thread(target=other)
    thread.start()
    graph = capture(Waits(), (torch.ones(1, 4),))
    thread.join()
    assert graph.errors == ()
    assert torch.equal(results[0], model(torch.ones(1, 4)))
    assert [node.id for node in graph.nodes] == ["x", "inner", "output"]


def test_capture_within_capture_and_in_two_threads() -> None:
    graphs: list[Any] = []

    def work(make: Callable[[], nn.Module]) -> None:
        for _ in range(5):
            graphs.append(capture(make(), (torch.zeros(2, 8),)))

    threads = [threading.Thread(target=work, args=(models.SharedBlock,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({tuple(node.id for node in graph.nodes) for graph in graphs}) == 1
    assert len(graphs) == 10
    assert torch.nn.Module._call_impl.__module__ == "torch.nn.modules.module"
