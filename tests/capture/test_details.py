"""Names of ops, arguments as text, source lines, and functions of real models beside layers."""

from __future__ import annotations

import inspect
import itertools
import operator
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from capture.compare import differences
from idlmav.capture import capture
from idlmav.capture.record.argument_text import argument_text
from idlmav.capture.record.classify import op_name, writes_in_place
from idlmav.capture.record.memo import MEMO, Recorder
from idlmav.capture.record.source import locate, source_line
from idlmav.graph import Graph, Node


class Call(nn.Module):
    """A model of one function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


def captured(function: Callable[..., Any], *shape: int) -> Graph:
    graph = capture(Call(function), (torch.zeros(shape or (2, 4)),))
    assert graph.errors == ()
    return graph


def only_op(function: Callable[..., Any], *shape: int) -> Node:
    (node,) = [node for node in captured(function, *shape).nodes if node.kind == "op"]
    return node


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (torch.add, "add"), (Tensor.add, "add"), (Tensor.add_, "add"), (Tensor.__add__, "add"), (Tensor.__radd__, "add"),
        (Tensor.__iadd__, "add"), (Tensor.__rsub__, "sub"), (Tensor.__truediv__, "div"), (Tensor.__getitem__, "getitem"),
        (Tensor.__matmul__, "matmul"), (torch.concat, "cat"), (F.relu, "relu"), (torch.relu_, "relu"), (torch.conv2d, "conv2d"),
        (Tensor.T.__get__, "t"), (torch.ops.aten.add.Tensor, "add"), (torch._VF._pack_padded_sequence, "pack_padded_sequence"),
        (torch.fft.fft, "fft_fft"), (Tensor.__and__, "bitwise_and"), (Tensor.__invert__, "bitwise_not"),
    ],
    ids=itertools.count(),
)  # fmt: skip
def test_one_op_has_one_name(function: Any, name: str) -> None:
    assert op_name(function) == name


def test_which_functions_write_in_place() -> None:
    writing = (Tensor.add_, Tensor.__iadd__, Tensor.__setitem__, torch.relu_)
    assert all(writes_in_place(function) for function in writing)
    reading = (Tensor.__invert__, Tensor.__int__, Tensor.__iter__, Tensor.add, F.relu, Tensor.__getitem__)
    assert not any(writes_in_place(function) for function in reading)


@pytest.mark.parametrize(
    "spelling",
    [lambda x: x + 1, lambda x: 1 + x, lambda x: torch.add(x, 1), lambda x: x.add(1), lambda x: operator.add(x, 1)],
    ids=itertools.count(),
)
def test_spellings_of_addition_are_one_operation(spelling: Callable[[Tensor], Tensor]) -> None:
    node = only_op(spelling)
    assert (node.op, node.operation, node.notes) == ("add", "add()", ())


@pytest.mark.parametrize(
    "spelling",
    [
        lambda x: x.add_(1),
        lambda x: operator.iadd(x, 1),
        lambda x: F.relu(x, True),
        lambda x: F.relu(x, inplace=True),
        lambda x: F.dropout(x, 0.1, True, True),
        lambda x: torch.neg(x, out=x),
    ],
    ids=itertools.count(),
)
def test_writing_in_place_is_noted(spelling: Callable[[Tensor], Tensor]) -> None:
    assert only_op(spelling).notes == ("inplace",)


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "text"),
    [
        (torch.conv2d, (Tensor(), Tensor(), None, (2, 2), (3, 3), (1, 1), 1), {}, "stride=(2, 2), padding=(3, 3)"),
        (F.dropout, (Tensor(), 0.1, False, False), {}, "p=0.1, training=False"),
        (Tensor.view, (Tensor(), 2, -1), {}, "2, -1"),
        (Tensor.transpose, (Tensor(), 1, 2), {}, "dim0=1, dim1=2"),
        (torch.cat, ([Tensor(), Tensor()],), {"dim": -1}, "dim=-1"),
        (Tensor.__getitem__, (Tensor(), (slice(None), slice(1, None, 2), None, ...)), {}, "key=(:, 1::2, None, ...)"),
        (F.max_pool2d, (Tensor(), 3), {"stride": 2}, "3, stride=2"),
        (torch.zeros, (2, 3), {"dtype": torch.float16}, "2, 3, dtype=torch.float16"),
    ],
)  # fmt: skip
def test_arguments_as_text(function: Any, args: Any, kwargs: Any, text: str) -> None:
    assert argument_text(function, args, kwargs) == text


def test_arguments_of_a_failed_op_include_shapes() -> None:
    text = argument_text(torch.add, (torch.zeros(2, 3), torch.zeros(4)), {"alpha": 2}, with_shapes=True)
    assert text == "(2, 3) float32, (4,) float32, alpha=2"


def test_long_arguments_are_cut() -> None:
    assert len(argument_text(Tensor.view, (Tensor(), *range(100)), {})) < 130


def test_source_is_the_innermost_line_of_the_user() -> None:
    frame = inspect.currentframe()
    assert frame is not None
    line = source_line(locate(frame))
    assert line is not None
    assert line.endswith(f"test_details.py:{frame.f_lineno - 2}")
    assert source_line(None) is None
    assert not line.startswith("/") or not any(line.startswith(root) for root in sys.path if root)


def test_layers_of_one_line_share_it_and_functions_have_their_own() -> None:
    def function(x: Tensor) -> Tensor:
        y = x * 2
        return y + 1

    first, second = (node.source for node in captured(function).nodes if node.kind == "op")
    assert first is not None
    assert second is not None
    assert int(second.rpartition(":")[2]) == int(first.rpartition(":")[2]) + 1


class Halves(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clamp(min=0) / 2


FUNCTIONS: dict[str, Callable[[Tensor], Any]] = {
    "autograd function": lambda x: Halves.apply(x) * 2,
    "iteration": lambda x: [row + 1 for row in x],
    "unpacking": lambda x: torch.stack([*x.chunk(2, 1)]).sum(0),
    "handed through": lambda x: torch.broadcast_tensors(x, x)[0] + x.contiguous() + x.to(x.dtype),
    "index": lambda x: x[:, torch.arange(2)] + x[0, 1:3] + x[..., None, 0],
    "new tensors": lambda x: x.new_zeros(4) + torch.ones_like(x) + torch.full((1,), 2.0),
    "masks": lambda x: x.masked_fill(torch.ones(4, 4).triu(1)[:2].bool(), 0.0) + torch.where(x > 0, x, 0.0),
    "einsum": lambda x: torch.einsum("ij,kj->ik", x, x),
    "inference mode": lambda x: torch.inference_mode()(torch.relu)(x),
    "real mask": lambda x: x[torch.tensor([True, False])].sum() + x[torch.tensor(1)],
    "repeat": lambda x: x.repeat_interleave(torch.tensor([1, 3]), dim=0),
    "in place on a view": lambda x: (x.clone().view(-1).mul_(2), x.T.sum())[0],
    "several results": lambda x: x.max(1).values + x.topk(2, dim=1)[0][:, 0],
    "complex": lambda x: torch.fft.ifft(torch.fft.fft(x)).real,
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_agree_with_a_real_run(name: str) -> None:
    for _ in range(2):
        assert differences(Call(FUNCTIONS[name]), (torch.rand(2, 4) + 1,), {})[0] == []


def wrappers() -> dict[str, nn.Module]:
    class Checkpoints(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Any:
            return checkpoint(self.inner, x, use_reentrant=False)

    return {
        "checkpoint": Checkpoints(),
        "weight norm": parametrizations.weight_norm(nn.Linear(4, 4)),
        "data parallel": nn.DataParallel(nn.Linear(4, 4)),
        "cell": nn.LSTMCell(4, 3),
        "bag": nn.Sequential(nn.PReLU(), nn.RReLU(), nn.Bilinear(4, 4, 2))[:2],
    }


@pytest.mark.parametrize("name", ["checkpoint", "weight norm", "data parallel", "cell", "bag"])
def test_wrappers_agree_with_a_real_run(name: str) -> None:
    assert differences(wrappers()[name].eval(), (torch.randn(2, 4),), {})[0] == []


@pytest.mark.filterwarnings(
    "ignore:.*torch.jit:DeprecationWarning"
)  # torch 2.13 deprecates it, models still contain it
def test_torchscript_is_one_op() -> None:
    model = nn.Sequential(torch.jit.trace(nn.Linear(4, 3), torch.zeros(1, 4)), nn.ReLU())
    graph = capture(model, (torch.zeros(2, 4),))
    assert graph.errors == ()
    assert graph.nodes[-1].shapes == ((2, 3),)
    assert "opaque" in graph.nodes[1].notes


def test_data_dependent_sizes_are_the_largest_possible_and_marked() -> None:
    graph = capture(Call(lambda x: x[x > 0].sum() + x.nonzero().sum()), (torch.empty(2, 4, device="meta"),))
    assert [node.shapes for node in graph.nodes if "guess" in node.notes] == [((8,),), ((8, 2),)]


def test_the_memo_tells_numbers_of_equal_value_apart() -> None:
    for _ in range(2):
        kinds = [captured(lambda x, n=number: x.int() * n).nodes[-1].dtypes for number in (1, 1.0, True)]
        assert kinds == [("int32",), ("float32",), ("int32",)]


def test_the_memo_knows_the_default_type() -> None:
    def halves(x: Tensor) -> Tensor:
        return x.long() / 2

    before = torch.get_default_dtype()
    assert captured(halves).nodes[-1].dtypes == ("float32",)
    try:
        torch.set_default_dtype(torch.float64)
        assert captured(halves).nodes[-1].dtypes == ("float64",)
    finally:
        torch.set_default_dtype(before)
    assert captured(halves).nodes[-1].dtypes == ("float32",)


def test_the_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idlmav.capture.record.memo.MEMO_AT_MOST", 2)
    captured(lambda x: (x * 2 + 3).relu().sigmoid().tanh())
    assert len(MEMO) <= 2
    assert Recorder.remember.__doc__


def test_a_layer_that_is_moved_inside_forward_adds_no_op_for_the_question() -> None:
    class Moves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            self.layer = self.layer.to(x.dtype)
            return self.layer(x)

    found, graph = differences(Moves(), (torch.zeros(1, 2),), {})
    assert found == []
    assert "parse_to" not in {node.op for node in graph.nodes}
