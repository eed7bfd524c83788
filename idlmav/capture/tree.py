"""The modules and parameters of a model, found once and described as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy

from idlmav.capture.record.argument_text import dtype_name
from idlmav.capture.record.trace import CallRecord
from idlmav.capture.torch_private import UNCOMPILED
from idlmav.graph import ModuleInfo, ParameterInfo
from idlmav.graph.fast_records import maker

__all__ = ["Tree", "uncompiled"]

_make_module = maker(ModuleInfo, "path", "class_name", "class_path", "extra_repr", "params", "calls", "container")
_make_parameter = maker(ParameterInfo, "name", "shape", "dtype", "itemsize", "trainable", "buffer", "aliases")


def uncompiled(model: torch.nn.Module) -> torch.nn.Module:
    """Return the module that a compiled one (`torch.compile`) stands for; any other is returned as it is."""
    return getattr(model, UNCOMPILED, model)


class Tree:
    """
    The modules of a model, each once, parents before children.

    Attributes
    ----------
    model : torch.nn.Module
        The model.
    modules : list of (str, torch.nn.Module)
        Every module with the path at which it is found first.
    twins : list of (str, str)
        First path and another path of modules that lie in more than one place.
    tensors : list of (str, Tensor, bool)
        The parameters and buffers of every module with their qualified names, and whether it is a buffer; what
        modules share is there more than once.
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
            children = module.__dict__.get("_modules")
            if children and UNCOMPILED in children:
                # A compiled module wraps the original one, which takes its place.
                waiting.append((path, children[UNCOMPILED]))
                continue
            self.modules.append((path, module))
            if children is None or isinstance(module, torch.jit.ScriptModule):
                children = dict(module.named_children())
            if children:
                prefix = f"{path}." if path else ""
                waiting.extend(
                    (prefix + name, child) for name, child in reversed(children.items()) if child is not None
                )
        self.tensors: list[tuple[str, Tensor, bool]] = []
        self._names = [self._take_tensors(path, module) for path, module in self.modules]

    @property
    def has_lazy(self) -> bool:
        """Whether a module waits for its first input to know its sizes."""
        return any(
            isinstance(module, LazyModuleMixin) and module.has_uninitialized_params() for _, module in self.modules
        )

    def _take_tensors(self, path: str, module: torch.nn.Module) -> tuple[str, ...]:
        """Note the tensors that belong to a module directly; return their names."""
        attributes = module.__dict__
        parameters, buffers = attributes.get("_parameters"), attributes.get("_buffers")
        if parameters is None or buffers is None or isinstance(module, torch.jit.ScriptModule):
            parameters = dict(module.named_parameters(recurse=False))
            buffers = dict(module.named_buffers(recurse=False))
        if not parameters and not buffers:
            return ()
        prefix = f"{path}." if path else ""
        found = [(prefix + name, tensor, False) for name, tensor in parameters.items() if tensor is not None]
        if buffers:
            found += [(prefix + name, tensor, True) for name, tensor in buffers.items() if tensor is not None]
        self.tensors += found
        return tuple([entry[0] for entry in found])

    def describe_modules(self, calls: list[CallRecord]) -> tuple[ModuleInfo, ...]:
        """Return every module as a value, with the number of its calls."""
        counts = Counter([call.path for call in calls])
        found = []
        for (path, module), names in zip(self.modules, self._names, strict=True):
            kind: Any = type(module)
            class_path, extra = f"{kind.__module__}.{kind.__qualname__}", module.extra_repr()
            has_no_forward = getattr(kind, "forward", None) is torch.nn.Module.forward
            container = has_no_forward and "forward" not in module.__dict__
            found.append(_make_module(path, kind.__name__, class_path, extra, names, counts.get(path, 0), container))
        return tuple(found)

    def describe_parameters(self) -> tuple[ParameterInfo, ...]:
        """Return every parameter and buffer once, parameters first, under the name at which it is found first."""
        found: dict[int, tuple[str, Tensor, bool]] = {}
        aliases: dict[int, list[str]] = {}
        for entry in self.tensors:
            key = id(entry[1])
            if found.setdefault(key, entry) is not entry:
                aliases.setdefault(key, []).append(entry[0])
        for first, other in self.twins:
            for key, (name, _, _) in found.items():
                names = [name, *aliases.get(key, ())]
                below = [other + name[len(first) :] for name in names if name.startswith(f"{first}.")]
                if below:
                    aliases.setdefault(key, []).extend(below)
        parameters = [_describe(*entry, aliases.get(key, ())) for key, entry in found.items() if not entry[2]]
        buffers = [_describe(*entry, aliases.get(key, ())) for key, entry in found.items() if entry[2]]
        return (*parameters, *buffers)


def _describe(name: str, tensor: Tensor, is_buffer: bool, aliases: Iterable[str]) -> ParameterInfo:
    shape = tuple(tensor.shape) if type(tensor) is torch.nn.Parameter or not is_lazy(tensor) else None
    trainable, dtype = not is_buffer and tensor.requires_grad, tensor.dtype
    return _make_parameter(name, shape, dtype_name(dtype), dtype.itemsize, trainable, is_buffer, tuple(aliases))
