"""Kinds of torch functions (ops, questions to a tensor, factories, ...), and the names of ops in a graph."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from idlmav.capture.torch_private import HigherOrderOperator, device_constructors, schema_of
from idlmav.metrics.catalogue import SAME_OP, ops_with

__all__ = [
    "ADDRESS",
    "ASK",
    "AUTOGRAD",
    "CONTROL",
    "DATA",
    "DEVICE",
    "FACTORY",
    "GRADIENT",
    "ITERATE",
    "KINDS",
    "OP",
    "RETURN_TRUTH",
    "SET",
    "TYPE",
    "UNNOTED",
    "classify",
    "function_name",
    "inplace_position",
    "op_name",
    "writes_in_place",
]

ASK, OP, DATA, FACTORY, ITERATE, DEVICE, SET, AUTOGRAD, CONTROL, ADDRESS, GRADIENT, TYPE = range(12)
UNNOTED = frozenset({ASK, DEVICE, SET, AUTOGRAD, ADDRESS, GRADIENT, TYPE})
"""Kinds of functions that a real call is not asked about."""
KINDS: dict[Any, int] = {}
"""Cache of `classify`, looked up directly on the hot path."""

_VIEW_PROPERTIES = ops_with("property", "view")
_DEVICE_PROPERTIES = ops_with("property", "device")
RETURN_TRUTH = ops_with("returns", "truth")
_RETURN_DATA = RETURN_TRUTH | ops_with("returns", "data")
_RETURN_METADATA = ops_with("returns", "metadata")
_FACTORIES = device_constructors()
_AUTOGRAD = (
    torch.autograd.grad, torch.autograd.backward, torch.Tensor.backward, torch.Tensor.register_hook, torch.Tensor.retain_grad, torch.Tensor.grad.__get__,  # type: ignore[union-attr]
   
    torch.Tensor.register_post_accumulate_grad_hook,
)  # fmt: skip
_REFLECTED = frozenset([f"r{name}" for name in ops_with("operator")])
_IN_PLACE = frozenset([f"i{name}" for name in ops_with("operator")])


def module_name(kind: type) -> str:
    """Return the name of the Python module of a class, which may have none."""
    name = kind.__module__
    return name if isinstance(name, str) else ""


def function_name(func: Any) -> str:
    """Return torch's own name of a function: ``"__iadd__"``, ``"conv2d"``, ``"T"`` for a property."""
    name = getattr(func, "__name__", None) or str(func)
    if name in ("__get__", "__set__", "__delete__"):
        return getattr(func.__self__, "__name__", name)
    return name


def classify(func: Any) -> int:
    """Return the kind of a torch function, and remember it in `KINDS`."""
    slot = getattr(func, "__name__", "")
    name = function_name(func)
    if isinstance(func, HigherOrderOperator) and name in ("cond", "while_loop"):
        kind = CONTROL
    elif func in _AUTOGRAD or name == "_make_dual":
        kind = AUTOGRAD
    elif (slot == "__get__" and name in ("requires_grad", "is_leaf", "grad_fn")) or name == "_set_grad_enabled":
        kind = GRADIENT
    elif slot == "__get__":
        kind = OP if name in _VIEW_PROPERTIES else DEVICE if name in _DEVICE_PROPERTIES else ASK
    elif slot in ("__set__", "__delete__") or name == "requires_grad_":
        kind = SET
    elif func is torch.device:
        kind = ASK
    elif func in _FACTORIES:
        kind = FACTORY
    elif func is torch.Tensor.type:
        kind = TYPE
    elif name in _RETURN_DATA:
        kind = DATA
    elif name in ("data_ptr", "untyped_storage", "storage"):
        kind = ADDRESS
    elif name == "__iter__":
        kind = ITERATE
    else:
        kind = ASK if name in _RETURN_METADATA or name.startswith("_record_function") else OP
    KINDS[func] = kind
    return kind


@cache
def op_name(func: Any) -> str:
    """
    Return the name of an op as graphs show it.

    One op has one name: ``__add__``, ``__radd__``, ``__iadd__``, ``add_`` and ``torch.add`` are all ``"add"``.
    """
    name = function_name(func)
    packet = getattr(func, "overloadpacket", None)
    if packet is not None:
        name = packet.__name__
    name = name.rpartition(".")[2] if "." in name else name
    if name.startswith("__") and name.endswith("__"):
        name = name[2:-2]
        if name in _REFLECTED or name in _IN_PLACE:
            name = name[1:]
    name = name.strip("_") or name
    return SAME_OP.get(name, name)


@cache
def writes_in_place(func: Any) -> bool:
    """Return whether a function's name or schema says that it overwrites its first operand."""
    name = function_name(func)
    if name.startswith("__"):
        return name == "__setitem__" or name.strip("_") in _IN_PLACE
    schema = schema_of(func)
    if schema is not None:  # of torch.ops, a custom op among them
        first = schema.arguments[0].alias_info if schema.arguments else None
        return first is not None and first.is_write
    return name.endswith("_")


@cache
def inplace_position(func: Any) -> int | None:
    """Return at which position a function takes ``inplace``; ``None`` if it does not."""
    code = getattr(func, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code is not None else ()
    return names.index("inplace") if "inplace" in names else None


def is_inplace_call(func: Any, args: Any, kwargs: dict[str, Any]) -> bool:
    """Return whether this call overwrites an operand."""
    if writes_in_place(func) or kwargs.get("out") is not None or kwargs.get("inplace"):
        return True
    position = inplace_position(func)
    return position is not None and len(args) > position and bool(args[position])
