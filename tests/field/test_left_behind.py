"""After a capture nothing of it can be reached, and what forward changed is put back (issue 12; reported of torchinfo)."""

from __future__ import annotations

import array
import contextvars
import dataclasses
import functools
import itertools
import queue
import random
import threading
import types
import weakref
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from field.everything import Everything
from torch import Tensor, nn

from idlmav.capture import capture

# The first real call of each model below returns 2 x + 1 of its input, which is checked after the capture.
MASKS: dict[int, Tensor] = {}
ROWS: list[Any] = []
RECENT: deque[Any] = deque([1.5], maxlen=4)
NAMES: set[Any] = {"a"}
STEP = 0
TABLE: Tensor | None = None
NUMBERS = itertools.count(3)
GENERATOR = random.Random(5)
NOISE = np.random.default_rng(5)
ARRAY = np.zeros(4)
PER_THREAD = threading.local()
PER_THREAD.seen = []
OF_MODULES: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
BY_NAME: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
ORDERED = OrderedDict(a=1, b=2)
NESTED: dict[str, Any] = {"inner": [{"deep": (1, [2])}]}


class Registry:
    store: ClassVar[dict[str, Any]] = {}
    latest: Any = None


class Tracked(dict):  # type: ignore[type-arg]
    """A dictionary with attributes of its own."""

    hits = 0


class Refuses(dict):  # type: ignore[type-arg]
    """A dictionary whose methods are its class's own."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, [value])

    def clear(self) -> None:
        raise TypeError("it is never cleared")


@dataclass(slots=True)
class Slotted:
    count: int = 0
    rows: list[Any] = dataclasses.field(default_factory=list)
    last: Any = None


@dataclass(frozen=True)
class Frozen:
    rows: list[Any] = dataclasses.field(default_factory=list)


class Old:
    __slots__ = ("seen", "unset")

    def __init__(self) -> None:
        self.seen = 0


class Own(nn.Module):
    """A model that holds one object, `held`, with which its class or a function does something."""

    calls = 0
    history: ClassVar[list[Any]] = []

    def __init__(self, use: Callable[[Any, Tensor], Any], held: Any = None) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        nn.init.eye_(self.layer.weight)
        nn.init.ones_(self.layer.bias)
        self.use = use
        self.held = held

    def forward(self, x: Tensor) -> Tensor:
        self.use(self, x)
        return self.layer(x) + x


def masks(m: Own, x: Tensor) -> None:
    if 300 not in MASKS:
        MASKS[300] = torch.ones(300, 300).tril()
    assert not MASKS[300].requires_grad
    assert MASKS[300].device == x.device
    (x.new_zeros(300) + MASKS[300]).sum()


def in_class_dict(m: Own, x: Tensor) -> None:
    Registry.store.setdefault("x", x * 2)
    Registry.latest = x


def rebinds(m: Own, x: Tensor) -> None:
    global STEP, TABLE
    STEP += 1
    if TABLE is None:
        TABLE = torch.zeros(300, 300)
    (TABLE + x.sum()).sum()


def makes_a_global(m: Own, x: Tensor) -> None:
    global MADE_LATE
    MADE_LATE = x + 1


def rebinds_in_another_module(m: Own, x: Tensor) -> None:
    HELPERS.step += 1
    HELPERS.tables["x"] = x


HELPERS = types.ModuleType("helpers_of_left_behind")
HELPERS.step = 0
HELPERS.tables = {}


def default(m: Own, x: Tensor, kept: list[Any] = [], *, by_name: dict[str, Any] = {}) -> None:  # noqa: B006
    kept.append(x)
    by_name["x"] = x


def on_a_function(m: Own, x: Tensor) -> None:
    on_a_function.calls = getattr(on_a_function, "calls", 0) + 1  # type: ignore[attr-defined]
    on_a_function.last = x  # type: ignore[attr-defined]


def on_the_class(m: Own, x: Tensor) -> None:
    type(m).calls += 1
    type(m).history.append(x)
    type(m).made = x  # type: ignore[attr-defined]


def closure() -> Callable[[Any, Tensor], None]:
    last, count, rows = None, 0, [1]

    def use(m: Own, x: Tensor) -> None:
        nonlocal last, count
        last, count = x, count + 1
        rows.append(x)

    return use


def through_a_decorator() -> Callable[[Any, Tensor], None]:
    def memoized(function: Any) -> Any:
        cache: dict[Any, Any] = {}

        @functools.wraps(function)
        def call(*args: Any) -> Any:
            if args[1].shape not in cache:
                cache[args[1].shape] = function(*args)
            return cache[args[1].shape]

        return call

    return memoized(lambda m, x: x * 3)  # type: ignore[no-any-return]


class Functor:
    def __init__(self) -> None:
        self.rows: list[Any] = []

    def __call__(self, m: Own, x: Tensor) -> None:
        self.rows.append(x)


def linked() -> Any:
    first, second = types.SimpleNamespace(rows=[]), types.SimpleNamespace(rows=[])
    first.other, second.other = second, first
    return first


def moves_order(m: Own, x: Tensor) -> None:
    ORDERED.move_to_end("a")
    m.held.move_to_end("b")


def counts(m: Own, x: Tensor) -> None:
    assert next(m.held) == next(NUMBERS) == 3


def draws(m: Own, x: Tensor) -> None:
    m.held.random()
    GENERATOR.random()
    NOISE.random()


def parameter_attribute(m: Own, x: Tensor) -> None:
    m.layer.weight.seen = x  # type: ignore[assignment]


def per_key(m: Own, x: Tensor) -> None:
    OF_MODULES[m] = x
    BY_NAME["x"] = m.held.box = Functor()


VARIABLE: contextvars.ContextVar[Any] = contextvars.ContextVar("variable")


def write(key: Any = "x") -> Callable[[Own, Tensor], None]:
    return lambda m, x: m.held.__setitem__(key, x)


def append(m: Own, x: Tensor) -> None:
    m.held.append(x)


CASES: dict[str, tuple[Callable[[Any, Tensor], Any], Callable[[], Any]]] = {
    "dictionary of a Python module": (masks, type(None)),
    "list of a Python module": (lambda m, x: ROWS.append({"x": (x, [x])}), type(None)),
    "deque of a Python module": (lambda m, x: RECENT.append(x), type(None)),
    "set of a Python module": (lambda m, x: NAMES.add(x), type(None)),
    "nested in a Python module": (lambda m, x: NESTED["inner"][0]["deep"][1].append(x), type(None)),
    "class as a namespace": (in_class_dict, type(None)),
    "rebound globals": (rebinds, type(None)),
    "a new global": (makes_a_global, type(None)),
    "variables of another module": (rebinds_in_another_module, type(None)),
    "default arguments": (default, type(None)),
    "attributes of a function": (on_a_function, type(None)),
    "class attributes": (on_the_class, type(None)),
    "closure": (closure(), type(None)),
    "cache in a decorator's closure": (through_a_decorator(), type(None)),
    "callable object": (Functor(), type(None)),
    "method of another object": (Functor().__call__, type(None)),
    "partial": (functools.partial(lambda rows, m, x: rows.append(x), []), type(None)),
    "slots of a dataclass": (lambda m, x: (m.held.rows.append(x), setattr(m.held, "last", x), setattr(m.held, "count", m.held.count + 1)), Slotted),
    "slots of a class": (lambda m, x: (setattr(m.held, "seen", x), setattr(m.held, "unset", x)), Old),
    "frozen dataclass": (lambda m, x: m.held.rows.append(x), Frozen),
    "namespace": (lambda m, x: setattr(m.held, "new", x), types.SimpleNamespace),
    "objects in a circle": (lambda m, x: m.held.other.rows.append(x), linked),
    "counter": (lambda m, x: m.held.update(["a", "b"]), lambda: Counter(a=1)),
    "defaultdict": (lambda m, x: m.held["x"].append(x), lambda: defaultdict(list)),
    "dict with attributes": (lambda m, x: (m.held.update(x=x), setattr(m.held, "hits", 1)), lambda: Tracked(a=1)),
    "dict with its own methods": (write(), lambda: Refuses(a=1)),
    "user dict": (write(), lambda: UserDict(a=1)),
    "chain map": (write(), lambda: ChainMap({"a": 1}, {})),
    "order": (moves_order, lambda: OrderedDict(b=1, a=2)),
    "queue": (lambda m, x: m.held.put(x), queue.Queue),
    "bounded deque": (append, lambda: deque([1, 2], maxlen=2)),
    "count": (counts, lambda: itertools.count(3)),
    "iterator of a list": (lambda m, x: next(m.held), lambda: iter([1, 2, 3])),
    "bytes": (lambda m, x: m.held.append(3), lambda: bytearray(b"ab")),
    "array of Python": (lambda m, x: m.held.append(3), lambda: array.array("i", [1, 2])),
    "array of NumPy": (lambda m, x: (m.held.__setitem__(0, 7.0), ARRAY.__setitem__(1, 7.0)), lambda: np.ones((2, 3))),
    "array of objects": (lambda m, x: m.held.__setitem__(0, x), lambda: np.array([None, [1]], dtype=object)),
    "random.Random": (draws, lambda: random.Random(3)),
    "numpy.random.Generator": (draws, lambda: np.random.default_rng(3)),
    "numpy.random.RandomState": (lambda m, x: m.held.rand(), lambda: np.random.RandomState(3)),
    "torch.Generator": (lambda m, x: torch.rand(3, generator=m.held), torch.Generator),
    "local of a thread": (lambda m, x: (PER_THREAD.seen.append(x), setattr(PER_THREAD, "new", x)), type(None)),
    "weak dictionaries": (per_key, types.SimpleNamespace),
    "attribute of a parameter": (parameter_attribute, type(None)),
    "list in a tuple": (lambda m, x: m.held[1][0].append(x), lambda: (1, ([],))),
    "module outside the model": (lambda m, x: (m.held[0](x), setattr(m.held[0], "seen", x)), lambda: (nn.BatchNorm1d(4),)),
    "variable of a context": (lambda m, x: VARIABLE.set(x), type(None)),
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_weak_references() -> Iterator[None]:
    yield
    OF_MODULES.clear()
    BY_NAME.clear()
    VARIABLE.set(None)


def check(model: nn.Module, x: Tensor, *others: Any) -> None:
    """Capture twice; compare all that can be reached, and run for real."""
    before = Everything(model, type(model), check.__globals__, *others)
    for _ in range(2):
        graph = capture(model, (x,))
        assert graph.errors == ()
        assert before.changes() == []
        assert VARIABLE.get(None) is None
    assert torch.equal(model(x), 2 * x + 1)


@pytest.mark.parametrize("name", CASES)
def test_state_is_put_back(name: str) -> None:
    use, make = CASES[name]
    check(Own(use, make()), torch.ones(2, 4), use)
