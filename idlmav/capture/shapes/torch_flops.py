"""FLOPs by the formulas that torch registers for its counter, without the counter's bookkeeping."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

from idlmav.capture.torch_private import TorchDispatchMode, can_decompose

__all__ = ["FlopMode"]


class FlopMode(TorchDispatchMode):
    """
    Adds up the formulas of the kernels that run inside, four times where these compute with complex numbers.

    References
    ----------
    torch/utils/flop_counter.py: decomposes what has no formula in the same order as `FlopCounterMode`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops: int | None = None  # until a kernel with a formula ran

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep torch from wrapping the method below, which would import the compiler: more than a second."""
        return False

    def count(self, func: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, int | None]:
        """Call a function; return its result and the FLOPs of its kernels."""
        self.flops = None
        with self:
            result = func(*args, **kwargs)
        return result, self.flops

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one kernel, or the kernels that it decomposes into."""
        kwargs = kwargs or {}
        formula = flop_registry.get(func.overloadpacket)
        if formula is None and func is not torch.ops.prim.device.default and can_decompose(func):
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = func(*args, **kwargs)
        if formula is not None:
            # A product and a sum of complex numbers are four products and four sums of real ones.
            factor = 4 if isinstance(result, Tensor) and result.is_complex() else 1
            self.flops = (self.flops or 0) + factor * int(formula(*args, **kwargs, out_val=result))
        return result
