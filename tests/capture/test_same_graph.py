"""Graphs with and without the memos are equal in every field."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torchvision_shim  # noqa: F401 - torchvision cannot be imported before it
from models import BROKEN, WORKING
from torch import Tensor, nn
from torch.nn.utils import parametrizations, weight_norm

from idlmav.capture import capture
from idlmav.capture.mode import layer_memo
from idlmav.capture.record import memo
from idlmav.graph import Graph
from idlmav.metrics.totals import complete

Make = Callable[[], tuple[nn.Module, tuple[Any, ...]]]


@pytest.fixture(autouse=True)
def fresh_memos(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(memo, "MEMO", {})
    monkeypatch.setattr("idlmav.capture.mode.recording_mode.MEMO", memo.MEMO)
    monkeypatch.setattr(layer_memo, "LEAF_MEMO", {})
    return


class Forgetful(dict[Any, Any]):
    """A memo that remembers nothing."""

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


def forget() -> None:
    memo.MEMO.clear()
    layer_memo.LEAF_MEMO.clear()


def same(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Graph:
    """Capture without shortcuts, cold and warm; check that all graphs are equal and return them as one."""

    def graph() -> Graph:
        torch.manual_seed(0)
        return complete(capture(model, args, kwargs))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layer_memo, "LEAVES", {})
        patch.setattr(memo, "MEMO", Forgetful())
        patch.setattr("idlmav.capture.mode.recording_mode.MEMO", memo.MEMO)
        plain = graph()
    forget()
    for found in (graph(), graph(), graph()):
        assert found == plain
    return plain


@pytest.mark.parametrize("name", [*WORKING, *BROKEN])
def test_hand_written(name: str) -> None:
    example = {**WORKING, **BROKEN}[name]
    for training in (False, True):
        same(example.model().train(training), example.args(), example.kwargs())


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "densenet121", "vit_b_16", "swin_t", "googlenet"])
def test_torchvision(name: str) -> None:
    import torchvision

    settings = {"init_weights": False} if name == "googlenet" else {}
    with torch.device("meta"):
        model = getattr(torchvision.models, name)(**settings)
    for training in (False, True):
        same(model.train(training), (torch.zeros(2, 3, 224, 224, device="meta"),))


@pytest.mark.parametrize("name", ["Bert", "GPT2", "Llama", "T5"])
def test_transformers(name: str) -> None:
    transformers = pytest.importorskip("transformers")
    settings: dict[str, Any] = {"n_layer": 2} if name == "GPT2" else {"num_layers": 2} if name == "T5" else {}
    settings = settings or {
        "num_hidden_layers": 2,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_attention_heads": 4,
    }
    model = getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**settings))
    ids = torch.zeros(1, 16, dtype=torch.long)
    inputs = {"input_ids": ids, **({"decoder_input_ids": ids} if name == "T5" else {})}
    for training in (False, True):
        same(model.train(training), (), inputs)


def layers(*modules: nn.Module, size: tuple[int, ...] = (2, 4)) -> tuple[nn.Module, tuple[Any, ...]]:
    return nn.Sequential(*modules), (torch.zeros(size),)


def image(*modules: nn.Module) -> tuple[nn.Module, tuple[Any, ...]]:
    return layers(*modules, size=(2, 4, 8, 8))


class Halves(nn.Linear):
    """A layer with a forward of its own."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) * 0.5


class Autocast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.linear(x)


class ReluOnChunks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.exp().chunk(2, dim=-1)
        self.relu(left)
        return torch.cat([left, self.relu(right)], dim=-1)


class CountsBatches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        return x if int(self.norm.num_batches_tracked) == 1 else x + 1


def hooked() -> nn.Module:
    layer = nn.Linear(4, 4)
    layer.register_forward_hook(lambda module, args, output: output + 1)
    layer.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    return layer


def plain_weight() -> nn.Module:
    layer = nn.Linear(4, 4, bias=False)
    del layer.weight
    layer.weight = torch.ones(4, 4)
    return layer


def own_forward() -> nn.Module:
    layer = nn.ReLU()
    layer.forward = torch.sigmoid  # type: ignore[method-assign]
    return layer


def shared() -> nn.Module:
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    return nn.Sequential(first, second, first)


UNUSUAL: dict[str, Make] = {
    "hooks": lambda: layers(nn.Linear(4, 4), hooked(), nn.Linear(4, 4)),
    "subclass": lambda: layers(nn.Linear(4, 4), Halves(4, 4)),
    "parametrized": lambda: layers(nn.Linear(4, 4), parametrizations.spectral_norm(nn.Linear(4, 4))),
    "plain weight": lambda: layers(nn.Linear(4, 4, bias=False), plain_weight()),
    "own forward": lambda: layers(nn.ReLU(), own_forward()),
    "shared": lambda: layers(shared()),
    "autocast": lambda: layers(Autocast()),
    "in place on a view": lambda: layers(ReluOnChunks()),
    "counts batches": lambda: layers(CountsBatches()),
    "dropout": lambda: layers(nn.Dropout(0), nn.Dropout(0.0), nn.Dropout(False), nn.Dropout(inplace=True)),
    "in place after identity": lambda: layers(nn.Linear(4, 4), nn.Dropout(), nn.ReLU(inplace=True), nn.Tanh()),
    "norms": lambda: image(
        nn.BatchNorm2d(4), nn.BatchNorm2d(4, momentum=None), nn.BatchNorm2d(4, affine=False),
        nn.BatchNorm2d(4, track_running_stats=False), nn.GroupNorm(2, 4), nn.LayerNorm(8), nn.RMSNorm(8),
    ),
    "convolutions": lambda: image(
        nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"), nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.MaxPool2d(2), nn.AvgPool2d(2, divisor_override=3),
    ),
    "channels last": lambda: (nn.Conv2d(4, 4, 3), (torch.zeros(2, 4, 8, 8).to(memory_format=torch.channels_last),)),
    "wrong size": lambda: layers(nn.Linear(4, 4), nn.Linear(5, 4), nn.ReLU()),
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_layers(name: str) -> None:
    model, args = UNUSUAL[name]()
    for training in (False, True):
        graph = same(model.train(training), args)
        assert any(node.kind == "op" for node in graph.nodes)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated:FutureWarning")
def test_weight_norm_of_old() -> None:
    same(*layers(nn.Linear(4, 4), weight_norm(nn.Linear(4, 4))))


def test_settings_that_are_equal_as_numbers_stay_apart() -> None:
    graph = same(*layers(nn.Linear(4, 4), nn.Dropout(0), nn.Dropout(0.0)))
    assert [node.args for node in graph.nodes if node.op == "dropout"] == ["p=0", "p=0.0"]


def test_hooks_on_all_modules_are_seen() -> None:
    model, args = layers(nn.Linear(4, 4), nn.ReLU())
    capture(model, args)
    handle = nn.modules.module.register_module_forward_hook(
        lambda module, args, output: output + 1 if isinstance(module, nn.ReLU) else None
    )
    try:
        graph = same(model, args)
    finally:
        handle.remove()
    assert [node.op for node in graph.nodes if node.kind == "op"] == ["linear", "relu", "add"]


def test_a_mode_of_the_models_own_sees_every_op() -> None:
    from torch.overrides import TorchFunctionMode

    seen = io.StringIO()  # a list would be put back after the capture

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.write(f"{func.__name__}\n")
            return func(*args, **(kwargs or {}))

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            with Watch():
                return self.relu(x)

    same(Watched(), (torch.zeros(2),))
    assert seen.getvalue().split().count("relu") >= 4


def test_layers_are_looked_up() -> None:
    model, args = layers(nn.Linear(4, 4), nn.ReLU())
    capture(model, args)
    assert len(layer_memo.LEAF_MEMO) == 2
    calls: list[nn.Module] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layer_memo, "argument_text", lambda *args: calls.append(model) or "")
        capture(model, args)
    assert not calls
    assert len(layer_memo.LEAF_MEMO) == 2


def test_another_thread_runs_the_model_meanwhile() -> None:
    model, args = layers(nn.Linear(4, 4), nn.ReLU())
    graphs, results = [], []
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            results.append(model(torch.ones(2, 4)))

    other = threading.Thread(target=run)
    other.start()
    try:
        graphs = [capture(model, args) for _ in range(30)]
    finally:
        stop.set()
        other.join()
    assert all(graph == graphs[0] for graph in graphs)
    assert results
    assert all(not result.is_meta and torch.equal(result, results[0]) for result in results)
