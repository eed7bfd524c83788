"""
The call of a quantized layer as one op: the ops of its forward are joined, or what it returns is found in other ways.

Forward runs as in any layer, on meta tensors. Where the library's kernels do not accept these, it runs for real on
zeros, if that is cheap; else the layer's own sizes tell the shape.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from idlmav.capture.quantized.layers import QuantizedLayer
from idlmav.capture.record.source import Where
from idlmav.capture.record.trace import OpRecord, Origin, Remembered, Trace
from idlmav.capture.record.values import tensors_in
from idlmav.capture.shapes.kernels import on_zeros
from idlmav.capture.shapes.rules.registry import contiguous

__all__ = ["FLOPS_AT_MOST", "join", "label", "without_kernels"]

FLOPS_AT_MOST = 2_000_000_000
"""FLOPs of a layer's call that is run for real, because nothing else tells what it returns."""


def join(trace: Trace, first: int, kept: int, func: Any, outputs: list[Tensor], own: list[Origin]) -> OpRecord:
    """
    Put one op in the place of all that were recorded from a certain one on.

    Parameters
    ----------
    trace : Trace
        The records.
    first, kept : int
        How many ops and tensors were recorded before.
    func : callable
        The function of the op.
    outputs : list of Tensor
        What the op returns.
    own : list of Origin
        Those of the weights that the op stands for; what else the ops read of the model is left out.
    """
    joined = trace.ops[first:]
    origins: dict[tuple[int, Any], Origin] = {}
    for op in joined:
        for origin in op.origins:
            if origin[0] < first:
                origins.setdefault(origin[:2], origin)
    one = OpRecord(first, func, joined[0].call if joined else trace.current, _where(joined))
    del trace.ops[first:]
    trace.ops.append(one)
    one.flags = ("opaque",)
    data = [origin for origin in origins.values() if origin[0] >= 0]
    one.origins = [*data, *own]
    for tensor in trace.kept[kept:]:
        known = trace.origins.get(id(tensor))
        if known is not None and known[0] >= first:
            trace.origins[id(tensor)] = (first, 0, known[2])
    for storage, writer in trace.mutated.items():
        if writer > first:
            trace.mutated[storage] = first
    one.outputs = tuple([trace.register(one, index, tensor) for index, tensor in enumerate(outputs)])
    return one


def _where(ops: list[OpRecord]) -> Where | None:
    return ops[-1].where if ops else None


def label(op: OpRecord, layer: QuantizedLayer, flops: int | None) -> None:
    """Write FLOPs and scheme on an op."""
    op.flops = flops
    op.remembered = Remembered(-1, None, flops, f"scheme={layer.scheme!r}" if layer.scheme else "")


def without_kernels(
    module: nn.Module, layer: QuantizedLayer, args: Any, kwargs: dict[str, Any], error: Exception
) -> Any:
    """
    Return what a layer returns whose forward does not run on meta tensors.

    Raises
    ------
    Exception
        The true error of the call, if the layer runs on an input that fits, but not on this one.
    """
    given = next(iter(tensors_in((args, kwargs))), None)
    if given is None:
        raise error
    flops = 2 * given.numel() * layer.weights[0].shape[0]
    here = all(not x.is_meta and x.device.type == "cpu" for x in (*module.parameters(), *module.buffers()))
    raised: Exception = error
    if here and flops <= FLOPS_AT_MOST:
        try:
            return on_zeros(module.forward, args, kwargs)
        except Exception as real:  # noqa: BLE001 - the user's error if the layer can run at all
            raised = real
        if _runs(module, layer, given):
            raise raised
    declared = _declared(layer, given)
    if declared is None:
        raise raised
    return declared


def _runs(module: nn.Module, layer: QuantizedLayer, given: Tensor) -> bool:
    """Return whether a layer runs on an input of the size that it declares."""
    sizes = list(given.shape) or [1]
    weight = layer.weights[0].shape
    if layer.function is nn.functional.linear:
        sizes = [1] * max(0, len(sizes) - 1) + [weight[1]]
    for other in (given.dtype, torch.float32, torch.float16, torch.bfloat16):
        try:
            module.forward(torch.zeros(sizes, dtype=other))
        except Exception:  # noqa: BLE001, S112 - a library that does not run here
            continue
        return True
    return False


def _declared(layer: QuantizedLayer, given: Tensor) -> Tensor | None:
    weight = layer.weights[0].shape
    if layer.function is nn.functional.linear and given.dim() and given.shape[-1] == weight[1]:
        return contiguous((*given.shape[:-1], weight[0]), given.dtype)
    if layer.function is nn.functional.embedding:
        return contiguous((*given.shape, weight[1]), torch.get_default_dtype())
    return None
