"""The modules and parameters of a model, found once and described as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy

from idlmav.capture.record.argument_text import dtype_name
from idlmav.capture.record.classify import module_name
from idlmav.capture.record.trace import CallRecord
from idlmav.capture.torch_private import UNCOMPILED
from idlmav.graph import ModuleInfo, ParameterInfo
from idlmav.graph.fast_records import maker

__all__ = ["Tree", "class_name", "uncompiled"]

_make_module = maker(ModuleInfo, "path", "class_name", "class_path", "extra_repr", "params", "calls", "container")
class_name, _qualified_name = (vars(type)[name].__get__ for name in ("__name__", "__qualname__"))
"""Return the name of a class, whatever its metaclass says."""
_KINDS = frozenset({torch.nn.Parameter, Tensor})
Entry = TypeVar("Entry", bound=tuple[Any, ...])
_make_parameter = maker(ParameterInfo, "name", "shape", "dtype", "itemsize", "trainable", "buffer", "aliases")


def uncompiled(model: torch.nn.Module) -> torch.nn.Module:
    """Return the module that a compiled one (`torch.compile`) stands for; any other is returned as it is."""
    children = vars(model).get("_modules")  # rather than `getattr`, which the model may answer itself
    return children[UNCOMPILED] if children and UNCOMPILED in children else model


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
            if isinstance(module, torch.jit.ScriptModule):
                children = dict(module.named_children())
            if children:
                prefix = f"{path}." if path else ""
                waiting.extend(
                    (f"{prefix}{name}", child)
                    for name, child in reversed([*children.items()])
                    if isinstance(child, torch.nn.Module)
                )
        # A name may have dots or be empty, so that two modules have one path, or two tensors one name.
        self.modules = _told_apart(self.modules)
        self.tensors: list[tuple[str, Tensor, bool]] = []
        self._names = [self._take_tensors(path, module) for path, module in self.modules]
        apart = _told_apart(self.tensors)
        if apart is not self.tensors:
            names, self.tensors = iter([name for name, *_ in apart]), apart
            self._names = [tuple(islice(names, len(own))) for own in self._names]

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
        if isinstance(module, torch.jit.ScriptModule):
            parameters = dict(module.named_parameters(recurse=False))
            buffers = dict(module.named_buffers(recurse=False))
        if not parameters and not buffers:
            return ()
        prefix = f"{path}." if path else ""
        found = [
            (f"{prefix}{name}", tensor, False)
            for name, tensor in (parameters or {}).items()
            if type(tensor) in _KINDS or isinstance(tensor, Tensor)
        ]
        if buffers:
            found += [
                (f"{prefix}{name}", tensor, True) for name, tensor in buffers.items() if isinstance(tensor, Tensor)
            ]
        self.tensors += found
        return tuple([entry[0] for entry in found])

    def describe_modules(self, calls: list[CallRecord]) -> tuple[ModuleInfo, ...]:
        """Return every module as a value, with the number of its calls."""
        counts = Counter([call.path for call in calls])
        found = []
        for (path, module), names in zip(self.modules, self._names, strict=True):
            kind: Any = type(module)
            class_path, extra = f"{module_name(kind)}.{_qualified_name(kind)}", _settings(module)
            has_no_forward = getattr(kind, "forward", None) is torch.nn.Module.forward
            container = has_no_forward and "forward" not in module.__dict__
            found.append(_make_module(path, class_name(kind), class_path, extra, names, counts.get(path, 0), container))
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


def _settings(module: torch.nn.Module) -> str:
    """Return the module's own description of its settings, which a user's class may get wrong."""
    try:
        text: Any = module.extra_repr()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - shown in place of the settings
        return f"extra_repr() raised {type(error).__name__}"
    return text if type(text) is str else ""


def _told_apart(entries: list[Entry]) -> list[Entry]:
    """Return entries that begin with a name, those of a name that is there already with ``#2`` and so on."""
    names = {entry[0] for entry in entries}
    if len(names) == len(entries):
        return entries
    seen: set[str] = set()
    found: list[Any] = []
    for name, *rest in entries:
        given, number = name, 1
        while name in seen or (number > 1 and name in names):
            number += 1
            name = f"{given}#{number}"
        seen.add(name)
        found.append((name, *rest))
    return found


def _describe(name: str, tensor: Tensor, is_buffer: bool, aliases: Iterable[str]) -> ParameterInfo:
    shape = tuple(tensor.shape) if type(tensor) is torch.nn.Parameter or not is_lazy(tensor) else None
    trainable, dtype = not is_buffer and tensor.requires_grad, tensor.dtype
    return _make_parameter(name, shape, dtype_name(dtype), dtype.itemsize, trainable, is_buffer, tuple(aliases))
