"""Every kind of mistake in Python code and in calls of torch: one error, at its line, and a complete graph."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from idlmav.capture import capture
from idlmav.graph import Graph

MISTAKES: dict[str, Callable[[Any, Tensor], Any]] = {}


def mistake(function: Callable[[Any, Tensor], Any]) -> Callable[[Any, Tensor], Any]:
    MISTAKES[getattr(function, "__name__", "")] = function
    return function


class Refusing(torch.Tensor):
    """A tensor that cannot be added."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.add:
            raise ValueError("not to be added")
        return super().__torch_function__(func, types, args, kwargs or {})


@mistake
def an_index_of_a_list(self: Any, x: Tensor) -> Tensor:
    sizes = [1, 2]
    return x * sizes[len(sizes)]  # here


@mistake
def a_key_of_a_dict(self: Any, x: Tensor) -> Tensor:
    scales = {"a": 1}
    return x * scales["b"]  # here


@mistake
def a_division_by_zero(self: Any, x: Tensor) -> Tensor:
    heads = x.shape[0] // 0  # here
    return x * heads


@mistake
def an_attribute_of_a_config(self: Any, x: Tensor) -> Tensor:
    return x * self.config.heads  # here


@mistake
def a_class_that_refuses(self: Any, x: Tensor) -> Tensor:
    bias = torch.zeros(4).as_subclass(Refusing)
    return torch.add(x, bias)  # here


@mistake
def one_tensor_for_a_list(self: Any, x: Tensor) -> Tensor:
    return torch.cat(x, 1)  # type: ignore[arg-type]  # here


@mistake
def a_text_for_a_tensor(self: Any, x: Tensor) -> Tensor:
    return torch.relu("x") + x  # type: ignore[arg-type]  # here


@mistake
def a_keyword_that_is_none(self: Any, x: Tensor) -> Tensor:
    return torch.softmax(x, dim=-1, foo=3)  # type: ignore[call-overload]  # here


@mistake
def a_lambda(self: Any, x: Tensor) -> Tensor:
    step = lambda y: y + undefined  # type: ignore[name-defined]  # noqa: F821  # here
    return step(x) * 2


@mistake
def an_op_in_a_lambda(self: Any, x: Tensor) -> Tensor:
    step = lambda y: y @ torch.zeros(3, 3)  # here
    return step(x) * 2


@mistake
def a_generator(self: Any, x: Tensor) -> Tensor:
    def parts(y: Tensor) -> Iterator[Tensor]:
        for index in range(3):
            if index == 2:
                raise ValueError("no third part")  # here
            yield y * index

    return sum(parts(x), x)


@mistake
def a_comprehension(self: Any, x: Tensor) -> Tensor:
    return torch.stack([x * [1, 2][i] for i in range(3)]).sum(0)  # here


@mistake
def too_few_to_unpack(self: Any, x: Tensor) -> Tensor:
    a, b, c = x.chunk(2, -1)  # here
    return torch.cat([a, b, c[:, :0]], -1)


@mistake
def a_with_block(self: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        x = x * 2
        raise ValueError("in a with block")  # here
    return x


@mistake
def the_second_turn_of_a_loop(self: Any, x: Tensor) -> Tensor:
    for index in range(3):
        x = x + 1
        if index == 1:
            raise AssertionError("too far")  # here
    return x


@mistake
def a_nested_function(self: Any, x: Tensor) -> Tensor:
    def inner(y: Tensor) -> Tensor:
        raise KeyError("inner")  # here

    return inner(x)


@mistake
def an_attribute_of_none(self: Any, x: Tensor) -> Tensor:
    mask: Any = None
    return x + mask.shape[0]  # here


@mistake
def a_call_of_none(self: Any, x: Tensor) -> Tensor:
    layer: Any = None
    return layer(x)  # here


@mistake
def one_raised_from_another(self: Any, x: Tensor) -> Tensor:
    try:
        x = x * {}["k"]
    except KeyError as error:
        raise RuntimeError("no such key") from error  # here
    return x


@mistake
def a_shape_too_short(self: Any, x: Tensor) -> Tensor:
    text = f"{x.shape[9]}"  # here
    return x * len(text)


@mistake
def a_view_of_another_size(self: Any, x: Tensor) -> Tensor:
    return x.view(3, 5)  # here


@mistake
def a_rank_too_low(self: Any, x: Tensor) -> Tensor:
    return nn.functional.conv2d(x, torch.zeros(4, 3, 3, 3))  # here


@mistake
def an_operand_written_in_place(self: Any, x: Tensor) -> Tensor:
    x += torch.zeros(2, 5)  # here
    return x


@mistake
def a_part_that_does_not_fit(self: Any, x: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    y[:, 0:3] = x  # here
    return y


@mistake
def a_number_of_python(self: Any, x: Tensor) -> Tensor:
    return x * math.sqrt(-1)  # here


@mistake
def a_condition(self: Any, x: Tensor) -> Tensor:
    return x * 2 if self.config.nothing else x * 3  # here


@mistake
def a_branch(self: Any, x: Tensor) -> Tensor:
    match x.shape[1]:
        case 4:
            raise ValueError("four")  # here
        case _:
            return x


@mistake
def before_a_finally(self: Any, x: Tensor) -> Tensor:
    try:
        x = x * 2
        raise ValueError("first")  # here
    finally:
        x = x + 1
    return x


@mistake
def a_while_loop(self: Any, x: Tensor) -> Tensor:
    turn = 0
    while turn < 3:
        x = x * 2
        if turn == 1:
            raise ValueError("second turn")  # here
        turn += 1
    return x


@mistake
@torch.no_grad()
def a_decorated_method(self: Any, x: Tensor) -> Tensor:
    y = x * 2
    return y * self.config.heads  # here


def _passed_on(function: Callable[[Any, Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
    @functools.wraps(function)
    def passing(*args: Any) -> Tensor:
        return function(*args)

    return passing


@mistake
@_passed_on
def a_wrapped_method(self: Any, x: Tensor) -> Tensor:
    raise ValueError("wrapped")  # here


@mistake
@torch.jit.ignore
def an_ignored_method(self: Any, x: Tensor) -> Tensor:
    raise ValueError("ignored")  # here


@mistake
def a_property(self: Any, x: Tensor) -> Tensor:
    return x * self.scale


@mistake
def a_list_of_layers(self: Any, x: Tensor) -> Tensor:
    for index in range(3):
        x = self.layers[index](x)  # here
    return x


@mistake
def an_element_type(self: Any, x: Tensor) -> Tensor:
    return self.doubled(x)


@mistake
def a_pre_hook(self: Any, x: Tensor) -> Tensor:
    return self.hooked(x)


class Model(nn.Module):
    """Runs one mistake between correct layers."""

    def __init__(self, middle: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.doubled, self.hooked = nn.Linear(4, 4).double(), nn.Linear(4, 4)
        self.config, self.middle = SimpleNamespace(width=4), middle

        def hook(module: nn.Module, args: Any) -> None:
            raise ValueError("in a hook")

        self.hooked.register_forward_pre_hook(hook)

    @property
    def scale(self) -> int:
        raise KeyError("scale")

    def forward(self, x: Tensor) -> Tensor:
        x = self.middle(self, self.a(x))
        return self.c(torch.relu(self.b(x)))


def check_one(graph: Graph, real: BaseException) -> None:
    assert [(error.kind, error.message) for error in graph.errors] == [(type(real).__name__, str(real))]
    names = [node.id for node in graph.nodes]
    failed = names.index(graph.errors[0].node or "")
    assert [node.status for node in graph.nodes] == ["ran"] * failed + ["failed"] + ["not_run"] * (
        len(names) - failed - 1
    )
    assert graph.nodes[failed].source == graph.errors[0].source


@pytest.mark.parametrize("name", MISTAKES)
def test_one_mistake_is_one_error_in_a_complete_graph(name: str) -> None:
    model = Model(MISTAKES[name])
    with pytest.raises(Exception, match=r".") as really:
        model(torch.zeros(2, 4))
    graph = capture(model, (torch.zeros(2, 4),))
    check_one(graph, really.value)
    assert {"a", "b", "relu", "c"} <= set(graph.node_by_id)
    assert graph.nodes[-1].id == "output"
    rank = len(graph.nodes[-1].shapes[0] or ())
    assert rank == (4 if name == "a_rank_too_low" else 2)
    assert (graph.nodes[-1].shapes[0] or ())[-1] == 2
    code = getattr(MISTAKES[name], "__wrapped__", MISTAKES[name]).__code__
    source, _, line = (graph.errors[0].source or "").rpartition(":")
    assert source.endswith("test_mistakes.py")
    here = [n for n, text in enumerate(LINES, 1) if text.endswith("# here") and n >= code.co_firstlineno]
    if name not in ("a_property", "an_element_type", "a_pre_hook"):
        assert int(line) == here[0]


with open(__file__, encoding="utf-8") as own:
    LINES = own.read().splitlines()


class Recurrent(nn.Module):
    """A recurrent layer with an input that it refuses."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.embed, self.layer, self.head = nn.Linear(4, 6), layer, nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.layer(self.embed(x))
        return self.head(y) + self.head(y[:, -1]).unsqueeze(1)


@pytest.mark.parametrize(
    ("layer", "op"),
    [
        (nn.LSTM(8, 5, batch_first=True), "lstm"),
        (nn.GRU(8, 5, batch_first=True), "gru"),
        (nn.RNN(6, 5, batch_first=True).double(), "rnn_tanh"),
        (nn.GRU(6, 5, batch_first=True).double(), "gru"),
    ],
)
def test_a_recurrent_layer_that_checks_its_input_fails_at_its_own_op(layer: nn.Module, op: str) -> None:
    model = Recurrent(layer)
    with pytest.raises((RuntimeError, ValueError)) as really:
        model(torch.zeros(2, 3, 4))
    graph = capture(model, (torch.zeros(2, 3, 4),))
    check_one(graph, really.value)
    failed = graph.node_by_id["layer"]
    assert (failed.op, failed.operation, failed.path) == (op, f"nn.{type(layer).__name__}", "layer")
    assert failed.shapes[0] == (2, 3, 5)
    assert "(2, 3, 6) float32" in failed.args
    assert graph.sources["layer"][0] == "embed"
    assert graph.nodes[-1].shapes == ((2, 3, 2),)


@pytest.mark.parametrize("cast", ["layer", "activation"])
def test_one_wrong_element_type_is_one_error(cast: str) -> None:
    class Typed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convs = nn.ModuleList([nn.Conv2d(4, 4, 1) for _ in range(4)])
            self.norm, self.head = nn.LayerNorm(4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            for conv in self.convs:
                x = x + torch.relu(conv(x))
            x = x.mean((2, 3))
            if cast == "activation":
                x = x.double()
            return self.head(self.norm(x))

    model = Typed()
    if cast == "layer":
        model.convs[1].half()
    with pytest.raises(RuntimeError) as really:
        model(torch.zeros(2, 4, 3, 3))
    graph = capture(model, (torch.zeros(2, 4, 3, 3),))
    check_one(graph, really.value)
    assert graph.errors[0].node == ("convs.1" if cast == "layer" else "norm")
    assert graph.nodes[-1].dtypes == ("float32",)


def test_endless_recursion_ends() -> None:
    class Endless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 2)

        def again(self, x: Tensor) -> Tensor:
            return self.again(x * 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.again(x))

    graph = capture(Endless(), (torch.zeros(2, 4),))
    assert [error.kind for error in graph.errors] == ["RecursionError"]
    assert graph.node_by_id["head"].shapes == ((2, 2),)


def test_a_comparison_with_something_missing_is_no_error_of_its_own() -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 8, batch_first=True).eval()
    del layer.norm2  # torch compares its settings with those of its twin
    graph = capture(nn.Sequential(layer, nn.Linear(16, 2)), (torch.zeros(2, 3, 16),))
    assert [(error.path, error.kind) for error in graph.errors] == [("0", "AttributeError")]
    assert graph.nodes[-1].shapes == ((2, None, 2),) or graph.nodes[-1].shapes == ((2, 3, 2),)
