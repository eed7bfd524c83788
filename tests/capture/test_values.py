"""The one walk over nested values: which containers it enters, and that each comes back as it was."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence
from transformers.modeling_outputs import BaseModelOutput

from capture.compare import differences
from idlmav.capture import capture
from idlmav.capture.record.values import map_tensors, parts_of, tensors_in


class Pair(NamedTuple):
    first: Any
    second: Any


class Tagged(tuple[Any, ...]):
    """A tuple whose constructor takes something else than items."""

    def __new__(cls, first: Any, second: Any, tag: str) -> Self:
        made = super().__new__(cls, (first, second))
        made.tag = tag
        return made

    tag: str


class Bag(list[Any]):
    def __init__(self, *items: Any, note: str) -> None:
        super().__init__(items)
        self.note = note


class Table(dict[str, Any]):
    def __init__(self, note: str, **items: Any) -> None:
        super().__init__(**items)
        self.note = note


@dataclass
class Box:
    content: Any
    label: str = "box"


@dataclass(frozen=True)
class Frozen:
    content: Any
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.made.append("made")


@dataclass(frozen=True, slots=True)
class Slotted:
    content: Any
    later: Any = field(init=False)


X, Y = torch.zeros(2), torch.ones(3)
CONTAINERS: dict[str, Callable[[], Any]] = {
    "list": lambda: [X, 1, Y],
    "tuple": lambda: (X, "a", Y),
    "named tuple": lambda: Pair(X, Y),
    "tuple with its own constructor": lambda: Tagged(X, Y, "kept"),
    "result of an op": lambda: torch.return_types.max((X, Y)),
    "slice": lambda: slice(X, None, Y),
    "dict": lambda: {"x": X, 3: Y},
    "ordered dict": lambda: OrderedDict(x=X, y=Y),
    "default dict": lambda: defaultdict(list, x=X, y=Y),
    "dict class": lambda: Table("kept", x=X, y=Y),
    "list class": lambda: Bag(X, Y, note="kept"),
    "deque": lambda: deque([X, Y], maxlen=4),
    "dataclass": lambda: Box([X, Y]),
    "frozen dataclass": lambda: Frozen({"x": X, "y": Y}),
    "dataclass with slots": lambda: Slotted((X, Y)),
    "model output": lambda: BaseModelOutput(last_hidden_state=X, hidden_states=(Y,)),
    "nested": lambda: [Pair((X,), OrderedDict(a=Box(Y))), 7],
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_tensors_are_found_and_replaced_in_order_and_the_container_keeps_its_class(name: str) -> None:
    value = CONTAINERS[name]()
    assert list(map(id, tensors_in(value))) == [id(X), id(Y)]
    met: list[Tensor] = []

    def double(tensor: Tensor) -> Tensor:
        met.append(tensor)
        return torch.cat([tensor, tensor])

    made = map_tensors(double, value)
    assert list(map(id, met)) == [id(X), id(Y)]
    assert type(made) is type(value)
    assert [len(tensor) for tensor in tensors_in(made)] == [4, 6]
    assert [len(tensor) for tensor in tensors_in(value)] == [2, 3], "the original changed"


def test_what_is_no_tensor_is_kept() -> None:
    table, bag = map_tensors(torch.clone, Table("kept", x=X)), map_tensors(torch.clone, Bag(X, note="kept"))
    assert (table.note, bag.note, map_tensors(torch.clone, Tagged(X, Y, "kept")).tag) == ("kept", "kept", "kept")
    groups = map_tensors(torch.clone, defaultdict(list, x=X))
    assert groups["new"] == []
    assert map_tensors(torch.clone, deque([X], maxlen=4)).maxlen == 4
    assert map_tensors(torch.clone, Frozen(X)).made == ["made"], "__post_init__ ran again"
    output = map_tensors(torch.zeros_like, BaseModelOutput(last_hidden_state=Y))
    assert output.last_hidden_state is output["last_hidden_state"] is output[0]
    assert not output[0].any()


def test_sets_are_entered() -> None:
    assert {id(tensor) for tensor in tensors_in({X, Y})} == {id(X), id(Y)}
    assert map_tensors(lambda tensor: len(tensor), frozenset({X, Y})) == frozenset({2, 3})


def test_packed_sequences_keep_their_class() -> None:
    packed = pack_sequence([torch.zeros(3, 2), torch.zeros(1, 2)])
    made = map_tensors(lambda tensor: tensor.to("meta"), packed)
    assert type(made) is type(packed)
    assert made.data.is_meta


@pytest.mark.parametrize("value", [3, "text", None, torch.Size([2]), torch.float32, nn.Linear(2, 2), object(), Box])
def test_other_values_are_left_alone(value: Any) -> None:
    assert map_tensors(torch.clone, value) is value
    assert tensors_in(value) == []
    assert parts_of(value) is None or isinstance(value, torch.Size)


def test_containers_of_other_classes_without_tensors_are_not_copied() -> None:
    value = [Box(3), Table("note", a=1), Pair(1, 2)]
    made = map_tensors(torch.clone, value)
    assert made is not value
    assert all(one is other for one, other in zip(made, value, strict=True))


def test_containers_inside_themselves_are_entered_once() -> None:
    items: list[Any] = [X]
    table: dict[str, Any] = {"items": items, "y": Y}
    box = Box(table)
    items.append(box)
    assert list(map(id, tensors_in(items))) == [id(X), id(Y)]
    made = map_tensors(torch.clone, items)
    assert made[0] is not X
    assert made[1].content["y"] is not Y
    assert list(map(id, tensors_in([items, items]))) == [id(X), id(Y)] * 2, "shared containers count each time"


def test_ends_of_slices_can_be_treated_apart() -> None:
    made = map_tensors(lambda tensor: "data", (X, slice(Y, None)), ends=lambda tensor: "position")
    assert made == ("data", slice("position", None))


class Slices(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[: torch.tensor(3)].relu(), x[: torch.tensor(5)].relu()


def test_slices_that_end_at_different_tensors_differ() -> None:
    found, _ = differences(Slices(), (torch.zeros(8, 4),), {})
    assert found == []


class TakesPair(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        made = Pair(x, x.sum(1, keepdim=True))
        return torch.cat(made, 1).relu()  # type: ignore[arg-type]


def test_an_op_takes_a_named_tuple() -> None:
    graph = capture(TakesPair(), (torch.zeros(2, 3),))
    assert graph.errors == ()
    assert graph.nodes[-1].shapes == ((2, 4),)


class PairOnTwoDevices(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("here", torch.zeros(2, 3))
        self.register_buffer("nowhere", torch.zeros(2, 3, device="meta"))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(Pair(self.here + x, self.nowhere))  # type: ignore[arg-type]


def test_a_named_tuple_with_tensors_on_two_devices_is_reported_as_torch_does() -> None:
    graph = capture(PairOnTwoDevices(), (torch.zeros(2, 3),))
    assert [error.message for error in graph.errors] == ["Tensor on device meta is not on the expected device cpu!"]
