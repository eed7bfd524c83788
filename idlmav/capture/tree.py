"""The modules and parameters of a model, found once and described as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import islice
from types import CodeType
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy

from idlmav.capture.quantized.layers import QuantizedLayer, is_pack, may_be_quantized, quantized_layer
from idlmav.capture.record.argument_text import dtype_name
from idlmav.capture.record.classify import module_name
from idlmav.capture.record.trace import CallRecord
from idlmav.capture.record.wrappers import is_packed, is_plain, leaves, scheme_of, stands_for_others, stored_bytes
from idlmav.capture.torch_private import UNCOMPILED
from idlmav.graph import ModuleInfo, ParameterInfo
from idlmav.graph.fast_records import maker
from idlmav.graph.modules import ancestors

__all__ = ["Tree", "class_name", "is_below", "uncompiled"]

_LEVELS_ABOVE_A_PACK = 3
"""A packed object lies in a module of its own, in a list at most, below the layer that uses it."""
_make_module = maker(
    ModuleInfo, "path", "class_name", "class_path", "extra_repr", "params", "calls", "entered", "container"
)
class_name, _qualified_name = (vars(type)[name].__get__ for name in ("__name__", "__qualname__"))
"""Return the name of a class, whatever its metaclass says."""
_KINDS = frozenset({torch.nn.Parameter, Tensor})
Entry = TypeVar("Entry", bound=tuple[Any, ...])
_make_parameter = maker(
    ParameterInfo, "name", "shape", "dtype", "itemsize", "trainable", "buffer", "aliases", "stored_bytes", "scheme"
)


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
    shared : dict of str to list of str
        All paths of modules without tensors (activations) that lie in several places, by their first one.
    tensors : list of (str, Tensor, bool)
        The parameters and buffers of every module with their qualified names, and whether it is a buffer; what
        modules share is there more than once.
    unusual : dict of str to torch.nn.Module
        Modules that may be quantized layers, by path.
    assumes_inputs : bool
        Whether the model runs on inputs that are assumed.
    """

    assumes_inputs = False

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model
        self.modules: list[tuple[str, torch.nn.Module]] = []
        self.twins: list[tuple[str, str]] = []
        self.shared: dict[str, list[str]] = {}
        first: dict[int, str] = {}
        waiting: list[tuple[str, torch.nn.Module]] = [("", model)]
        # A stack instead of recursion: blocks may be nested deeper than Python allows.
        while waiting:
            path, module = waiting.pop()
            known = first.setdefault(id(module), path)
            if known is not path:
                self.twins.append((known, path))
                if not any(module.__dict__.get(table) for table in ("_parameters", "_buffers", "_modules")):
                    self.shared.setdefault(known, [known]).append(path)
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
        self.unusual: dict[str, torch.nn.Module] = {}
        self._names = [self._take_tensors(path, module) for path, module in self.modules]
        apart = _told_apart(self.tensors)
        if apart is not self.tensors:
            names, self.tensors = iter([name for name, *_ in apart]), apart
            self._names = [tuple(islice(names, len(own))) for own in self._names]
        for path in [path for path, module in self.unusual.items() if is_pack(module)]:
            around = set(ancestors(path)[:_LEVELS_ABOVE_A_PACK])
            self.unusual.update((other, module) for other, module in self.modules if other in around)

    @property
    def has_lazy(self) -> bool:
        """Whether a module waits for its first input to know its sizes."""
        return any(
            isinstance(module, LazyModuleMixin) and module.has_uninitialized_params() for _, module in self.modules
        )

    def names_of(self, path: str) -> tuple[str, ...]:
        """Return the names of the tensors that belong to a module directly."""
        return self._names_by_path.get(path, ())

    @cached_property
    def _names_by_path(self) -> dict[str, tuple[str, ...]]:
        return {path: names for (path, _), names in zip(self.modules, self._names, strict=True)}

    def _take_tensors(self, path: str, module: torch.nn.Module) -> tuple[str, ...]:
        """Note the tensors that belong to a module directly; return their names."""
        attributes = module.__dict__
        parameters, buffers = attributes.get("_parameters"), attributes.get("_buffers")
        if isinstance(module, torch.jit.ScriptModule):
            parameters = dict(module.named_parameters(recurse=False))
            buffers = dict(module.named_buffers(recurse=False))
        if may_be_quantized(module, parameters, buffers):
            self.unusual[path] = module
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

    def quantized_layers(self, seen: Mapping[str, QuantizedLayer]) -> dict[str, QuantizedLayer]:
        """Return the quantized layers by path: those that a run has `seen`, and those that tell their sizes."""
        found = dict(seen)
        for path, module in self.unusual.items():
            if path not in found and (layer := quantized_layer(module)) is not None:
                found[path] = layer
        return found

    def describe_modules(
        self, calls: list[CallRecord], quantized: Mapping[str, QuantizedLayer], codes: frozenset[CodeType]
    ) -> tuple[ModuleInfo, ...]:
        """
        Return every module as a value, with the number of its calls; a shared one without tensors at each place of a call.

        `codes` are the functions that ran ops: one may be a method of a module that was never called, and of no other class.
        """
        counts = Counter([call.path for call in calls])
        if len(counts) < len(self.modules):
            codes = codes - {code for kind in {type(call.module) for call in calls} for code in _codes(kind)}
        found = []
        for (path, module), names in zip(self.modules, self._names, strict=True):
            if path in quantized:
                names = tuple(dict.fromkeys([*names, *quantized[path].names(path)]))
            kind: Any = type(module)
            class_path, extra = f"{module_name(kind)}.{_qualified_name(kind)}", _settings(module)
            has_no_forward = getattr(kind, "forward", None) is torch.nn.Module.forward
            container = has_no_forward and "forward" not in module.__dict__
            places = [place for place in self.shared.get(path, ()) if counts.get(place)] or [path]
            for place in places:
                count = counts.get(place, 0)
                entered = not count and not container and bool(codes) and not codes.isdisjoint(_codes(kind))
                found.append(_make_module(place, class_name(kind), class_path, extra, names, count, entered, container))
        return tuple(self._in_order(found) if self.shared else found)

    def _in_order(self, found: list[ModuleInfo]) -> list[ModuleInfo]:
        """Return modules with each shared one after the last one of the module around its place."""
        moved = {place for places in self.shared.values() for place in places[1:]}
        made = [info for info in found if info.path not in moved]
        for info in found:
            if info.path in moved:
                around = info.path.rpartition(".")[0]
                inside = [i for i, other in enumerate(made) if other.path == around or is_below(other.path, around)]
                made.insert(inside[-1] + 1 if inside else len(made), info)
        return made

    def describe_parameters(self, quantized: Mapping[str, QuantizedLayer]) -> tuple[ParameterInfo, ...]:
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
        infos = [_describe(*entry, aliases.get(key, ())) for key, entry in found.items()]
        if quantized:
            infos = _with_quantized(infos, quantized)
        return (*[info for info in infos if not info.buffer], *[info for info in infos if info.buffer])


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


def is_below(name: str, path: str) -> bool:
    """Return whether a module or a tensor lies below a module."""
    return not path or name.startswith(f"{path}.")


def _codes(kind: type) -> frozenset[CodeType]:
    """Return the code of all methods of a class of modules, those of torch's own classes apart."""
    classes = [base for base in kind.__mro__ if not module_name(base).startswith(("torch.nn.", "builtins"))]
    codes = [getattr(method, "__code__", None) for base in classes for method in vars(base).values()]
    return frozenset(code for code in codes if code is not None)


def _describe(name: str, tensor: Tensor, is_buffer: bool, aliases: Iterable[str]) -> ParameterInfo:
    shape = tuple(tensor.shape) if type(tensor) is torch.nn.Parameter or not is_lazy(tensor) else None
    trainable, dtype = not is_buffer and tensor.requires_grad, tensor.dtype
    stored, scheme = None, ""
    if shape is not None and not is_plain(tensor) and stands_for_others(tensor):
        main = max(leaves(tensor), key=lambda leaf: leaf.numel() * leaf.dtype.itemsize)
        dtype, stored = main.dtype, stored_bytes([tensor])
        scheme = scheme_of([tensor], main, tensor.numel()) if is_packed(tensor) else ""
    elif tensor.layout is not torch.strided and shape is not None:
        stored = stored_bytes([tensor])
    return _make_parameter(
        name, shape, dtype_name(dtype), dtype.itemsize, trainable, is_buffer, tuple(aliases), stored, scheme
    )


def _with_quantized(infos: list[ParameterInfo], quantized: Mapping[str, QuantizedLayer]) -> list[ParameterInfo]:
    """Return the parameters with those that quantized layers stand for in the place of what these store."""
    made = {info.name: info for info in infos}
    for path, layer in quantized.items():
        for name, weight in zip(layer.names(path), layer.weights, strict=True):
            known = made.get(name)
            trainable = known is not None and known.trainable
            aliases = known.aliases if known is not None else ()
            made[name] = _make_parameter(
                name, weight.shape, dtype_name(weight.dtype), weight.dtype.itemsize, trainable, False, aliases,
                weight.stored, weight.scheme,
            )  # fmt: skip
        for name in layer.hidden:
            full = f"{path}.{name}" if path else name
            if full in made:
                made[full] = replace(made[full], buffer=True, trainable=False)
    return list(made.values())
