"""The module tree and the parameters of a model: found once, described as values."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy

from idlmav.capture.arguments import dtype_name
from idlmav.capture.trace import CallRecord
from idlmav.drafts import maker
from idlmav.graph import Module, Parameter

__all__ = ["Tree"]

_make_module, _make_parameter = maker(Module), maker(Parameter)


class Tree:
    """
    The modules of a model, each once, parents before children.

    Parameters
    ----------
    model : torch.nn.Module
        The model.

    Attributes
    ----------
    model : torch.nn.Module
        The model.
    modules : list of (str, torch.nn.Module)
        Every module with the path at which it is found first.
    twins : list of (str, str)
        First path and another path of modules that lie in more than one place.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model
        self.modules: list[tuple[str, torch.nn.Module]] = []
        self.twins: list[tuple[str, str]] = []
        first: dict[int, str] = {}
        waiting: list[tuple[str, torch.nn.Module]] = [("", model)]
        # A stack instead of recursion: blocks may be nested deeper than Python allows.
        while waiting:
            path, module = waiting.pop()
            known = first.setdefault(id(module), path)
            if known is not path:
                self.twins.append((known, path))
                continue
            self.modules.append((path, module))
            children = module.__dict__.get("_modules")
            if children is None or isinstance(module, torch.jit.ScriptModule):
                children = dict(module.named_children())
            if children:
                prefix = f"{path}." if path else ""
                waiting.extend(
                    (prefix + name, child) for name, child in reversed(children.items()) if child is not None
                )
        self._own = [_own_tensors(module) for _, module in self.modules]

    @property
    def has_lazy(self) -> bool:
        """Whether a module waits for its first input to know its sizes."""
        return any(
            isinstance(module, LazyModuleMixin) and module.has_uninitialized_params() for _, module in self.modules
        )

    def tensors(self) -> Iterator[tuple[str, Tensor, bool]]:
        """Yield the parameters and buffers of every module with their qualified names, and whether it is a buffer."""
        for (path, _), own in zip(self.modules, self._own, strict=True):
            prefix = f"{path}." if path else ""
            for name, tensor, is_buffer in own:
                yield prefix + name, tensor, is_buffer

    def describe_modules(self, calls: list[CallRecord]) -> tuple[Module, ...]:
        """Return every module as a value, with the number of its calls."""
        counts: dict[str, int] = {}
        for call in calls:
            counts[call.path] = counts.get(call.path, 0) + 1
        found = []
        for (path, module), own in zip(self.modules, self._own, strict=True):
            prefix = f"{path}." if path else ""
            kind: Any = type(module)
            found.append(
                _make_module(
                    path=path,
                    class_name=kind.__name__,
                    class_path=_class_path(kind),
                    extra_repr=module.extra_repr(),
                    params=tuple([prefix + entry[0] for entry in own]) if own else (),
                    calls=counts.get(path, 0),
                )
            )
        return tuple(found)

    def describe_parameters(self) -> tuple[Parameter, ...]:
        """Return every parameter and buffer once, parameters first, under the name at which it is found first."""
        names: dict[int, list[str]] = {}
        tensors: list[tuple[Tensor, bool]] = []
        for name, tensor, is_buffer in self.tensors():
            known = names.get(id(tensor))
            if known is None:
                names[id(tensor)] = [name]
                tensors.append((tensor, is_buffer))
            else:
                known.append(name)
        for first, other in self.twins:
            for found in names.values():
                found += [other + name[len(first) :] for name in found if name.startswith(f"{first}.")]
        parameters = [_describe(tensor, names[id(tensor)], False) for tensor, is_buffer in tensors if not is_buffer]
        buffers = [_describe(tensor, names[id(tensor)], True) for tensor, is_buffer in tensors if is_buffer]
        return (*parameters, *buffers)


def _own_tensors(module: torch.nn.Module) -> list[tuple[str, Tensor, bool]]:
    attributes = module.__dict__
    parameters, buffers = attributes.get("_parameters"), attributes.get("_buffers")
    if parameters is None or buffers is None or isinstance(module, torch.jit.ScriptModule):
        parameters = dict(module.named_parameters(recurse=False))
        buffers = dict(module.named_buffers(recurse=False))
    if not parameters and not buffers:
        return []
    found = [(name, tensor, False) for name, tensor in parameters.items() if tensor is not None]
    return found + [(name, tensor, True) for name, tensor in buffers.items() if tensor is not None]


@cache
def _class_path(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _describe(tensor: Tensor, names: list[str], is_buffer: bool) -> Parameter:
    dtype = tensor.dtype
    return _make_parameter(
        name=names[0],
        shape=tuple(tensor.shape) if type(tensor) is torch.nn.Parameter or not is_lazy(tensor) else None,
        dtype=dtype_name(dtype),
        itemsize=dtype.itemsize,
        trainable=not is_buffer and tensor.requires_grad,
        buffer=is_buffer,
        aliases=tuple(names[1:]) if len(names) > 1 else (),
    )
