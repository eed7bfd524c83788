"""Functions that rewritten code calls; in threads without a repair run they change nothing."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor

from idlmav.capture.record.trace import MODEL_ERRORS
from idlmav.capture.record.values import tensors_in
from idlmav.capture.repair.calls import fitting
from idlmav.capture.repair.unknown import ACTIVE
from idlmav.capture.torch_private import DisableTorchFunction

__all__ = ["MODEL_ERRORS", "call", "ended", "failed", "get", "goes_on", "item", "method", "name", "unpack"]

_ALWAYS_CAUSES = (NotImplementedError, AttributeError, ImportError, NameError)


def call(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Call a function; if it raises, note the error and return an unknown result."""
    try:
        return function(*args, **kwargs)
    except MODEL_ERRORS as error:
        if ACTIVE.session is None:
            raise
        refused = error
    return _again(refused, function, None, args, kwargs)


def name(name: str) -> Any:
    """Return a global or built-in name; one that does not exist is unknown."""
    frame = sys._getframe(1)
    for names in (frame.f_globals, frame.f_builtins):
        if name in names:
            return names[name]
    return _unknown(NameError(f"name {name!r} is not defined", name=name), ())


def unpack(value: Any, count: int) -> Any:
    """Return as many values as there are variables; those that are missing are unknown."""
    if ACTIVE.session is None or type(value) not in (tuple, list, torch.Size) or len(value) == count:
        return value
    try:
        exec(compile(f"{'_, ' * count} = value", __file__, "exec"), {"value": value})  # noqa: S102 - for Python's own message
    except ValueError as error:
        missing = _unknown(error, value)
        filled = 1 if all(isinstance(item, int) for item in value) else missing
        return [*value[:count], *[filled] * (count - len(value))]
    return value


def method(owner: Any, name: str, /, *args: Any, **kwargs: Any) -> Any:
    """Call a method or a child module; note the error if it does not exist or raises."""
    try:
        function = getattr(owner, name)
    except AttributeError as error:
        if not isinstance(owner, (torch.nn.Module, Tensor)):
            raise
        return _unknown(error, (args, kwargs))
    try:
        return function(*args, **kwargs)
    except MODEL_ERRORS as error:
        if ACTIVE.session is None:
            raise
        refused = error
    return _again(refused, function, owner if isinstance(owner, Tensor) else None, args, kwargs)


def get(owner: Any, name: str) -> Any:
    """Return an attribute; a missing one of a module is unknown."""
    try:
        return getattr(owner, name)
    except AttributeError as error:
        if not isinstance(owner, torch.nn.Module):
            raise
        return _unknown(error, ())


def item(owner: Any, index: Any, /) -> Any:
    """Return an item; one that a container of modules lacks is unknown."""
    try:
        return owner[index]
    except (LookupError, AttributeError) as error:
        if not isinstance(owner, torch.nn.Module):
            raise
        return _unknown(error, ())


def _again(error: Exception, function: Any, owner: Tensor | None, args: Any, kwargs: dict[str, Any]) -> Any:
    """Call a function again if it takes other arguments; otherwise note the error and return an unknown result."""
    session = ACTIVE.session
    fitted = None if isinstance(function, torch.nn.Module) else fitting(function, args, kwargs, error)
    if fitted is None:
        return _unknown(error, (owner, args, kwargs), 3)
    with DisableTorchFunction():
        session.let_pass(error, sys._getframe(2).f_back)
        op = session.fail(error, (owner, args, kwargs))
        given = {name: session.assume(op, session.prior_argument((args, kwargs))) for name in fitted[2]}
    try:
        return function(*fitted[0], **fitted[1], **given)
    except MODEL_ERRORS as other:  # noted on a node, or raised again
        return _unknown(other, (owner, args, kwargs), 3)


def _unknown(error: Exception, values: Any, depth: int = 2) -> Any:
    """Note an error that came up in rewritten code, `depth` frames outwards; return an unknown result."""
    session, frame = ACTIVE.session, sys._getframe(depth)
    if session is None:
        raise error
    with DisableTorchFunction():
        session.let_pass(error, frame.f_back)
        op = session.fail(error, values)
        return session.assume(op, session.prior(values))


def goes_on() -> bool:
    """Return whether a ``while`` loop may take another turn."""
    return ACTIVE.session is None or ACTIVE.session.loops()


def failed(
    error: Exception, variables: dict[str, Any], loads: tuple[str, ...], stores: tuple[str, ...]
) -> tuple[Any, ...]:
    """Note the error of a statement; return values for its targets."""
    session = ACTIVE.session
    if session is None:
        raise error
    with DisableTorchFunction():
        session.let_pass(error, sys._getframe(1).f_back)
        read = tensors_in([variables[name] for name in loads if name in variables])
        tensors = read or tensors_in(list(variables.values()))[-1:]
        unassigned = isinstance(error, UnboundLocalError) and bool(session.failures)
        doubtful = not isinstance(error, _ALWAYS_CAUSES) and session.is_unsure(read)
        op = session.fail(error, tensors, doubtful=doubtful, follows=unassigned)
        results = []
        for name in stores:
            before = variables.get(name)
            if before is not None and not isinstance(before, Tensor):
                results.append(before)  # a counter or a list: its old value is a better guess than a tensor
            else:
                results.append(session.assume(op, session.prior(tensors, before)))
        return tuple(results)


def ended(variables: dict[str, Any]) -> Any:
    """Return an assumed result of a function that returns nothing because a statement failed."""
    session = ACTIVE.session
    if session is None or not session.failures or "__idlmav_failed" not in variables:
        return None
    with DisableTorchFunction():
        tensors = tensors_in([value for name, value in variables.items() if name != "self"])
        made = [tensor for tensor in tensors if session.origin_of(tensor)[0] >= 0]
        # The last tensor that was made is the nearest to the function's end.
        last = max(made, key=lambda tensor: session.origin_of(tensor)[0], default=None)
        op = session.trace.ops[max(session.failures)]
        return session.assume(op, session.prior(tensors, last))
