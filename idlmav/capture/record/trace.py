"""Records of a run: ops, module calls, and the op that made each tensor."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from types import CodeType
from typing import Any, cast

import torch
from torch import Tensor

from idlmav.capture.record.values import tensors_in
from idlmav.capture.torch_private import storage_id

__all__ = [
    "BUFFER",
    "CONSTANT",
    "MODEL_ERRORS",
    "PARAMETER",
    "SIGNATURES",
    "CallRecord",
    "NeedsAutograd",
    "OpRecord",
    "Origin",
    "Remembered",
    "Token",
    "Trace",
    "signature_of",
    "storage_key",
]

Token = int
"""An interned (shape, strides, dtype), on which an op's result depends. Only meta tensors have one."""
Origin = tuple[int, Any, Token | None]
"""Index of the op that made a tensor, which output it is, token. Parameters: (PARAMETER, name, token)."""
PARAMETER, BUFFER, CONSTANT = -2, -3, -4
META = torch.device("meta")
MODEL_ERRORS: tuple[type[Exception], ...] = (Exception, cast(Any, SystemExit))
"""What counts as a failure of the model: also ``sys.exit()``, which Python does not call an Exception."""


class NeedsAutograd(BaseException):
    """Ends a run on meta tensors because the model differentiates."""


class Signatures:
    """Interned tensor signatures, shared by all captures of the process."""

    def __init__(self) -> None:
        self.tokens: dict[tuple[Any, ...], Token] = {}
        self.values: list[tuple[tuple[int, ...], tuple[int, ...], torch.dtype]] = []
        self._lock = Lock()

    def token(self, tensor: Tensor) -> Token:
        """Return the token of a strided tensor."""
        key = (tensor.shape, tensor.stride(), tensor.dtype)
        found = self.tokens.get(key)
        if found is None:
            with self._lock:
                found = self.tokens.setdefault(key, len(self.values))
                if found == len(self.values):
                    self.values.append((tuple(key[0]), key[1], key[2]))
        return found

    def meta_tensor(self, token: Token) -> Tensor:
        """Make a tensor on the meta device that has the signature."""
        shape, stride, dtype = self.values[token]
        return torch.empty_strided(shape, stride, dtype=dtype, device=META)


SIGNATURES = Signatures()


def signature_of(output: Any) -> tuple[Any, torch.dtype]:
    """Return shape and element type of an op's output, as `OpRecord.outputs` has them."""
    if isinstance(output, int):
        shape, _, dtype = SIGNATURES.values[output]
        return shape, dtype
    return output


@dataclass(slots=True, eq=False)
class CallRecord:
    """One call of a module, with the range of ops that ran in it."""

    index: int
    module: torch.nn.Module
    path: str
    parent: CallRecord | None
    first_op: int
    children: int = 0


@dataclass(slots=True, eq=False)
class Remembered:
    """
    The memo's entry for all ops with one signature.

    Attributes
    ----------
    action : int
        How the result is made from the operands, see `idlmav.capture.record.memo`.
    spec : object
        Tokens of the outputs, as the action needs them.
    flops : int or None
        FLOPs, if torch has a formula.
    text : str or None
        The arguments as text, once they have been used.
    """

    action: int
    spec: Any
    flops: int | None
    text: str | None = None


class OpRecord:
    """One op: the function, the call it ran in, the origins of its operands, what came out."""

    __slots__ = (
        "args", "call", "error", "flags", "flops", "func", "index", "kwargs", "origins", "outputs", "remembered", "where"
    )  # fmt: skip

    def __init__(self, index: int, func: Any, call: CallRecord | None, where: tuple[CodeType, int] | None):
        self.index = index
        self.func = func
        self.call = call
        self.where = where
        self.origins: list[Origin] = []
        self.outputs: tuple[Token | tuple[Any, ...], ...] = ()
        self.flops: int | None = None
        self.error: BaseException | None = None
        self.flags: tuple[Any, ...] = ()
        self.args: Any = ()
        self.kwargs: Any = None
        self.remembered: Remembered | None = None


class Trace:
    """
    All records of one run.

    Attributes
    ----------
    ops : list of OpRecord
        In the order of execution; a model's inputs come first.
    calls : list of CallRecord
        Module calls, parents first.
    origins : dict of int to Origin
        By ``id`` of a tensor. Every tensor that is a key is kept alive, so an id is never used twice.
    stand_ins : dict of int to Tensor
        By ``id`` of a tensor that capture did not make (a parameter, a constant), the tensor to compute with.
    views : list of Tensor
        Tensors that share storage with another; read by `is_aliased`.
    mutated : dict of int to int
        By storage that several tensors share, the last op that wrote into it.
    guessed : bool
        Whether a value, or a size that values decide, is not the true one.
    assumes_inputs : bool
        Whether sizes and content of inputs are assumed: then no error is due to values.
    """

    def __init__(self) -> None:
        self.ops: list[OpRecord] = []
        self.calls: list[CallRecord] = []
        self.origins: dict[int, Origin] = {}
        self.stand_ins: dict[int, Tensor] = {}
        self.lazy: dict[int, Tensor] = {}
        self.kept: list[Any] = []
        self.views: list[Tensor] = []
        self._aliased: set[int] = set()
        self.mutated: dict[int, int] = {}
        self.assumes_inputs = False
        self.current: CallRecord | None = None
        self.guessed = False

    def mark_guess(self, op: OpRecord) -> None:
        """Mark an op whose result is guessed."""
        op.flags = (*op.flags, "guess")
        self.guessed = True

    def new_op(self, func: Any, where: tuple[CodeType, int] | None) -> OpRecord:
        """Append a record for an op of the module that runs now."""
        op = OpRecord(len(self.ops), func, self.current, where)
        self.ops.append(op)
        return op

    def is_aliased(self, storage: int) -> bool:
        """Return whether several tensors share a storage."""
        self.settle_views()
        return storage in self._aliased

    def settle_views(self) -> None:
        """Note the storages of all views so far; put off until an op writes in place, which is rare."""
        self._aliased.update(map(storage_key, self.views))
        self.views.clear()

    def register(self, op: OpRecord, output: int, tensor: Tensor) -> Token | tuple[Any, ...]:
        """Record a tensor as an output of an op; return its token or, if it is real, its shape and type."""
        token = SIGNATURES.token(tensor) if tensor.is_meta and not tensor.is_nested else None
        self.origins[id(tensor)] = (op.index, output, token)
        self.kept.append(tensor)
        return token if token is not None else (_known_sizes(tensor), tensor.dtype)

    def register_all(self, op: OpRecord, result: Any) -> list[Tensor]:
        """Record the tensors in a result as the outputs of an op, and return them."""
        tensors = tensors_in(result)
        op.outputs = tuple([self.register(op, index, tensor) for index, tensor in enumerate(tensors)])
        return tensors


def _known_sizes(tensor: Tensor) -> Any:
    """Return the sizes of a tensor, ``None`` for those that differ among the parts of a nested one."""
    if not tensor.is_nested:
        return tuple(tensor.shape)
    if tensor.layout is torch.strided:
        return None  # nested tensors of this layout have no shape
    return tuple([size if type(size) is int else None for size in tensor.shape])


def storage_key(tensor: Tensor) -> int:
    """Return a key that tensors have in common if they share memory, unique while one of them is alive."""
    if tensor.layout is not torch.strided:
        return id(tensor)
    try:
        return storage_id(tensor)
    except (NotImplementedError, RuntimeError):  # wrapped by functorch, nested
        return id(tensor)
