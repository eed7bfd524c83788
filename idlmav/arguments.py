"""What a user gives to `idlmav.MAV`: checked, and split into the arguments of ``forward``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import Parameter, signature
from typing import Any

__all__ = ["NO_INPUT", "check_choice", "check_model", "split_arguments"]

NO_INPUT = object()
"""Stands for inputs that were left out: None is an input."""


def check_choice(name: str, value: str, known: Iterable[str]) -> None:
    """Refuse a value that an option does not have."""
    if value not in known:
        raise ValueError(f"{name}: one of {', '.join(known)} is needed, got {value!r}.")


def check_model(model: Any) -> None:
    """Refuse what is no model; torch need not be there to tell."""
    if isinstance(model, type):
        raise TypeError(f"MAV: model must be an instance, got the class {model.__name__}. Write {model.__name__}(...).")
    if not (callable(model) and hasattr(model, "named_modules")):
        raise TypeError(f"MAV: model must be a torch.nn.Module, got {type(model).__name__}.")


def split_arguments(model: Any, inputs: Any, more: Mapping[str, Any] | None) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Split what the user gave into positional and keyword arguments of ``forward``."""
    if more is not None and not isinstance(more, Mapping):
        raise TypeError(f"MAV: input_kwargs must be a dict of names to values, got {type(more).__name__}.")
    nameless = [name for name in more or {} if not isinstance(name, str)]
    if nameless:
        raise TypeError(f"MAV: input_kwargs must be a dict of names to values, got the key {nameless[0]!r}.")
    kwargs = dict(more or {})
    if inputs is NO_INPUT:
        return (), kwargs
    if type(inputs).__module__ == "numpy":
        raise TypeError(
            "MAV: inputs must be tensors or what forward takes, got a NumPy array. Write torch.as_tensor(x)."
        )
    if type(inputs) is tuple:
        return inputs, kwargs
    if isinstance(inputs, Mapping) and _takes_keywords(model, inputs):
        twice = sorted(set(inputs) & set(kwargs))
        if twice:
            raise TypeError(f"MAV: {twice[0]!r} is given by inputs and by input_kwargs; give it once.")
        return (), {**inputs, **kwargs}
    return (inputs,), kwargs


def _takes_keywords(model: Any, names: Mapping[Any, Any]) -> bool:
    """Return whether ``forward`` has keywords of these names; else the dict itself is its argument."""
    if not all(isinstance(name, str) for name in names):
        return False
    try:
        parameters = signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        # A function in C does not say what it takes.
        return True
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters):
        return True
    keywords = {p.name for p in parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)}
    # One name that fits tells that keywords are meant; a misspelt one is then the model's own error.
    return not names or any(name in keywords for name in names)
