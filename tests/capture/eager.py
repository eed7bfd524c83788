"""
An independent capture for comparison: the model runs for real, on real numbers, and a plain function mode looks on.

It shares no code with idlmav.capture: no meta tensors, no memo, no rules, no patched module calls (hooks instead). What it
sees is compared by position: op, module path, shapes and types of the outputs, and which op made each operand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._C import _functorch as functorch
from torch.overrides import TorchFunctionMode

__all__ = ["Seen", "watch"]

IGNORED = {
    "size", "stride", "dim", "numel", "is_contiguous", "is_floating_point", "is_complex", "storage_offset", "data_ptr",
    "get_device", "__len__", "__hash__", "__repr__", "__format__", "item", "tolist", "numpy", "__bool__", "__int__",
    "__float__", "__index__", "__array__", "is_nonzero", "equal", "allclose", "__contains__", "__set__", "ndimension",
    "element_size", "nelement", "requires_grad_", "is_autocast_enabled", "_set_grad_enabled", "set_grad_enabled",
    "is_grad_enabled", "get_autocast_dtype", "get_default_dtype", "result_type", "has_names", "is_inference", "untyped_storage",
    "broadcast_shapes", "is_tensor", "_has_compatible_shallow_copy_type", "_parse_to", "register_hook", "retain_grad", "_is_view", "is_same_size", "__deepcopy__", "__reduce_ex__", "is_storage", "_assert",
}  # fmt: skip
VIEWS = {"T", "mT", "H", "mH", "real", "imag", "data"}


@dataclass
class Seen:
    """One op: its function, path, outputs as (shape, dtype), and the positions of the ops its operands come from."""

    name: str
    path: str
    outputs: list[tuple[tuple[int, ...], str]]
    sources: set[int] = field(default_factory=set)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, slice):
        value = [value.start, value.stop, value.step]
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in _tensors(item)]
    return []


def _inside(x: Tensor) -> Tensor:
    """Return what functorch has wrapped: under vmap, all samples."""
    while functorch.is_functorch_wrapped_tensor(x):
        x = functorch.get_unwrapped(x)
    return x


def _memory(x: Tensor) -> int:
    try:
        return x.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):  # sparse, nested, batched
        return id(x)


def _version(x: Tensor) -> int:
    return 0 if x.is_inference() else x._version


class _Watch(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Seen] = []
        self.made: dict[int, int] = {}
        self.mapped: dict[int, int] = {}  # by memory, what functorch wraps: vmap returns it as another tensor
        self.kept: list[Tensor] = []
        self.paths: list[str] = [""]
        self.writers: dict[int, int] = {}
        self.backward: int | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(getattr(func, "overloadpacket", func), "__name__", str(func))
        if name == "__iter__":
            return iter(self.__torch_function__(torch.unbind, types, (args[0], 0)))
        if name == "__get__" and func.__self__.__name__ in VIEWS:
            name = func.__self__.__name__
        if name == "__get__" and func.__self__.__name__ == "grad" and self.backward is not None:
            result = func(*args, **kwargs)
            if isinstance(result, Tensor) and id(result) not in self.made:
                self.made[id(result)] = self.backward
                self.kept.append(result)
            return result
        if name in IGNORED or name == "__get__" or name.startswith("_record_function"):
            return func(*args, **kwargs)
        operands = _tensors(list(args)) + _tensors(kwargs)
        found = [self.made.get(id(_inside(x)), self.mapped.get(_memory(_inside(x)))) for x in operands]
        sources = {index for index in found if index is not None}
        for x in operands:
            writer = self.writers.get(_memory(x))
            if writer is not None and writer > self.made.get(id(x), -1):
                sources.add(writer)
        versions = [_version(x) for x in operands]
        result = func(*args, **kwargs)
        index = len(self.seen)
        if name == "backward":
            self.backward = index
        written = [
            x
            for x, version in zip(operands, versions, strict=True)
            if _version(x) != version and not isinstance(x, nn.Parameter)
        ]
        if written and name != "batch_norm":
            outputs = written[:1]
            self.writers[_memory(outputs[0])] = index
        else:
            handed = {id(x) for x in operands}
            if isinstance(result, Tensor) and id(result) in handed:
                result = result.view_as(result)
            elif type(result) in (tuple, list):
                result = type(result)(x.view_as(x) if isinstance(x, Tensor) and id(x) in handed else x for x in result)
            outputs = _tensors(result)
        for tensor in outputs:
            self.made[id(tensor)] = self.made[id(_inside(tensor))] = index
            self.kept += [tensor, _inside(tensor)]
            if _inside(tensor) is not tensor:
                self.mapped[_memory(_inside(tensor))] = index
        made = [_inside(x) for x in outputs]
        self.seen.append(Seen(name, self.paths[-1], [(tuple(x.shape), str(x.dtype)[6:]) for x in made], sources))
        return result


def watch(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], *, grad: bool = False) -> list[Seen]:
    """Run a model for real, with or without autograd, and return its ops in order."""
    mode = _Watch()
    handles = []
    for path, module in model.named_modules():

        def enter(module: nn.Module, args: Any, path: str = path) -> None:
            mode.paths.append(path)

        def leave(module: nn.Module, args: Any, result: Any) -> None:
            mode.paths.pop()

        handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave, always_call=True)]
    try:
        with torch.set_grad_enabled(grad), mode:
            model(*args, **kwargs)
    finally:
        for handle in handles:
            handle.remove()
    return mode.seen
