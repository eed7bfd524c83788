"""Inputs and outputs of all classes: tensors are found with their names, and the user's objects do not change."""

from __future__ import annotations

import collections
import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from capture.compare import differences
from idlmav.capture import capture
from idlmav.graph import Graph


@dataclasses.dataclass
class Data:
    x: Tensor
    count: int = 2
    more: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Tensor
    y: Tensor


@dataclasses.dataclass(slots=True)
class Slots:
    x: Tensor
    y: Tensor


class Pair(NamedTuple):
    x: Tensor
    count: int


class Plain:
    def __init__(self, x: Tensor) -> None:
        self.x = x
        self.parts: list[Any] = [{"doubled": x * 2}]


class Layers(nn.Module):
    """Two layers and a function that uses them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.rnn = nn.LSTM(4, 4, batch_first=True)
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(self, *args, **kwargs)


def x() -> Tensor:
    return torch.randn(3, 4)


def wide(m: Layers, first: Tensor, *rest: Tensor, flag: bool = False, mask: Any = None, **more: Tensor) -> Any:
    first = first + more["extra"] if flag else first
    for one in rest:
        first = first + one
    return m.a(first), mask


def packed(m: Layers, sequence: PackedSequence) -> Any:
    padded, lengths = pad_packed_sequence(m.rnn(sequence)[0], batch_first=True)
    return m.a(padded), lengths


def mixed(m: Layers, x: Tensor, text: str, count: int, ratio: float, flag: bool, nothing: None) -> Any:
    y = m.a(x) * count * ratio if flag and nothing is None else x
    return {"y": y, "text": text, "size": x.shape, "type": x.dtype, "none": None, "deep": [[[[({"b": (m.b(x),)},)]]]]}


def cyclic(m: Layers, x: Tensor) -> Any:
    found: dict[str, Any] = {"x": m.a(x)}
    found["self"] = found
    return found


SHORT = pack_padded_sequence(torch.randn(3, 5, 4), torch.tensor([5, 3, 2]), batch_first=True)
CASES: dict[str, tuple[Any, Any, str, list[str]]] = {
    # function, makes the arguments, names of the inputs, sources of the outputs
    "dataclass": (
        lambda m, d: Data(m.a(d.x) * d.count, d.count, {"z": m.b(d.more["q"])}), lambda: Data(x(), 3, {"q": x()}),
        "args.x args.more.q", ["mul", "b"],
    ),
    "frozen": (lambda m, d: Frozen(m.a(d.x), d.y), lambda: Frozen(x(), x()), "args.x args.y", ["a", "args.y"]),
    "slots": (lambda m, d: Slots(m.a(d.x), m.b(d.y)), lambda: Slots(x(), x()), "args.x args.y", ["a", "b"]),
    "named tuple": (lambda m, d: Pair(m.a(d.x) * d.count, d.count), lambda: Pair(x(), 2), "args.x", ["mul"]),
    "ordered dict": (
        lambda m, d: collections.OrderedDict(q=m.a(d["x"]), names=list(d)), lambda: collections.OrderedDict(x=x(), y=x()),
        "args.x args.y", ["a"],
    ),
    "default dict": (
        lambda m, d: m.a(d["x"]) if d["missing"] == [] else None, lambda: collections.defaultdict(list, x=x()),
        "args.x", ["a"],
    ),
    "user dict": (lambda m, d: collections.UserDict(k=m.a(d["x"])), lambda: collections.UserDict(x=x()), "args.x", ["a"]),
    "deque": (lambda m, d: collections.deque([m.a(d[0]), m.b(d[1])]), lambda: collections.deque([x(), x()]),
              "args.0 args.1", ["a", "b"]),
    "set": (lambda m, d: {m.a(next(iter(d)))}, lambda: {x()}, "args.0", ["a"]),
    "frozen set": (lambda m, d: frozenset([m.a(next(iter(d)))]), lambda: frozenset([x()]), "args.0", ["a"]),
    "object": (lambda m, d: Plain(m.a(d.x) + d.parts[0]["doubled"]), lambda: Plain(x()),
               "args.x args.parts.0.doubled", ["add", "mul"]),
    "objects": (lambda m, d: [m.a(one.x) for one in d], lambda: [Frozen(x(), x())], "args.0.x args.0.y", ["a"]),
    "nested": (lambda m, d: m.a(d["a"][0][1]["b"]), lambda: {"a": [(0, {"b": x()})]}, "args.a.0.1.b", ["a"]),
    "packed": (packed, lambda: SHORT, "args.data args.batch_sizes", ["a", "pad_packed_sequence"]),
    "array in a tuple": (
        lambda m, d: m.a(d[0]) + torch.from_numpy(d[1]), lambda: (x(), np.ones((3, 4), np.float32)), "args.0", ["add"],
    ),
    "size": (lambda m, d: m.a(d[1]) + d[1].new_zeros(d[0]), lambda: [torch.Size([3, 4]), x()], "args.1", ["add"]),
    "module and function": (lambda m, d: d[0](d[1](m.a(d[2]))), lambda: [torch.relu, nn.Linear(4, 2), x()], "args.2", ["relu"]),
    "cyclic": (cyclic, x, "args", ["a"]),
    "parameter": (lambda m, d: m.a(d), lambda: nn.Parameter(x()), "args", ["a"]),
}  # fmt: skip


def inputs(graph: Graph) -> list[str]:
    return [node.id for node in graph.nodes if node.kind == "input"]


@pytest.mark.parametrize("name", CASES)
def test_tensors_are_found_in(name: str) -> None:
    function, make, names, sources = CASES[name]
    found, graph = differences(Layers(function), (make(),), {})
    assert found == []
    assert inputs(graph) == names.split()
    assert list(graph.sources["output"]) == sources
    assert len(graph.nodes[-1].shapes) == len(sources)


def test_positional_keyword_and_other_arguments() -> None:
    given = {"flag": True, "extra": x(), "mask": None}
    found, graph = differences(Layers(wide), (x(), x(), x()), given)
    assert found == []
    assert inputs(graph) == ["args.0", "args.1", "args.2", "extra"]
    found, graph = differences(Layers(mixed), (x(), "text", 2, 1.5, True, None), {})
    assert found == []
    assert inputs(graph) == ["args.0"]
    assert graph.sources["output"] == ("mul#2", "b")


def test_the_same_tensor_given_twice_is_one_input() -> None:
    def asks(m: Layers, query: Tensor, key: Tensor, more: dict[str, Tensor]) -> Tensor:
        query.add_(1)
        return m.a(query) if query is key and more["value"] is key else m.b(key)

    one = x()
    found, graph = differences(Layers(asks), (one, one, {"value": one}), {})
    assert found == []
    assert inputs(graph) == ["args.0"]
    assert graph.inputs == "args.0: (3, 4) float32, args.1: the same as args.0, args.2.value: the same as args.0"
    assert graph.module_by_path["a"].calls == 1


def test_a_generator_as_input_is_read_once_for_all_runs() -> None:
    drawn: list[int] = []

    def items() -> Iterator[Tensor]:
        for number in range(1000):
            drawn.append(number)
            yield torch.ones(3, 4) * number

    def first_three(m: Layers, source: Iterator[Tensor]) -> Tensor:
        total = m.a(next(source))
        for _, one in zip(range(2), source, strict=False):
            total = total + m.a(one)
        return total @ total  # fails: it is run several times

    graph = capture(Layers(first_three), (items(),))
    assert inputs(graph) == ["args.0", "args.1", "args.2"]
    assert [failure.node for failure in graph.errors] == ["matmul"]
    assert drawn == [0, 1, 2]
    assert [node.op for node in graph.nodes if node.kind == "op"] == [
        "linear",
        "linear",
        "add",
        "linear",
        "add",
        "matmul",
    ]


@pytest.mark.parametrize("kind", ["generator", "map", "in a tuple"])
def test_ops_of_a_returned_iterator_belong_to_the_model(kind: str) -> None:
    def returns(m: Layers, x: Tensor) -> Any:
        layers = [m.a, m.b]
        if kind == "map":
            return map(nn.Module.__call__, layers, [x, x])
        made = (layer(x) for layer in layers)
        return made if kind == "generator" else (x, made)

    graph = capture(Layers(returns), (x(),))
    assert [node.id for node in graph.nodes][:3] == ["args", "a", "b"]
    assert list(graph.sources["output"])[-2:] == ["a", "b"]
    assert [call.path for call in graph.call_chain(graph.node_by_id["b"])] == ["b", ""]


def test_endless_iterators_end() -> None:
    import itertools

    def endless(m: Layers, x: Tensor) -> Any:
        return map(x.add, itertools.count())

    graph = capture(Layers(endless), (x(),))
    assert graph.errors == ()
    assert len(graph.nodes) == 10_002


def test_the_users_objects_are_not_changed() -> None:
    def changes(m: Layers, d: Plain, numbers: list[int], array: Any, table: dict[str, Any]) -> Tensor:
        d.x += 1
        d.parts.append(d.x)
        d.new = 1  # type: ignore[attr-defined]
        numbers.append(3)
        array[:] = 7
        table["x"].mul_(2)
        del table["y"]
        return m.a(d.x)

    plain, numbers, array, table = Plain(x()), [1, 2], np.zeros(3), {"x": x(), "y": x()}
    before = plain.x.clone(), table["x"].clone()
    assert capture(Layers(changes), (plain, numbers, array, table)).errors == ()
    assert torch.equal(plain.x, before[0])
    assert torch.equal(table["x"], before[1])
    assert (numbers, array.tolist(), sorted(table), len(plain.parts)) == ([1, 2], [0, 0, 0], ["x", "y"], 1)
    assert not hasattr(plain, "new")


def test_objects_that_cannot_be_copied_are_used_as_they_are() -> None:
    class Locked:
        def __init__(self) -> None:
            self.lock = threading.Lock()
            self.x = torch.ones(3, 4)

    graph = capture(Layers(lambda m, d: m.a(d.x)), (Locked(),))
    assert graph.errors == ()
    assert graph.nodes[-1].shapes == ((3, 4),)


def test_a_random_generator_is_left_as_found() -> None:
    generator = torch.Generator().manual_seed(3)
    state = generator.get_state()
    for size in (4, 400):
        function = lambda m, g, n=size: torch.rand(n, generator=g)
        assert capture(Layers(function), (generator,)).errors == ()
        assert torch.equal(generator.get_state(), state)


def test_caches_of_transformers(torchvision: Any) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, vocab_size=50
    )
    model = transformers.LlamaForCausalLM(config).eval()
    cache, empty = transformers.DynamicCache(config=config), transformers.DynamicCache(config=config)
    with torch.no_grad():
        model(torch.zeros(1, 5, dtype=torch.int64), past_key_values=cache)
    ids = torch.zeros(1, 3, dtype=torch.int64)
    found, graph = differences(model, (), {"input_ids": ids, "past_key_values": cache})
    assert found == []
    assert inputs(graph)[1:3] == ["past_key_values.layers.0.keys", "past_key_values.layers.0.values"]
    assert graph.nodes[-1].shapes == ((1, 3, 50), *[(1, 2, 8, 8)] * 4)
    assert capture(model, (), {"input_ids": ids, "past_key_values": empty}).errors == ()
    assert (cache.get_seq_length(), empty.get_seq_length()) == (5, 0)
    static = transformers.StaticCache(config=config, max_cache_len=16)
    graph = capture(model, (), {"input_ids": ids, "past_key_values": static})
    assert graph.errors == ()
    assert "index_copy" in {node.op for node in graph.nodes}
    assert static.get_seq_length() == 0


def test_outputs_of_transformers(torchvision: Any) -> None:
    outputs = pytest.importorskip("transformers.modeling_outputs")

    def returns(m: Layers, given: Any) -> Any:
        y = m.a(given.last_hidden_state) + given["last_hidden_state"] + given[0]
        return outputs.BaseModelOutput(last_hidden_state=y, hidden_states=(given[0], m.b(y)))

    found, graph = differences(Layers(returns), (outputs.BaseModelOutput(last_hidden_state=x()),), {})
    assert found == []
    assert inputs(graph) == ["args.last_hidden_state"]
    assert graph.sources["output"] == ("add#2", "args.last_hidden_state", "b")
