"""The module tree and the parameters of a model, as values."""

from __future__ import annotations

import torch

from idlmav.capture.arguments import dtype_name
from idlmav.capture.guard import walk_modules
from idlmav.capture.trace import CallRecord
from idlmav.graph import Module, Parameter

__all__ = ["describe_modules", "describe_parameters"]


def describe_modules(model: torch.nn.Module, calls: list[CallRecord]) -> tuple[Module, ...]:
    """Return every module of a model, with the number of its calls."""
    counts: dict[str, int] = {}
    for call in calls:
        counts[call.path] = counts.get(call.path, 0) + 1
    found = []
    for path, module in walk_modules(model):
        prefix = f"{path}." if path else ""
        own = [name for name, _ in module.named_parameters(recurse=False)]
        own += [name for name, _ in module.named_buffers(recurse=False)]
        kind = type(module)
        found.append(
            Module(
                path=path,
                class_name=kind.__name__,
                class_path=f"{kind.__module__}.{kind.__qualname__}",
                extra_repr=module.extra_repr(),
                params=tuple(prefix + name for name in own),
                calls=counts.get(path, 0),
            )
        )
    return tuple(found)


def describe_parameters(model: torch.nn.Module) -> tuple[Parameter, ...]:
    """Return every parameter and buffer once, under the name at which it is found first."""
    names: dict[int, list[str]] = {}
    tensors: dict[int, tuple[torch.Tensor, bool]] = {}
    for is_buffer, named in (
        (False, model.named_parameters(remove_duplicate=False)),
        (True, model.named_buffers(remove_duplicate=False)),
    ):
        for name, tensor in named:
            names.setdefault(id(tensor), []).append(name)
            tensors.setdefault(id(tensor), (tensor, is_buffer))
    found = []
    for key, (tensor, is_buffer) in tensors.items():
        lazy = torch.nn.parameter.is_lazy(tensor)
        found.append(
            Parameter(
                name=names[key][0],
                shape=None if lazy else tuple(tensor.shape),
                dtype=dtype_name(tensor.dtype),
                itemsize=tensor.dtype.itemsize,
                trainable=tensor.requires_grad and not is_buffer,
                buffer=is_buffer,
                aliases=tuple(names[key][1:]),
            )
        )
    return tuple(found)
