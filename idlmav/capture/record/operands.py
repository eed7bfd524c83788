"""Stand-ins for the tensors that capture did not make: parameters, buffers, constants, a user's inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from idlmav.capture.record.trace import BUFFER, CONSTANT, META, PARAMETER, SIGNATURES, NeedsAutograd, Origin, Trace
from idlmav.capture.record.values import map_tensors
from idlmav.capture.record.wrappers import is_plain, leaves, stands_for_others
from idlmav.capture.torch_private import is_functorch_wrapped, storage_id, swap_tensors

__all__ = ["SMALL", "Operands", "as_operands", "meta_like"]

_STRIDED = torch.strided
SMALL = 1 << 16
"""Integer and boolean tensors of at most so many elements stay real, so that decisions on them are true."""


def meta_like(tensor: Tensor) -> Tensor:
    """Return a meta tensor with the sizes, strides and type of a tensor."""
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_nested:
        return tensor
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=META)


def stays_real(tensor: Tensor) -> bool:
    """Return whether a tensor is computed with: small, and of integers or booleans."""
    return tensor.numel() <= SMALL and not tensor.is_floating_point() and not tensor.is_complex()


def _may_be_read(tensor: Tensor, *, foreign: bool) -> bool:
    """Return whether a tensor that capture did not make is computed with; not if it stands for others."""
    small = stays_real(tensor) or (foreign and tensor.numel() <= SMALL)
    return small and (is_plain(tensor) or not stands_for_others(tensor))


def as_operands(value: Any) -> Any:
    """Return a result with meta tensors in place of all tensors but those that stay real."""
    return map_tensors(lambda tensor: tensor if stays_real(tensor) else meta_like(tensor), value)


class Operands:
    """
    Finds the stand-in of a tensor, and the record that made it.

    Parameters
    ----------
    trace : Trace
        Receives the origins.
    own : sequence of (str, Tensor, bool)
        Name, tensor and whether it is a buffer, of all parameters and buffers of the model.

    Attributes
    ----------
    names : dict of int to (str, bool)
        Name of every parameter and buffer of the model by its ``id``, and whether it is a buffer.
    may_be_wrapped : bool
        Whether tensors wrapped by functorch are allowed.
    given : dict of int to Tensor
        By ``id`` of an input's stand-in, the user's tensor.
    """

    def __init__(self, trace: Trace, own: Sequence[tuple[str, Tensor, bool]]) -> None:
        self.trace = trace
        self.own = own
        self.names: dict[int, tuple[str, bool]] = {}
        self.given: dict[int, Tensor] = {}
        self._foreign: dict[int, Tensor] = {}
        self.may_be_wrapped = False
        for name, tensor, is_buffer in own:
            if id(tensor) not in self.names:
                self.names[id(tensor)] = name, is_buffer
                self.expect(tensor, name, is_buffer)

    def expect(self, tensor: Tensor, name: str, is_buffer: bool) -> None:
        """Record a parameter or a buffer before the model runs, if it is of the usual kind; `adopt` records others."""
        kind = type(tensor)
        if (kind is Parameter or kind is Tensor) and tensor.layout is _STRIDED and tensor.dtype.is_floating_point:
            key, trace = id(tensor), self.trace
            trace.lazy[key] = tensor
            trace.origins[key] = (BUFFER if is_buffer else PARAMETER, name, SIGNATURES.token(tensor))

    def adopt(self, tensor: Tensor) -> Origin:
        """Record a tensor that is met for the first time; its stand-in is in `Trace.stand_ins`."""
        trace = self.trace
        kind, name = self._kind_and_name(tensor)
        if name is None and not self.may_be_wrapped and is_functorch_wrapped(tensor):
            raise NeedsAutograd
        trace.kept.append(tensor)
        strided = tensor.layout is torch.strided
        if torch.nn.parameter.is_lazy(tensor) or not strided or tensor.is_quantized:
            origin: Origin = (kind, name, None)
        elif not is_plain(tensor) and stands_for_others(tensor):
            origin = (kind, name, None) if name is not None else self._made_of(tensor)
        elif not tensor.is_meta and _may_be_read(tensor, foreign=name is None):
            # A clone: the model may write into its own counters and masks.
            real = trace.stand_ins[id(tensor)] = tensor.detach().to("cpu", copy=True)
            origin = trace.origins[id(real)] = (kind, name, None)
        else:
            trace.lazy[id(tensor)] = tensor  # its stand-in is made when a kernel needs it: most ops are in the memo
            origin = (kind, name, SIGNATURES.token(tensor))
        trace.origins[id(tensor)] = origin
        return origin

    def _made_of(self, wrapper: Tensor) -> Origin:
        """Return what made the first of the tensors in a wrapper that an op has made."""
        known = [self.trace.origins.get(id(leaf), (CONSTANT, None, None)) for leaf in leaves(wrapper)]
        index, output, _ = next((origin for origin in known if origin[0] >= 0), (CONSTANT, None, None))
        return index, output, None

    def _kind_and_name(self, tensor: Tensor) -> tuple[int, str | None]:
        name, is_buffer = self.names.get(id(tensor), (None, False))
        return CONSTANT if name is None else BUFFER if is_buffer else PARAMETER, name

    def stand_in(self, tensor: Tensor) -> Tensor:
        """Return the tensor to compute with in place of a tensor."""
        trace = self.trace
        found = trace.stand_ins.get(id(tensor))
        if found is not None:
            return found
        if id(tensor) not in trace.lazy:
            return tensor
        stand_in = trace.stand_ins[id(tensor)] = meta_like(tensor)
        trace.origins[id(stand_in)] = trace.origins[id(tensor)]
        return stand_in

    def stood_for(self, tensor: Tensor) -> Tensor:
        """Return the tensor that a stand-in stands for; return any other tensor as it is."""
        trace = self.trace
        if id(tensor) not in self._foreign:
            found = {id(one): one for one in (*trace.kept, *trace.lazy.values()) if id(one) in trace.stand_ins}
            self._foreign = {id(trace.stand_ins[key]): one for key, one in found.items()}
        return self._foreign.get(id(tensor), tensor)

    def replace(self, value: Any, all_meta: bool = False) -> Any:
        """
        Return an argument with stand-ins for its tensors.

        Parameters
        ----------
        value : object
            An argument.
        all_meta : bool
            Whether real tensors become meta tensors, too, as kernels refuse a mixture; those at the ends of slices do not.
        """
        return map_tensors(self._on_meta if all_meta else self.stand_in, value, self.stand_in)

    def _on_meta(self, tensor: Tensor) -> Tensor:
        tensor, trace = self.stand_in(tensor), self.trace
        if tensor.is_meta:
            return tensor
        key = ~id(tensor)  # beside the stand-ins for foreign tensors, which have keys that are not negative
        stand_in = trace.stand_ins.get(key)
        if stand_in is None:
            stand_in = trace.stand_ins[key] = meta_like(tensor)
            kind, name, _ = trace.origins.get(id(tensor), (CONSTANT, None, None))
            trace.origins[id(stand_in)] = (kind, name, SIGNATURES.token(stand_in) if stand_in.is_meta else None)
            trace.kept.append(tensor)
        return stand_in

    def lose_content(self, tensor: Tensor) -> None:
        """Turn a real tensor that is overwritten with unknown values into a meta tensor, with all its views."""
        if tensor.is_meta:
            return
        storage, trace, shared = tensor.untyped_storage(), self.trace, storage_id(tensor)
        memory = torch.UntypedStorage(storage.nbytes(), device=META)
        candidates = {
            id(x): x for x in (tensor, *trace.kept) if type(x) is Tensor and x.layout is _STRIDED and not x.is_meta
        }
        for other in candidates.values():
            if storage_id(other) != shared:
                continue
            stand_in = torch.empty(0, dtype=other.dtype, device=META)
            stand_in.set_(memory, other.storage_offset(), other.shape, other.stride())
            # The model holds the tensor itself, so it has to stay the same object.
            swap_tensors(other, stand_in)
            index, output, _ = trace.origins.get(id(other), (CONSTANT, None, None))
            trace.origins[id(other)] = (index, output, SIGNATURES.token(other))
            trace.views.append(other)

    def input_stand_in(self, tensor: Tensor) -> Tensor:
        """Return the stand-in of a user's input, which the model may change."""
        stand_in = self._stand_in_of_input(tensor)
        if not tensor.is_meta:
            self.given[id(stand_in)] = tensor
        return stand_in

    def _stand_in_of_input(self, tensor: Tensor) -> Tensor:
        if isinstance(tensor, Parameter) and id(tensor) in self.names:
            return tensor
        if not stays_real(tensor):
            return meta_like(tensor)
        if tensor.is_meta:
            return torch.zeros(tensor.shape, dtype=tensor.dtype)
        return tensor.detach().to("cpu", copy=True)
