"""Models that raise: the graph reaches as far as shapes are known, with each error once at its place."""

from __future__ import annotations

import inspect
from asyncio import CancelledError
from typing import Any

import models
import pytest
import torch
from torch import Tensor, nn

from idlmav.capture import capture
from idlmav.graph import Graph
from idlmav.metrics.totals import complete


def captured(name: str) -> Graph:
    example = models.BROKEN[name]
    return complete(capture(example.model(), example.args(), example.kwargs()))


def line_of(model: type[nn.Module], text: str) -> str:
    lines, start = inspect.getsourcelines(model.forward)
    return f"models.py:{start + next(i for i, line in enumerate(lines) if text in line)}"


@pytest.mark.parametrize("name", models.BROKEN)
def test_every_error_is_recorded_once_on_its_node(name: str) -> None:
    graph = captured(name)
    assert len(graph.errors) == 1
    error = graph.errors[0]
    failed = [node for node in graph.nodes if node.status == "failed"]
    assert [node.id for node in failed] == [error.node]
    assert failed[0].error == f"{error.kind}: {error.message}"
    assert failed[0].source == error.source
    place = {node.id: index for index, node in enumerate(graph.nodes)}
    assert all(node.status == "ran" for node in graph.nodes[: place[error.node or ""]])
    assert all(node.status == "not_run" for node in graph.nodes[place[error.node or ""] + 1 :])
    assert all(place[edge.source] < place[edge.target] for edge in graph.edges)
    example = models.BROKEN[name]
    with pytest.raises(Exception, match=r".") as really:
        example.model()(*example.args(), **example.kwargs())
    assert (type(really.value).__name__, str(really.value)) == (error.kind, error.message)


@pytest.mark.parametrize(
    ("name", "node", "model", "text"),
    [
        ("wrong_size", "second", models.WrongSize, "self.second(x)"),
        ("wrong_channels", "block.0", models.WrongChannels, "self.block"),
        ("wrong_type", "conv", models.WrongType, "self.conv"),
        ("unfinished", "todo:raise", models.NotWritten, "raise NotImplementedError"),
        ("missing_layer", "raise", models.MissingLayer, "self.middle"),
        ("asserts", "raise", models.Asserts, "assert x.shape"),
        ("wrong_rank", "norm", models.WrongRank, "self.norm"),
    ],
)
def test_the_place_is_the_users_line(name: str, node: str, model: type[nn.Module], text: str) -> None:
    graph = captured(name)
    assert graph.errors[0].node == node
    assert (graph.errors[0].source or "").endswith(line_of(model, text))
    assert graph.sources[node], "a failed op hangs on what came before it"
    path = graph.node_by_id[node].path
    assert graph.module_by_path[path].failed
    assert graph.module_by_path[""].failed


def test_ops_after_an_error_have_declared_shapes() -> None:
    graph = captured("wrong_channels")
    assert [(node.id, node.status) for node in graph.nodes] == [
        ("x", "ran"), ("stem", "ran"), ("block.0", "failed"), ("block.1", "not_run"), ("block.2", "not_run"),
        ("head", "not_run"), ("output", "not_run"),
    ]  # fmt: skip
    assert graph.nodes[-1].shapes == ((2, 2, 28, 28),)
    assert "(2, 8, 30, 30) float32, (8, 16, 3, 3) float32" in graph.node_by_id["block.0"].args


def test_modules_never_reached_are_listed() -> None:
    graph = captured("unfinished")
    model = models.BROKEN["unfinished"].model()
    model.spare = nn.Linear(1, 1)
    assert {m.path: m.calls for m in capture(model, (torch.zeros(1, 8),)).modules}["spare"] == 0
    assert {module.path: module.calls for module in graph.modules} == {"": 1, "first": 1, "todo": 1, "last": 1}
    assert graph.totals.param_count == 8 * 8 + 8 + 8 * 2 + 2


def test_an_error_that_the_model_handles_is_not_reported() -> None:
    example = models.WORKING["recovers"]
    graph = capture(example.model(), example.args())
    assert graph.errors == ()
    assert [node.id for node in graph.nodes] == ["x", "t", "linear", "output"]


def test_every_cause_is_an_error() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(3, 4), nn.Linear(5, 6), nn.Linear(7, 2)

        def forward(self, x: Tensor) -> Tensor:
            left = self.a(x)
            right = self.b(x)
            return self.c(left) + right

    graph = capture(Twice(), (torch.zeros(1, 8),))
    # What layers return does not depend on what they get: `c` fails with 4 features whatever is done about `a`.
    assert [error.node for error in graph.errors] == ["a", "b", "c", "add"]
    assert graph.node_by_id["add"].shapes == ((1, None),)
    assert graph.node_by_id["output"].status == "not_run"


@pytest.mark.parametrize(
    ("op", "shape"),
    [
        # Which of two sizes that disagree is the wrong one nobody can tell.
        (lambda x: torch.cat([x, x[:1]], 1), (None, 16)),
        (lambda x: x + x[:, :3], (2, None)),
        (lambda x: x.view(3, -1), (3, None)),
        (lambda x: x @ x, (2, 8)),
        (lambda x: torch.softmax(x, 5), (2, 8)),
        (lambda x: nn.functional.layer_norm(x, (9,)), (2, None)),
    ],
)
def test_declared_shapes(op: Any, shape: tuple[int, ...]) -> None:
    class Model(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return op(x) * 1

    graph = capture(Model(), (torch.zeros(2, 8),))
    failed = next(node for node in graph.nodes if node.status == "failed")
    assert failed.shapes == (shape,)
    assert graph.nodes[-1].status == "not_run"
    assert graph.nodes[-1].shapes == (shape,)


def test_after_an_op_that_declares_nothing_the_rank_is_unknown() -> None:
    class Model(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.linalg.cholesky(x).relu().sum()

    graph = capture(Model(), (torch.zeros(2, 8),))
    assert [(node.op, node.status, node.shapes) for node in graph.nodes][1:] == [
        ("linalg_cholesky", "failed", (None,)), ("relu", "not_run", (None,)), ("sum", "not_run", ((),)),
        ("output", "not_run", ((),)),
    ]  # fmt: skip


def test_an_error_raised_from_another_is_placed_at_its_cause() -> None:
    class Wraps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            try:
                return self.linear(x)
            except RuntimeError as error:
                raise ValueError("wrong features") from error

    graph = capture(Wraps(), (torch.zeros(1, 4),))
    assert [error.node for error in graph.errors] == ["linear"]
    assert graph.errors[0].kind == "RuntimeError"


class Helper(nn.Module):
    """Its parts fail in every way that Python knows."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])

    def helper(self, x: Tensor) -> Tensor:
        y = self.a(x)
        if y.shape[0] == 2:
            raise ValueError("not two")
        return y

    def forward(self, x: Tensor) -> Tensor:
        x = self.helper(x)
        for index in range(3):
            x = torch.relu(self.layers[index](x))
        x = x + undefined  # noqa: F821
        return self.b(torch.tanh(self.middle(x)))


def test_several_errors_of_python_are_each_at_their_line() -> None:
    graph = capture(Helper(), (torch.zeros(2, 4),))
    lines, start = inspect.getsourcelines(Helper)

    def line(text: str) -> int:
        return start + next(i for i, found in enumerate(lines) if text in found)

    wanted = [
        ("ValueError", "raise ValueError"), ("IndexError", "self.layers[index]"), ("NameError", "undefined"),
        ("AttributeError", "self.middle"),
    ]  # fmt: skip
    assert [(e.kind, int((e.source or "").rpartition(":")[2])) for e in graph.errors] == [
        (kind, line(text)) for kind, text in wanted
    ]
    assert [node.op for node in graph.nodes if node.op != "raise"] == [
        "input", "linear", "linear", "relu", "linear", "relu", "unknown", "relu", "add", "tanh", "linear", "output",
    ]  # fmt: skip
    assert graph.nodes[-1].shapes == ((2, 2),)


def test_arguments_that_do_not_fit_still_enter_the_module() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: Tensor, mask: Tensor) -> Tensor:
            return self.linear(x) * mask

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = Block()

        def forward(self, x: Tensor) -> Tensor:
            return self.block(x)

    graph = capture(Model(), (torch.zeros(2, 4), torch.zeros(2, 4)))
    assert [(error.node, error.kind) for error in graph.errors] == [
        ("raise", "TypeError"),
        ("block:raise", "TypeError"),
    ]
    assert graph.node_by_id["block.linear"].shapes == ((2, 4),)
    assert set(graph.sources["block:mul"]) == {"block.linear", "block:raise"}


def test_a_module_without_forward_and_one_without_source() -> None:
    namespace: dict[str, Any] = {"nn": nn}
    text = "class Hidden(nn.Module):\n    def forward(self, x):\n        raise KeyError('nowhere')\n"
    exec(compile(text, "<nowhere>", "exec"), namespace)  # noqa: S102 - a class whose source cannot be read
    model = nn.Sequential(nn.Linear(4, 4), nn.Module(), namespace["Hidden"](), nn.Linear(4, 2))
    graph = capture(model, (torch.zeros(2, 4),))
    assert [(error.path, error.kind) for error in graph.errors] == [("1", "NotImplementedError"), ("2", "KeyError")]
    assert graph.nodes[-1].shapes == ((2, 2),)


def test_sizes_after_a_deleted_convolution_are_unknown() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.after = nn.Conv2d(64, 8, 1)
            self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.after(torch.relu(self.before(x)))
            return self.head(self.pool(x).flatten(1))

    graph = capture(Model(), (torch.zeros(2, 3, 9, 9),))
    assert {node.id: node.shapes[0] for node in graph.nodes[1:]} == {
        "raise": (2, 64, None, None), "relu": (2, 64, None, None), "after": (2, 8, None, None), "pool": (2, 8, 1, 1),
        "flatten": (2, 8), "head": (2, 2), "output": (2, 2),
    }  # fmt: skip


@pytest.mark.parametrize("error", [KeyboardInterrupt, CancelledError])
def test_an_interruption_restores_rewritten_functions(error: type[BaseException]) -> None:
    class Model(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = x + undefined  # noqa: F821
            if stop:
                raise error
            return x

    stop = False
    codes = Model.forward.__code__
    assert [e.kind for e in capture(Model(), (torch.zeros(2),)).errors] == ["NameError"]
    assert Model.forward.__code__ is codes
    stop = True
    with pytest.raises(error):
        capture(Model(), (torch.zeros(2),))
    assert Model.forward.__code__ is codes


def test_messages_of_large_ops_are_the_real_ones() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(5000, 4000))
    with pytest.raises(RuntimeError) as really:
        model(torch.zeros(2, 8))
    assert capture(model, (torch.zeros(2, 8),)).errors[0].message == str(really.value)
    model[1] = nn.Linear(8, 1 << 22).double()
    with pytest.raises(RuntimeError) as really:
        model(torch.zeros(2, 8))
    assert capture(model, (torch.zeros(2, 8),)).errors[0].message == str(really.value)
