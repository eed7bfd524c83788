"""Records of modules and parameters, and the sums of numbers over them."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["ModuleInfo", "ParameterInfo", "Totals", "ancestors"]


def ancestors(path: str) -> list[str]:
    """Return a module's path and those of all modules around it, the model's own last."""
    found = []
    while path:
        found.append(path)
        path = path.rpartition(".")[0]
    return [*found, ""]


class _Sums:
    """Numbers that follow from the sums, for modules and for the whole model."""

    __slots__ = ()
    param_count: int
    trainable_count: int
    param_bytes: int
    buffer_bytes: int
    flops: int
    flops_estimated: int
    flops_measured: int

    @property
    def frozen_count(self) -> int:
        """Elements in the parameters that require no gradient."""
        return self.param_count - self.trainable_count

    @property
    def weight_bytes(self) -> int:
        """Bytes of parameters and buffers."""
        return self.param_bytes + self.buffer_bytes

    @property
    def flops_known(self) -> int:
        """FLOPs that are counted, measured or estimated: a lower bound if some are unknown."""
        return self.flops + self.flops_measured + self.flops_estimated


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleInfo(_Sums):
    """
    One entry of the module tree; the parent is the path less its last part.

    Attributes
    ----------
    path : str
        Qualified path, ``""`` for the model.
    class_name : str
        ``"Conv2d"``.
    class_path : str
        ``"torch.nn.modules.conv.Conv2d"``.
    extra_repr : str
        The module's own description of its settings: ``"3, 64, kernel_size=(7, 7)"``.
    params : tuple of str
        Names of the parameters and buffers that belong to this module directly.
    calls : int
        How often the module was called; 0 means that it never was (containers stay at 0).
    entered : bool
        Whether a method of its class other than ``forward`` ran an op, while the module itself was never called.
    container : bool
        Whether it has no ``forward`` of its own and only holds others, as ModuleList does.
    reached : bool
        Whether the forward pass used it: it was called, or an op read a parameter of it or of a module below.
    param_count, trainable_count : int
        Elements in the parameters of the module and all below, each once; the rest is `frozen_count`.
    shared_count : int
        Elements in the parameters with a second name, because several modules share (tie) them.
    param_unknown : int
        Number of parameters that have no size yet, as in lazy modules.
    param_bytes, buffer_bytes : int
        Bytes of these parameters, and of the buffers; `weight_bytes` is their sum.
    flops : int
        Sum over the ops below whose FLOPs are known from torch's formulas (``counted``).
    flops_estimated, flops_measured : int
        Sums over those that are estimated and measured.
    flops_unknown : int
        Number of ops below whose FLOPs are unknown.
    activation_bytes : int
        Sum over the ops below whose outputs have known sizes.
    activation_unknown : int
        Number of ops below whose outputs have unknown sizes.
    failed : bool
        Whether an op below failed.
    """

    path: str
    class_name: str
    class_path: str = ""
    extra_repr: str = ""
    params: tuple[str, ...] = ()
    calls: int = 0
    entered: bool = False
    container: bool = False
    reached: bool = True
    param_count: int = 0
    trainable_count: int = 0
    shared_count: int = 0
    param_unknown: int = 0
    param_bytes: int = 0
    buffer_bytes: int = 0
    flops: int = 0
    flops_estimated: int = 0
    flops_measured: int = 0
    flops_unknown: int = 0
    activation_bytes: int = 0
    activation_unknown: int = 0
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals(_Sums):
    """
    Sums over the whole model; the fields mean what they mean on `ModuleInfo`.

    Attributes
    ----------
    node_count : int
        Number of ops.
    param_reached : int
        Elements in the parameters that some op reads.
    """

    node_count: int = 0
    param_count: int = 0
    trainable_count: int = 0
    shared_count: int = 0
    param_unknown: int = 0
    param_reached: int = 0
    param_bytes: int = 0
    buffer_bytes: int = 0
    flops: int = 0
    flops_estimated: int = 0
    flops_measured: int = 0
    flops_unknown: int = 0
    activation_bytes: int = 0
    activation_unknown: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterInfo:
    """
    One parameter or buffer; a shared one is listed once.

    Attributes
    ----------
    name : str
        The first qualified name under which it was found.
    shape : tuple of int or None
        ``None`` for a lazy parameter without a size yet.
    dtype : str
        ``"float32"``.
    itemsize : int
        Bytes of one element of `dtype`.
    trainable : bool
        Whether it requires a gradient.
    buffer : bool
        Whether it is a buffer instead of a parameter.
    aliases : tuple of str
        Its other names, if modules share it.
    stored_bytes : int or None
        Bytes of what it is made of, if that is not one `dtype` for each element: packed numbers with their scales.
    scheme : str
        How a quantized one is stored, in the words of its library: ``"nf4 (Params4bit)"``.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str
    itemsize: int
    trainable: bool = True
    buffer: bool = False
    aliases: tuple[str, ...] = ()
    stored_bytes: int | None = None
    scheme: str = ""

    @property
    def byte_count(self) -> int:
        """Bytes that it takes in memory; 0 while the size is not known."""
        return self.numel * self.itemsize if self.stored_bytes is None else self.stored_bytes

    @property
    def numel(self) -> int:
        """Number of elements; 0 while the size is not known."""
        return 0 if self.shape is None else math.prod(self.shape)
