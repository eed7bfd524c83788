"""
Modules whose class or attributes get in the way of whoever looks at them, and forward passes that leave the usual path.

Each is drawn with its ops, equal to those of the model without the oddity. Reported of printing, summaries and tracers:
issue 12, torchinfo's and torchview's trackers.
"""

from __future__ import annotations

import functools
import logging
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch
from torch import Tensor, nn

from idlmav import MAV, load
from idlmav.graph import Graph

X = torch.ones(2, 4)


class Plain(nn.Module):
    """Two layers and a sum; subclasses add the oddities."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.act = nn.Linear(4, 4), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.fc(x)) + x


PLAIN = ["input", "linear", "relu", "add", "output"]


def drawn(model: nn.Module, *inputs: Any) -> Graph:
    """Return the graph after drawing it in every way, saved and loaded again."""
    mav = MAV(model, *inputs)
    assert mav.summary()
    assert mav.graph.to_frame().shape[0] == len(mav.graph.nodes)
    for flow in ("down", "right"):
        mav.state.direction = flow
        assert len(mav.scene()["nodes"]["label"]) == len(mav.graph.nodes)
    return mav.graph


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def raising(kind: type[BaseException]) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        raise kind("boom")

    return function


def answering(answer: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Return a ``__getattr__`` that answers what torch does not know."""

    def find(self: Any, name: str) -> Any:
        try:
            return nn.Module.__getattr__(self, name)
        except AttributeError:
            return answer(self, name)

    return find


IN_THE_CLASS: dict[str, dict[str, Any]] = {
    "extra_repr raises": {"extra_repr": raising(RuntimeError)},
    "extra_repr exits": {"extra_repr": raising(SystemExit)},
    "extra_repr returns None": {"extra_repr": lambda self: None},
    "extra_repr returns a number": {"extra_repr": lambda self: 5},
    "extra_repr is a text": {"extra_repr": "4, 4"},
    "repr and str raise": {"__repr__": raising(RuntimeError), "__str__": raising(RuntimeError)},
    "repr returns None": {"__repr__": lambda self: None},
    "len raises": {"__len__": raising(RuntimeError)},
    "empty": {"__len__": lambda self: 0},
    "false": {"__bool__": lambda self: False},
    "bool raises": {"__bool__": raising(RuntimeError)},
    "eq and hash raise": {"__eq__": raising(RuntimeError), "__hash__": raising(RuntimeError)},
    "equal to everything": {"__eq__": lambda self, other: True, "__hash__": lambda self: 1},
    "eq returns a tensor": {"__eq__": lambda self, other: torch.ones(3), "__hash__": lambda self: 1},
    "unhashable": {"__hash__": None},
    "iter and getitem raise": {"__iter__": raising(RuntimeError), "__getitem__": raising(RuntimeError)},
    "getattr answers None": {"__getattr__": answering(lambda self, name: None)},
    "getattr answers itself": {"__getattr__": answering(lambda self, name: self)},
    "getattr answers a text": {"__getattr__": answering(lambda self, name: "odd")},
    "getattr answers a function": {"__getattr__": answering(lambda self, name: lambda *args: None)},
    "getattr answers a mock": {"__getattr__": answering(lambda self, name: MagicMock())},
    "getattr raises KeyError": {"__getattr__": answering(lambda self, name: {}[name])},
    "no Python module": {"__module__": None},
    "signature raises": {"__signature__": property(raising(RuntimeError))},
    "parameters raises": {"parameters": property(raising(RuntimeError))},
    "named_modules raises": {"named_modules": property(raising(RuntimeError))},
}


@pytest.mark.parametrize("name", IN_THE_CLASS)
def test_a_class_that_answers_oddly(name: str) -> None:
    kind: Any = type("Odd", (Plain,), IN_THE_CLASS[name])
    assert ops(drawn(kind(), X)) == PLAIN
    assert ops(drawn(nn.Sequential(kind(), nn.Tanh()), X)) == [*PLAIN[:-1], "tanh", "output"]


_NAMES = (
    "parameters", "modules", "children", "named_modules", "named_parameters", "named_children", "buffers", "extra_repr",
    "state_dict", "apply", "train", "training", "_get_name",
)  # fmt: skip


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize(
    "value", [[1, 2], None, "yes", 5, lambda *given: None], ids=["list", "None", "str", "int", "function"]
)
def test_an_attribute_with_the_name_of_a_method(name: str, value: object) -> None:
    """Reported of torchsummary: ``self.modules = [...]``."""
    model = Plain()
    object.__setattr__(model, name, value)
    assert ops(drawn(model, X)) == PLAIN


@pytest.mark.parametrize("name", ["parameters", "modules", "children", "extra_repr"])
def test_a_layer_with_the_name_of_a_method(name: str) -> None:
    model = Plain()
    setattr(model, name, nn.Linear(4, 4))
    graph = drawn(model, X)
    assert ops(graph) == PLAIN
    assert name in graph.module_by_path


def test_settings_that_cannot_be_read_are_told() -> None:
    kind: Any = type("Odd", (Plain,), {"extra_repr": raising(ValueError)})
    assert drawn(kind(), X).modules[0].extra_repr == "extra_repr() raised ValueError"


@pytest.mark.parametrize("given", [(X,), ()], ids=["an input", "no input"])
def test_forward_that_is_set_on_the_model(given: tuple[Any, ...]) -> None:
    model = Plain()
    model.forward = lambda x: model.act(model.fc(x))  # type: ignore[method-assign]
    assert ops(drawn(model, *given)) == ["input", "linear", "relu", "output"]
    model.forward = functools.partial(Plain.forward, model)  # type: ignore[method-assign]
    assert ops(drawn(model, *given)) == PLAIN


class Entries(Plain):
    """Entries of torch's own dictionaries that are neither modules nor tensors."""

    def __init__(self) -> None:
        super().__init__()
        self._modules["number"] = 5  # type: ignore[assignment]
        self._parameters["text"] = "x"  # type: ignore[assignment]
        self._buffers["none"] = None


def test_entries_that_are_no_modules_or_tensors() -> None:
    graph = drawn(Entries(), X)
    assert ops(graph) == PLAIN
    assert {parameter.name for parameter in graph.parameters} == {"fc.weight", "fc.bias"}


class NoStart(nn.Module):
    """A class that forgets ``super().__init__()``."""

    def __init__(self) -> None:
        self.scale = 3

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


def test_a_module_that_was_not_initialised() -> None:
    graph = drawn(NoStart(), X)
    assert [failure.kind for failure in graph.errors] == ["AttributeError"]


# --------------------------------------------------------------------------------------------- leaving forward


class Leaves(nn.Module):
    """A model whose forward is left by an exception between two layers."""

    def __init__(self, leave: Callable[[], object]) -> None:
        super().__init__()
        self.first, self.second, self.leave = nn.Linear(4, 4), nn.Linear(4, 4), leave

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        self.leave()
        return self.second(x)


class SilentError(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("given", [(X,), ()], ids=["an input", "no input"])
@pytest.mark.parametrize(
    "leave",
    [sys.exit, raising(SystemExit), lambda: sys.exit(3), raising(SilentError)],
    ids=["exit", "raise", "3", "silent"],
)
def test_leaving_forward_is_a_failing_op_and_the_rest_is_drawn(leave: Any, given: tuple[Any, ...]) -> None:
    graph = drawn(Leaves(leave), *given)
    assert [failure.kind for failure in graph.errors] in (["SystemExit"], ["SilentError"])
    assert ops(graph).count("linear") == 2


def test_generator_exit_is_a_failing_op() -> None:
    graph = drawn(Leaves(raising(GeneratorExit)), X)
    assert [failure.kind for failure in graph.errors] == ["GeneratorExit"]


def test_a_layer_or_a_hook_that_exits() -> None:
    model = nn.Sequential(nn.Linear(4, 4), Plain(), nn.Linear(4, 3))
    model[1].register_forward_hook(raising(SystemExit))
    graph = drawn(model, X)
    assert [failure.kind for failure in graph.errors] == ["SystemExit"]
    assert ops(graph).count("linear") == 3


class Catches(Plain):
    """A model that handles an exit by itself."""

    def forward(self, x: Tensor) -> Tensor:
        try:
            sys.exit(1)
        except SystemExit:
            return super().forward(x)


def test_an_exit_that_the_model_handles_is_no_error() -> None:
    graph = drawn(Catches(), X)
    assert (ops(graph), graph.errors) == (PLAIN, ())


def test_an_interruption_still_interrupts() -> None:
    model = Leaves(raising(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        MAV(model, X)
    assert Plain()(X).shape == (2, 4)


# ------------------------------------------------------------------------------------------ what cannot be copied


class NoCopy:
    def __deepcopy__(self, memo: object) -> object:
        raise RuntimeError("no copies")


class Holds(nn.Module):
    """A model that holds something that cannot be copied, with a lazy layer, or one that differentiates."""

    def __init__(self, held: object, lazy: bool, differentiates: bool) -> None:
        super().__init__()
        self.held, self.in_a_list, self.differentiates = held, {"a": [held]}, differentiates
        self.fc = nn.LazyLinear(4) if lazy else nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        if not self.differentiates:
            return self.fc(x).relu()
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(self.fc(x).tanh().sum(), x)[0]


def held_things() -> dict[str, object]:
    logger = logging.getLogger("field")
    return {
        "lock": threading.Lock(),
        "logger": [logger, logging.StreamHandler()],
        "generator": (i for i in range(3)),
        "thread": threading.Thread(target=len),
        "refuses": NoCopy(),
        "module": sys,
    }


@pytest.mark.parametrize("kind", ["lazy", "autograd", "lazy and autograd"])
@pytest.mark.parametrize("name", sorted(held_things()))
def test_what_cannot_be_copied_is_shared(name: str, kind: str) -> None:
    held = held_things()[name]
    graph = drawn(Holds(held, lazy="lazy" in kind, differentiates="autograd" in kind), X)
    assert graph.errors == ()
    assert "linear" in ops(graph)
    assert ("grad" if "autograd" in kind else "relu") in ops(graph)


def test_a_lazy_model_whose_class_refuses_to_be_copied_stays_lazy() -> None:
    kind: Any = type("Odd", (Holds,), {"__deepcopy__": raising(RuntimeError)})
    model = nn.Sequential(kind(5, True, False), nn.LazyLinear(3))
    assert [node.shapes for node in drawn(model, X).nodes][-1] == ((2, 3),)
    assert model[1].has_uninitialized_params()
    assert model[0].fc.has_uninitialized_params()


# --------------------------------------------------------------------------------------------------------- names


def add(target: Tensor, name: str) -> Any:
    """Return a class whose forward has an argument of a name."""
    space: dict[str, Any] = {}
    exec(f"def forward(self, {name}, other):\n    return self.act(self.fc({name})) + other\n", space)  # noqa: S102
    return type("Named", (Plain,), {"forward": space["forward"]})


@pytest.mark.parametrize("given", [(X, X + 1), None], ids=["inputs", "no input"])
@pytest.mark.parametrize("name", ["output", "input", "fc", "act", "add", "target", "args"])
def test_arguments_with_the_names_of_nodes(name: str, given: Any) -> None:
    model = add(X, name)()
    graph = drawn(model, given) if given else drawn(model)
    assert ops(graph) == ["input", *PLAIN]
    assert graph.nodes[0].id == name
    assert len(graph.node_by_id) == 6
    assert {edge.source for edge in graph.edges if edge.target == graph.nodes[-1].id} == {graph.nodes[-2].id}


class Keywords(Plain):
    """Names of inputs that look like ids."""

    def forward(self, x: Any, **more: Any) -> Tensor:
        return super().forward(x[0]) + more["x.0"] + more["output"] + more["output#2"]


def test_inputs_whose_names_are_equal_have_ids_of_their_own() -> None:
    graph = drawn(Keywords(), {"x": [X], "x.0": X + 1, "output": X + 2, "output#2": X + 3})
    assert len(graph.node_by_id) == len(graph.nodes)
    assert ops(graph).count("add") == 4
    assert len({edge.source for edge in graph.edges if graph.node_by_id[edge.source].kind == "input"}) == 4


NAMES = [
    "\ud800", "a\udfffb", "a\nb", "\r\n", "😀", "x" * 300, " ", "\t", "a/b", "a:b", "a#2", "a..b", "<b>&\"'", "]]>", "\x00",
    "\x1b[31m", "__class__", "\u202e", "\\", "$x$", "%s", "{x}", "(model)", "output", "",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_odd_names_of_modules_parameters_and_classes(name: str, tmp_path: Path) -> None:
    kind: Any = type(name if "\x00" not in name and name.isprintable() else "Odd", (nn.Linear,), {})
    model = nn.Sequential()
    model._modules[name] = kind(4, 4)
    model._modules["b"] = nn.Sequential(nn.ReLU(), kind(4, 4))
    model._modules[name].register_buffer("c", torch.ones(2))  # type: ignore[union-attr]
    mav = MAV(model, X)
    assert ops(mav.graph) == ["input", "linear", "relu", "linear", "output"]
    assert mav.graph.totals.param_count == 40
    for suffix in ("svg", "png"):
        mav.save(tmp_path / f"x.{suffix}")
    mav.save_graph(tmp_path / "x.mav.json")
    again = load(tmp_path / "x.mav.json")
    assert again.graph == mav.graph
    assert again.scene() == mav.scene()


def test_two_modules_that_would_have_one_path() -> None:
    inner = nn.Sequential()
    inner._modules["b"] = nn.Linear(4, 4)
    model = nn.Sequential()
    model._modules.update({"a.b": nn.Linear(4, 4), "a": inner, "": nn.ReLU()})
    model._modules[0] = nn.Linear(4, 4)  # type: ignore[index]
    model._parameters["a.b.bias"] = nn.Parameter(torch.ones(7))
    graph = drawn(model, X)
    assert len(graph.module_by_path) == len(graph.modules) == 6
    assert len({parameter.name for parameter in graph.parameters}) == len(graph.parameters) == 7
    assert graph.totals.param_count == 3 * 20 + 7


# -------------------------------------------------------------------------------------------- cycles and depth


class Cyclic(Plain):
    """A child that is the model itself."""

    def __init__(self) -> None:
        super().__init__()
        self.me = self

    def forward(self, x: Tensor, depth: int = 2) -> Tensor:
        x = super().forward(x)
        return self.me(x, depth - 1) if depth else x


@pytest.mark.parametrize("given", [(X,), ()], ids=["an input", "no input"])
def test_a_module_inside_itself(given: tuple[Any, ...]) -> None:
    graph = drawn(Cyclic(), *given)
    assert [module.path for module in graph.modules] == ["", "fc", "act"]
    assert ops(graph) == ["input", *PLAIN[1:-1] * 3, "output"]


def nested(depth: int, leaf: nn.Module) -> nn.Module:
    for _ in range(depth):
        leaf = nn.Sequential(leaf, nn.ReLU())
    return leaf


@pytest.mark.parametrize(("kind", "width", "fails"), [("plain", 4, False), ("plain", 5, True), ("lazy", 5, False)])
def test_modules_that_are_nested_deeply(kind: str, width: int, fails: bool) -> None:
    """250 levels run without us, as Python allows 1,000 frames; a call in a capture takes more."""
    model = nested(250, nn.Linear(4, 4) if kind == "plain" else nn.LazyLinear(4))
    before = sys.getrecursionlimit()
    graph = drawn(model, torch.ones(2, width))
    assert sys.getrecursionlimit() == before
    assert ops(graph).count("relu") == 250
    assert [failure.kind for failure in graph.errors] == ["RuntimeError"] * fails


def test_endless_recursion_is_an_error_of_the_model() -> None:
    class Endless(Plain):
        def forward(self, x: Tensor) -> Tensor:
            return self(super().forward(x))

    graph = MAV(Endless(), X).graph
    assert {failure.kind for failure in graph.errors} == {"RecursionError"}


def test_no_oddity_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn(nested(30, Plain()), X)
