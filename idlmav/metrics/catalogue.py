"""
Operation -> category, as data.

The categories are the sections of the torch.nn reference page; functions outside it are grouped by what they do.

References
----------
https://docs.pytorch.org/docs/stable/nn.html and https://docs.pytorch.org/docs/stable/torch.html, read for torch 2.13.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

__all__ = ["categories", "category", "docs_url"]


@cache
def _table() -> dict[str, dict[str, list[str]]]:
    text = (files("idlmav") / "metrics" / "operations.json").read_text(encoding="utf-8")
    table: dict[str, dict[str, list[str]]] = json.loads(text)["categories"]
    return table


@cache
def _by_name(kind: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, members in _table().items():
        for member in members[kind]:
            if member in found:
                raise ValueError(f"operations.json lists {member!r} under {found[member]!r} and {name!r}; keep one.")
            found[member] = name
    return found


def categories() -> tuple[str, ...]:
    """Return every category in the order of the reference page."""
    return tuple(_table())


def category(operation: str, op: str = "") -> str:
    """
    Return the category of an operation.

    Parameters
    ----------
    operation : str
        Text of the Operation column: ``"nn.Conv2d"``, ``"add()"``, ``"input"``.
    op : str, optional
        The torch function, which decides if the operation itself is not listed.

    Returns
    -------
    str
        ``"Convolution"``, ``"Arithmetic"``, ...; ``"Other"`` for what is not listed.

    Examples
    --------
    >>> category("nn.Conv2d"), category("add()"), category("nn.Unheard", "conv2d")
    ('Convolution', 'Arithmetic', 'Convolution')
    """
    layers, functions = _by_name("layers"), _by_name("functions")
    if operation.startswith("nn.") and (name := operation.removeprefix("nn.")) in layers:
        return layers[name]
    for name in (operation.removesuffix("()"), op):
        if name in functions:
            return functions[name]
    return "Other"


def docs_url(operation: str) -> str | None:
    """Return the page of torch's reference for a layer or a listed function; ``None`` where there is none."""
    base = "https://docs.pytorch.org/docs/stable/generated/"
    if operation.startswith("nn.") and operation.removeprefix("nn.") in _by_name("layers"):
        return f"{base}torch.{operation}.html"
    name = operation.removesuffix("()")
    if operation.endswith("()") and name in _by_name("functions"):
        in_functional = name in _FUNCTIONAL
        return (
            f"{base}torch.{'nn.functional.' if in_functional else ''}{name}.html"
            if name not in _METHODS
            else f"{base}torch.Tensor.{name}.html"
        )
    return None


_METHODS = frozenset(
    {
        "view",
        "view_as",
        "expand",
        "expand_as",
        "repeat",
        "contiguous",
        "to",
        "type_as",
        "float",
        "half",
        "masked_fill",
        "item",
    }
)
_FUNCTIONAL = frozenset(
    {"linear", "bilinear", "relu", "gelu", "silu", "softmax", "log_softmax", "dropout", "layer_norm", "batch_norm", "group_norm", "rms_norm",
     "embedding", "pad", "interpolate", "scaled_dot_product_attention", "conv1d", "conv2d", "conv3d", "max_pool1d", "max_pool2d",
     "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
     "hardswish", "hardsigmoid", "leaky_relu", "elu", "mish", "softplus", "normalize", "glu", "one_hot", "unfold", "fold",
     "pixel_shuffle", "pixel_unshuffle", "grid_sample", "multi_head_attention_forward"}
)  # fmt: skip
