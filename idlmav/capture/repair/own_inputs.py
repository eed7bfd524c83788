"""Find the inputs that a model brings along, under the names that its library uses for them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from idlmav.arguments import split_arguments
from idlmav.capture.record.values import map_tensors, tensors_in
from idlmav.capture.tree import uncompiled

__all__ = ["OwnInputs", "own_inputs"]

PROMISED = "example_input_array"
"""Lightning's name. Its documentation promises that forward takes this value, so an error with it is the model's own."""
EXAMPLES = ("example_inputs", "example_input", "dummy_inputs", "dummy_input", "sample_inputs", "sample_input")
"""Other names of a value for forward. transformers has ``dummy_inputs`` on all models, with tokens for images, too."""
SETTINGS = ("default_cfg", "pretrained_cfg")
"""timm's names of a mapping with ``input_size``: the sizes of an image without those of the batch."""


@dataclass(frozen=True, slots=True)
class OwnInputs:
    """
    Arguments for forward that a model brings along.

    Attributes
    ----------
    origin : str
        Attribute that holds them.
    args, kwargs : tuple and dict
        The arguments.
    is_promised : bool
        Whether forward surely takes them; else they are used only if it runs.
    """

    origin: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    is_promised: bool = False


def own_inputs(model: torch.nn.Module, kwargs: Mapping[str, Any]) -> Iterator[OwnInputs]:
    """Find the inputs that a model brings along, the surest first; each beside the keyword arguments of the user."""
    model = uncompiled(model)
    for name in (PROMISED, *EXAMPLES):
        value = _attribute(model, name)
        if isinstance(value, (torch.Tensor, tuple, list, Mapping)) and next(iter(tensors_in(value)), None) is not None:
            yield from _beside(model, name, value, kwargs)
    for name in SETTINGS:
        size = _image_size(_attribute(model, name))
        if size:
            yield from _beside(model, name, torch.zeros(1, *size, dtype=_float_of(model)), kwargs)
            return
    if isinstance(model, torch.fx.GraphModule):
        traced = tuple(_traced(node.meta) for node in model.graph.nodes if node.op == "placeholder")
        if traced and None not in traced:
            yield from _beside(model, "the traced graph", traced, kwargs)


def _attribute(model: torch.nn.Module, name: str) -> Any:
    try:
        return getattr(model, name, None)
    except Exception:  # noqa: BLE001 - a property of the user's class, which may compute anything
        return None


def _beside(model: torch.nn.Module, origin: str, value: Any, kwargs: Mapping[str, Any]) -> Iterator[OwnInputs]:
    """Put inputs beside the user's keyword arguments, which take precedence; none if forward cannot take both."""
    # A value that serves for two arguments does not mean that they have to be the same tensor.
    args, own = map_tensors(torch.clone, split_arguments(model, value, None))
    try:
        signature = inspect.signature(model.forward)
        if args and kwargs:
            named = signature.bind_partial(*args).arguments
            args, own = (), named
        own = {**own, **kwargs}
        signature.bind(*args, **own)
    except (TypeError, ValueError):
        return
    yield OwnInputs(f"{origin}, beside what was given" if kwargs else origin, args, own, origin == PROMISED)


def _image_size(settings: Any) -> tuple[int, ...]:
    size = settings.get("input_size") if isinstance(settings, Mapping) else ()
    sizes = tuple(size) if isinstance(size, (list, tuple)) else ()
    return sizes if 1 < len(sizes) < 5 and all(type(size) is int and size > 0 for size in sizes) else ()


def _float_of(model: torch.nn.Module) -> torch.dtype:
    dtypes = (parameter.dtype for parameter in model.parameters() if parameter.dtype.is_floating_point)
    return next(dtypes, torch.get_default_dtype())


def _traced(meta: Mapping[str, Any]) -> torch.Tensor | None:
    """Return a tensor like the one with which a graph was traced (torch.fx, torch.export); none if its sizes vary."""
    like = next((meta[key] for key in ("val", "example_value", "tensor_meta") if key in meta), None)
    shape, dtype = getattr(like, "shape", None), getattr(like, "dtype", None)
    if shape is None or dtype is None or not all(type(size) is int for size in shape):
        return None
    return torch.zeros(tuple(shape), dtype=dtype)
