"""
All that capture uses of torch without torch's promise to keep it, each with what breaks without it.

Where torch lacks a name that has something else to stand in for it, capture works without the feature; where it lacks
one that capture needs, `check` says so when a model is captured. Nothing here makes an import fail. `missing` lists
what the installed torch lacks.
"""

from __future__ import annotations

import contextlib
import importlib
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from idlmav.errors import text_of

__all__ = ["check", "missing"]

_lacking: list[str] = []
_needed: list[str] = []
_NEEDED: Any = object()


def _find(path: str, otherwise: Any = _NEEDED) -> Any:
    """Return torch's object at a dotted path; if there is none, note that, and return what stands in for it."""
    found: Any = torch
    name = "torch"
    for part in path.split("."):
        name = f"{name}.{part}"
        try:
            found = getattr(found, part) if hasattr(found, part) else importlib.import_module(name)
        except ImportError:
            _note(f"torch.{path}", needed=otherwise is _NEEDED)
            return None if otherwise is _NEEDED else otherwise
    return found


def _note(name: str, *, needed: bool) -> None:
    _lacking.append(name)
    if needed:
        _needed.append(name)


def missing() -> tuple[str, ...]:
    """Return the names that the installed torch lacks, those with and those without something in their place."""
    return tuple(_lacking)


def check() -> None:
    """
    Make sure that torch has what capture cannot do without.

    Raises
    ------
    RuntimeError
        If it lacks a name.
    """
    if _needed:
        raise RuntimeError(
            f"idlmav cannot capture models with torch {torch.__version__}, which lacks {', '.join(_needed)}. "
            "Install another version of torch, or a newer one of idlmav."
        )


# ---- needed

DisableTorchFunction = _find("_C.DisableTorchFunction")
"""Without it, what capture itself does with tensors is recorded as ops of the model."""
disabled_torch_function = _find("_C._disabled_torch_function_impl")
"""Without it, tensors of unknown structure, and classes that use it, look as if they overrode torch functions."""
device_constructors: Callable[[], Any] = _find("utils._device._device_constructors", set)
"""Without it, ops that make tensors (zeros, arange) are taken for ops on tensors, and their values are not known."""
TorchDispatchMode = _find("utils._python_dispatch.TorchDispatchMode", contextlib.nullcontext)
"""Without it, FLOPs are counted for ops with a shape rule only."""


def storage_id(tensor: Tensor) -> int:
    """Return what tensors have in common that share memory. Without ``_cdata``, views and writes in place are missed."""
    return tensor.untyped_storage()._cdata


if not hasattr(torch.UntypedStorage, "_cdata"):
    _note("torch.UntypedStorage._cdata", needed=True)

_find("nn.Module._call_impl")


def module_call() -> Callable[..., Any]:
    """Return what ``Module.__call__`` runs. Without ``_call_impl``, ops do not know the modules that they run in."""
    return nn.Module._call_impl


def set_module_call(function: Callable[..., Any]) -> None:
    """Let ``Module.__call__`` run another function."""
    nn.Module._call_impl = function  # type: ignore[method-assign]


module_attributes: Mapping[str, Any] = nn.Identity().__dict__
for _name in ("_parameters", "_buffers", "_modules"):
    # Without these tables, parameters and child modules are not found.
    if _name not in module_attributes:
        _note(f"torch.nn.Module.{_name}", needed=True)

# ---- with something in their place

any_autocast: Callable[[], bool] = _find("_C._is_any_autocast_enabled", torch.is_autocast_enabled)
"""Without it, autocast is noticed for the current accelerator only."""
function_mode_depth: Callable[[], int] = _find("_C._len_torch_function_stack", lambda: 0)
"""Without it, no layer is looked up as a whole: a function mode of the model's own would not be noticed."""
functions_disabled: Callable[[], bool] = _find("_C._is_torch_function_all_disabled", lambda: True)
"""Without it, no layer is looked up as a whole: that the model switches function modes off would not be noticed."""
subclasses_enabled: Callable[[], bool] = _find("_C._is_torch_function_enabled", lambda: True)
"""Without it, a tensor class that calls the same function again by ``super().__torch_function__`` recurses without end."""
is_functorch_wrapped: Callable[[Tensor], bool] = _find(
    "_C._functorch.is_functorch_wrapped_tensor", lambda tensor: False
)
"""Without it, models that use `torch.func` inside forward are drawn with an error."""
_functorch: Any = _find("_C._functorch", None)
"""Without it, what runs under `torch.vmap` has no edges, and FLOPs of a single sample."""
swap_tensors: Callable[[Tensor, Tensor], None] = _find("_C._swap_tensor_impl", torch.utils.swap_tensors)
"""Gives an object that the model holds other content. The public function refuses tensors with weak references."""
no_dispatch_modes: Callable[[], Any] = _find("utils._python_dispatch._disable_current_modes", contextlib.nullcontext)
"""Without it, a dispatch mode of the user's sees ops that are computed to answer a question of the model."""
preserve_version: Callable[[Tensor], Any] = _find(
    "autograd._unsafe_preserve_version_counter", lambda tensor: contextlib.nullcontext()
)
"""Without it, autograd believes that a tensor was changed whose content is put back after a real call."""
ScriptObject: Any = _find("ScriptObject", ())
"""Without it, the weights in torch's packed objects are not found."""
HigherOrderOperator: Any = _find("_ops.HigherOrderOperator", ())
"""Without it, `torch.cond` and `torch.while_loop` are single ops."""
HOOKS = tuple(
    name
    for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    if name in module_attributes
)
"""Tables of hooks that change what a layer returns; without one, no layer is looked up as a whole."""
GLOBAL_HOOKS: tuple[Any, ...] = tuple(
    _find(f"nn.modules.module._global{name}", {"unknown": None})
    for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
)
"""The same for hooks on all modules."""
if len(HOOKS) < 4:
    _note("torch.nn.Module._forward_hooks and the like", needed=False)
    GLOBAL_HOOKS = ({"unknown": None},)


class _NoLayer:
    """Stands in for a class of layers that torch lacks: no layer is one."""


def _layer(path: str) -> type:
    found: type = _find(f"nn.modules.{path}", _NoLayer)
    return found


# Without one of these, a layer of the kind that raises is not followed by the shape that it declares.
BatchNorms = _layer("batchnorm._BatchNorm")
InstanceNorms = _layer("instancenorm._InstanceNorm")
Norms = _layer("batchnorm._NormBase")
Convolutions = _layer("conv._ConvNd")
TransposedConvolutions = _layer("conv._ConvTransposeNd")
Dropouts = _layer("dropout._DropoutNd")
Pools = tuple(_layer(f"pooling._{name}Nd") for name in ("AdaptiveAvgPool", "AdaptiveMaxPool", "AvgPool", "MaxPool"))
Paddings = tuple(_layer(f"padding._{name}PadNd") for name in ("Reflection", "Replication", "Constant"))


def accepts_rank(norm: Any, rank: int) -> bool:
    """Return whether a norm accepts a number of dimensions; without ``_check_input_dim`` all are taken to be fine."""
    try:
        getattr(norm, "_check_input_dim", len)(torch.empty((1,) * rank, device="meta"))
    except ValueError:
        return False
    return True


def infer_parameters(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Give a lazy layer its sizes; without ``_infer_parameters`` it does so itself, and its initialization is drawn."""
    infer = getattr(module, "_infer_parameters", None)
    if infer is not None:
        infer(module, args, kwargs)


def unwrapped(tensor: Tensor) -> Tensor:
    """Return the tensor below the wrappers of functorch: under `torch.vmap`, all samples in one."""
    while _functorch is not None and is_functorch_wrapped(tensor):
        tensor = _functorch.get_unwrapped(tensor)
    return tensor


def hidden_samples(tensors: list[Tensor]) -> int:
    """Return how many samples an op under `torch.vmap` computes at once, which its operands do not show."""
    sizes: dict[int, int] = {}
    for tensor in tensors:
        while _functorch is not None and is_functorch_wrapped(tensor):
            inner = _functorch.get_unwrapped(tensor)
            if _functorch.is_batchedtensor(tensor):
                sizes[_functorch.maybe_get_level(tensor)] = inner.shape[_functorch.maybe_get_bdim(tensor)]
            tensor = inner
    return math.prod(sizes.values())


def is_view(tensor: Tensor) -> bool:
    """Return whether a tensor looks at another's memory; without ``_is_view``, views under autocast lose their source."""
    return bool(getattr(tensor, "_is_view", bool)())


def schema_of(func: Any) -> Any:
    """Return the declaration of an op of `torch.ops`; without ``_schema``, a custom op that writes in place is missed."""
    return getattr(func, "_schema", None)


def schema_writes(func: Any) -> bool:
    """Return whether the declaration of an op of `torch.ops` lets it write into operands; see `schema_of`."""
    overloads = [getattr(func, name) for name in func.overloads()] if hasattr(func, "overloads") else [func]
    schemas = [schema for overload in overloads if (schema := schema_of(overload)) is not None]
    aliases = [argument.alias_info for schema in schemas for argument in schema.arguments]
    return any(alias is not None and alias.is_write for alias in aliases)


def can_decompose(kernel: Any) -> bool:
    """Return whether a kernel is made of others; without ``_can_decompose``, such a one has no FLOPs."""
    return bool(getattr(kernel, "_can_decompose", bool)())


def fake_mode() -> Any:
    """Return a `FakeTensorMode`; ``None`` without it: then types under autocast are those of the operands."""
    try:
        # Not before it is needed: the import takes a second.
        from torch._subclasses.fake_tensor import FakeTensorMode
    except ImportError:
        return None
    return FakeTensorMode()


_set_stance: Any = _find("compiler.set_stance", None)


def eager() -> AbstractContextManager[Any]:
    """Let compiled functions run as written; before torch 2.6, which has no ``set_stance``, by a switch of the compiler."""
    if _set_stance is not None:
        stance: AbstractContextManager[Any] = _set_stance("force_eager")
        return stance
    return torch._dynamo.config.patch(disable=True)


UNCOMPILED = "_orig_mod"
"""Under this name a compiled module (`torch.compile`) holds its original; without it, the compiled one is drawn."""
COMPILED_CALL = "_compiled_call_impl"
"""Where `Module.compile()` puts what is called in place of the module; without it, such a module has no calls."""
COMPILER = "torch._dynamo"
"""Loaded as soon as anything is compiled; under another name, a compiled model is not run eagerly."""

# ---- words of torch's messages: if they change, the functions below answer False


def needs_grad(error: BaseException) -> bool:
    """Return whether an error says that a tensor without gradients was differentiated: autograd has to run."""
    return "require grad" in text_of(error)


def is_about_nested(error: BaseException) -> bool:
    """Return whether an error is about a nested tensor, the symbolic size of one, or torch's quantized tensors."""
    text = text_of(error).partition(" is only available for these backends")[0]  # a list of all that torch knows
    return "nested" in text.lower() or "SymInt" in text or "quantized::" in text


def needs_values(error: BaseException) -> bool:
    """Return whether an error is due to missing values, in contrast to sizes or types that do not fit."""
    return isinstance(error, NotImplementedError) or any(text in text_of(error) for text in (" meta", "no fake impl"))


def is_about_devices(error: BaseException) -> bool:
    """Return whether an error says that operands lie on different devices."""
    return "device" in text_of(error)


def is_about_forward(error: BaseException | None) -> bool:
    """Return whether an error says that a module has no forward: the message names what to write instead."""
    return isinstance(error, NotImplementedError) and 'missing the required "forward"' in text_of(error)
