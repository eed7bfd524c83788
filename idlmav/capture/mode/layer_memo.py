"""
Layers of torch.nn that call a single op, looked up as a whole without running their ``forward``.

The result of such a layer follows from its class, its settings and the signatures of its input and its parameters. The
first call runs as usual and is remembered if it was one op on one tensor. Layers that are subclassed or changed (hooks,
a replaced weight or ``forward``), and layers under autocast or a function mode of the model, always run as usual.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from inspect import CO_VARARGS, CO_VARKEYWORDS
from operator import itemgetter
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from idlmav.capture.record.argument_text import argument_text
from idlmav.capture.record.memo import INPLACE, NEW, SAME, Recorder
from idlmav.capture.record.source import locate
from idlmav.capture.record.trace import CallRecord, OpRecord, Origin, Remembered, Trace
from idlmav.capture.torch_private import (
    GLOBAL_HOOKS,
    HOOKS,
    DisableTorchFunction,
    any_autocast,
    function_mode_depth,
    functions_disabled,
)
from idlmav.metrics.catalogue import LAYERS

__all__ = ["LEAF_MEMO", "LEAVES", "OFF", "LayerMemo", "leaf_of"]

Reader = Callable[[dict[str, Any]], tuple[Any, ...]]
Leaf = tuple[Any, Any, Reader, tuple[tuple[str, str], ...]]
"""Of a layer class: its ``forward`` and constructor, what reads its settings, the tables and names of its tensors."""


def leaf_of(kind: type[nn.Module]) -> Leaf | None:
    """
    Return what the result of a layer depends on, from the catalogue of layers.

    Returns
    -------
    tuple or None
        ``None`` for a class that cannot be looked up: it is not in the catalogue, its ``forward`` is not torch's, or
        its constructor has a setting that the catalogue does not list, which ``forward`` may read.
    """
    facts = LAYERS.get(kind.__name__, {})
    # A library may have put its own function there before this one was imported.
    if "reads" not in facts or not kind.forward.__module__.startswith("torch.nn.modules."):
        return None
    reads, tensors = facts["reads"], facts.get("tensors", [])
    listed = {*reads, *tensors, *facts.get("unread", []), "device", "dtype"}
    if kind.__init__ is not nn.Module.__init__ and not _is_covered(kind.__init__, listed):
        return None
    return kind.forward, kind.__init__, _reader(("training", *reads)), tuple((_table(name), name) for name in tensors)


def _is_covered(constructor: Any, listed: set[str]) -> bool:
    """Return whether a constructor has no other arguments than those listed, and no ``*args`` or ``**kwargs``."""
    code = getattr(constructor, "__code__", None)
    if code is None or code.co_flags & (CO_VARARGS | CO_VARKEYWORDS):
        return False
    return listed.issuperset(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])


def _reader(names: tuple[str, ...]) -> Reader:
    """Return a function that reads the values of several keys."""
    return itemgetter(*names) if len(names) > 1 else lambda attributes: (attributes[names[0]],)


def _table(name: str) -> str:
    return "_buffers" if name.startswith("running_") else "_parameters"


LEAVES: dict[type[nn.Module], Leaf] = {
    kind: leaf for name in LAYERS if (kind := getattr(nn, name, None)) and (leaf := leaf_of(kind)) is not None
}
LEAF_MEMO: dict[tuple[Any, ...], tuple[Any, tuple[int, ...], Remembered]] = {}
"""Shared by all captures: key of a call -> function, which of the call's operands it reads in order, what comes out."""
LEAF_MEMO_AT_MOST = 1 << 14
OFF = -1
"""Set as `LayerMemo.depth` where each layer has to run: no layer is looked up."""
_NOTHING: Origin = (-1, None, None)
"""Stands for a parameter that a layer does without."""
Lookup = tuple[tuple[Any, ...], list[Origin]]
"""Key of a call; origins of the input and of the layer's tensors."""


class LayerMemo:
    """Looks up calls of layers."""

    def __init__(self, trace: Trace, recorder: Recorder) -> None:
        self.trace = trace
        self.recorder = recorder
        self.default_dtype = torch.get_default_dtype()
        self.depth = function_mode_depth() + 1  # with the mode that captures

    def look_up(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Lookup | None:
        """Return the key of a call, all that its result depends on; ``None`` if the layer has to run."""
        kind = type(module)
        leaf = LEAVES.get(kind)
        if leaf is None or kwargs or len(args) != 1 or type(args[0]) is not Tensor:
            return None
        forward, constructor, read, tensors = leaf
        attributes = module.__dict__
        as_listed = kind.forward is forward and kind.__init__ is constructor
        origin = self.trace.origins.get(id(args[0]))
        if origin is None or origin[2] is None or self._is_unusual(attributes, as_listed):
            return None
        origins = [origin]
        try:
            values = read(attributes)
            for table, name in tensors:
                found = self._origin(attributes[table][name])
                if found is None or name in attributes:
                    return None
                origins.append(found)
        except KeyError:  # a setting was deleted, or a parameter is computed
            return None
        # Types too, because 1, 1.0 and True are equal as keys.
        types = [*map(type, values)]
        if tuple in types:
            types += [type(item) for value in values if type(value) is tuple for item in value]
        return (kind, self.default_dtype, values, *types, *[origin[2] for origin in origins]), origins

    def _is_unusual(self, attributes: dict[str, Any], as_listed: bool) -> bool:
        if not as_listed or "forward" in attributes or "_conv_forward" in attributes:
            return True
        for name in HOOKS:
            if attributes[name]:
                return True
        for hooks in GLOBAL_HOOKS:
            if hooks:
                return True
        if attributes["training"] and attributes["_buffers"].get("num_batches_tracked") is not None:
            return True  # counts batches, which the model may read
        return bool(any_autocast() or function_mode_depth() != self.depth or functions_disabled() or self.trace.mutated)

    def _origin(self, tensor: Tensor | None) -> Origin | None:
        """Return the origin of a layer's tensor: without a token if there is no tensor; ``None`` if it is unusual."""
        if tensor is None:
            return _NOTHING
        origin = self.trace.origins.get(id(tensor))
        kind = type(tensor)
        # Tensors of other classes are left to the op itself.
        usual = origin is not None and origin[2] is not None and (kind is Parameter or kind is Tensor)
        return origin if usual else None

    def recall(self, lookup: Lookup, input: Tensor, frame: FrameType) -> Tensor | None:
        """Return and record the known result of a layer; ``None`` if it is not known."""
        key, origins = lookup
        try:
            known = LEAF_MEMO.get(key)
        except TypeError:  # a setting that cannot be a key
            return None
        if known is None:
            return None
        trace = self.trace
        func, reads, remembered = known
        op = OpRecord(len(trace.ops), func, trace.current, locate(frame))
        trace.ops.append(op)
        op.origins = [origins[position] for position in reads]
        with DisableTorchFunction():
            result: Tensor = self.recorder.recall(op, remembered, func, (input,), None)
        return result

    def remember(self, lookup: Lookup, call: CallRecord, result: Any) -> None:
        """Remember a call of a layer, if it was one op."""
        key, origins = lookup
        trace = self.trace
        if len(trace.ops) != call.first_op + 1 or type(result) is not Tensor or trace.mutated:
            return
        op = trace.ops[-1]
        remembered = op.remembered
        if op.call is not call or op.error is not None or remembered is None or len(set(origins)) != len(origins):
            return
        made = trace.origins.get(id(result))
        if remembered.action not in (NEW, SAME, INPLACE) or made is None or made[:2] != (op.index, 0):
            return
        if not op.origins or op.origins[0] is not origins[0] or any(origin not in origins for origin in op.origins):
            return
        if remembered.text is None:
            remembered.text = argument_text(op.func, op.args, op.kwargs)
        if len(LEAF_MEMO) >= LEAF_MEMO_AT_MOST:
            LEAF_MEMO.clear()
        with contextlib.suppress(TypeError):  # a setting that cannot be a key
            LEAF_MEMO[key] = op.func, tuple([origins.index(origin) for origin in op.origins]), remembered
