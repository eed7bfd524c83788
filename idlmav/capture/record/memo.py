"""Records of the results of ops, and the memo that knows them by the op's signature."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import Parameter

from idlmav.capture.record.operands import Operands
from idlmav.capture.record.trace import PARAMETER, SIGNATURES, OpRecord, Origin, Remembered, Token, Trace, storage_key
from idlmav.capture.record.values import tensors_in

__all__ = ["INPLACE", "MEMO", "NEW", "SAME", "Recorder"]

NEW, SAME, INPLACE, _VIEW, _SEVERAL = range(5)
MEMO: dict[tuple[Any, ...], Remembered] = {}
"""Shared by all captures of the process: (function, signatures, arguments) -> how to make the result."""
MEMO_AT_MOST = 1 << 16


def counts_batches(origin: Origin) -> bool:
    """Return whether a tensor is BatchNorm's counter, which hardly anything reads."""
    return str(origin[1]).endswith("num_batches_tracked")


class Recorder:
    """Records what ops return."""

    def __init__(self, trace: Trace, operands: Operands) -> None:
        self.trace = trace
        self.operands = operands

    def recall(self, op: OpRecord, remembered: Remembered, func: Any, args: Any, kwargs: dict[str, Any] | None) -> Any:
        """Make the result of an op that the memo knows; views and in-place ops run on the meta tensors themselves."""
        op.remembered, action, spec, op.flops = remembered, remembered.action, remembered.spec, remembered.flops
        trace = self.trace
        if action == NEW:
            result = SIGNATURES.meta_tensor(spec)
            trace.origins[id(result)] = (op.index, 0, spec)
            trace.kept.append(result)
            op.outputs = (spec,)
            return result
        if action == _SEVERAL:
            kind, tokens = spec
            items = [None if token is None else SIGNATURES.meta_tensor(token) for token in tokens]
            op.outputs = tuple(trace.register(op, i, item) for i, item in enumerate(items) if item is not None)
            return kind(items)
        if action == _VIEW:
            return self._view(op, spec, func, args, kwargs)
        target = self.operands.stand_in(args[0])
        if action == SAME:
            return self.same(op, target)
        return self._written(op, (target,), target)

    def _view(self, op: OpRecord, tokens: Any, func: Any, args: Any, kwargs: dict[str, Any] | None) -> Any:
        """Make the views that an op is known to return by running it, because they need the operands' memory."""
        for origin in op.origins:
            if origin[0] < 0:  # a parameter or a constant needs its stand-in
                args = self.operands.replace(args)
                break
        result = func(*args, **kwargs) if kwargs else func(*args)
        trace, single = self.trace, type(result) is Tensor
        known = trace.origins
        if tokens is None or (id(result) in known if single else any(id(view) in known for view in result)):
            return self.finish(op, result, args, {}, None, False)  # an operand itself
        if single:
            known[id(result)] = (op.index, 0, tokens[0])
            trace.kept.append(result)
            trace.views.append(result)
        else:
            for output, (token, view) in enumerate(zip(tokens, result, strict=True)):
                known[id(view)] = (op.index, output, token)
            trace.kept += result
            trace.views += result
        op.outputs = tokens
        return result

    def finish(
        self,
        op: OpRecord,
        result: Any,
        args: Any,
        kwargs: dict[str, Any],
        signature: tuple[Any, ...] | None,
        inplace: bool,
    ) -> Any:
        """Record the result of an op, and which tensors share its memory."""
        if inplace:
            target = kwargs.get("out")
            targets = tensors_in(args[:1] or list(kwargs.values())) if target is None else tensors_in(target)
            if target is None and signature is not None and args and result is args[0] and args[0].is_meta:
                self.remember(signature, op, INPLACE, None)
            return self._written(op, tuple(targets), result)
        if isinstance(result, Tensor):
            if any(value is result for value in args):
                if signature is not None and args[0] is result:
                    self.remember(signature, op, SAME, None)
                return self.same(op, result)
            token = self.trace.register(op, 0, result)
            op.outputs = (token,)
            shared = self._shares(result, args, kwargs)
            if signature is not None and result.is_meta and type(result) is Tensor:
                self.remember(signature, op, *((_VIEW, (token,)) if shared else (NEW, token)))
            return result
        return self._several(op, result, args, kwargs, signature)

    def _several(
        self, op: OpRecord, result: Any, args: Any, kwargs: dict[str, Any], signature: tuple[Any, ...] | None
    ) -> Any:
        known = self.trace.origins
        if type(result) in (tuple, list) and any(isinstance(item, Tensor) and id(item) in known for item in result):
            # An operand among the results gets another tensor, so that edges before and after the op differ.
            result = type(result)([x.view_as(x) if isinstance(x, Tensor) and id(x) in known else x for x in result])
        tensors = self.trace.register_all(op, result)
        shared = [self._shares(tensor, args, kwargs) for tensor in tensors]
        if not tensors or signature is None:
            return result
        if type(result) in (tuple, list) and all(tensor.is_meta for tensor in tensors):
            flat = all(item is None or isinstance(item, Tensor) for item in result)
            if all(shared):
                self.remember(signature, op, _VIEW, op.outputs if flat and len(tensors) == len(result) else None)
            elif flat and not any(shared):
                tokens: list[Token | None] = [None if item is None else known[id(item)][2] for item in result]
                self.remember(signature, op, _SEVERAL, (type(result), tokens))
        return result

    def same(self, op: OpRecord, tensor: Tensor) -> Tensor:
        """Return another tensor for an operand that an op returns, so that edges before and after the op differ."""
        result = tensor.view_as(tensor)
        if type(tensor) is Parameter or (op.origins and op.origins[0][0] == PARAMETER):
            result = result.as_subclass(Parameter)  # as models ask
        self.trace.views.append(tensor)
        op.outputs = (self.trace.register(op, 0, result),)
        op.flags = (*op.flags, "identity")
        return result

    def _written(self, op: OpRecord, targets: tuple[Tensor, ...], result: Any) -> Any:
        trace = self.trace
        op.flags = (*op.flags, "inplace")
        outputs = []
        for index, tensor in enumerate(targets):
            known = trace.origins.get(id(tensor))
            outputs.append(trace.register(op, index, tensor))
            storage = storage_key(tensor)
            # The stand-in of a buffer or a constant is also read under that tensor's name.
            foreign = known is not None and known[0] < PARAMETER and not counts_batches(known)
            if foreign or storage in trace.mutated or trace.is_aliased(storage):
                trace.mutated[storage] = op.index
        op.outputs = tuple(outputs)
        return result

    def _shares(self, result: Tensor, args: Any, kwargs: dict[str, Any]) -> bool:
        storage = storage_key(result)
        shared = any(storage_key(tensor) == storage for tensor in tensors_in((args, kwargs)))
        if shared:
            self.trace.views.append(result)
        return shared

    def remember(self, signature: tuple[Any, ...], op: OpRecord, action: int, spec: Any) -> None:
        """Remember how to make the result of ops with this signature."""
        if len(MEMO) >= MEMO_AT_MOST:
            MEMO.clear()
        op.remembered = MEMO[signature] = Remembered(action, spec, op.flops)
