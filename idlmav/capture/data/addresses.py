"""Addresses of tensors: a model that asks for one gets that of real memory, which code in C may read and write."""

from __future__ import annotations

import mmap
from typing import Any

import torch
from torch import Tensor

from idlmav.capture.record.operands import Operands

__all__ = ["Addresses"]

_BYTES_AT_MOST = 1 << 36
"""Bytes of memory that a capture reserves; the system gives a page of it when it is first touched."""
_COPIED_AT_MOST = 1 << 26


class _Addressed(torch.UntypedStorage):
    """The storage of a meta tensor, with the address of memory that stands for it."""

    address: int
    memory: Any

    def data_ptr(self) -> int:
        return self.address


class Addresses:
    """Gives each storage one address for as long as it lives: tensors that share memory have the same."""

    def __init__(self, operands: Operands, device: torch.device) -> None:
        self.operands = operands
        self.device = device
        self._left = _BYTES_AT_MOST

    def ask(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """
        Return what a function tells about the memory of a tensor.

        Raises
        ------
        RuntimeError
            If there is no memory that could stand for the tensor's.
        """
        tensor = self.operands.stand_in(args[0])
        if tensor.is_meta and not tensor.is_nested:
            storage: Any = tensor.untyped_storage()
            if type(storage) is not _Addressed:
                self._give_memory(storage, args[0])
            if func is Tensor.data_ptr:
                offset = tensor.storage_offset() * tensor.element_size()
                return storage.address + offset if tensor.numel() else 0
        return func(tensor, *args[1:], **kwargs)

    def _give_memory(self, storage: Any, tensor: Tensor) -> None:
        size = max(storage.nbytes(), 1)
        self._left -= size
        if self.device.type not in ("cpu", "meta") or self._left < 0:
            # On another device, code in C would be handed an address that its device cannot read.
            memory: Any = _on_device(size, self.device) if self._left >= 0 else None
        else:
            memory = torch.frombuffer(mmap.mmap(-1, size), dtype=torch.uint8)
        if memory is None:
            raise RuntimeError(f"No memory of {size} bytes on {self.device} can stand for a tensor during capture.")
        if tensor.device.type == "cpu" and size <= _COPIED_AT_MOST:
            content = torch.empty(0, dtype=torch.uint8).set_(tensor.detach().untyped_storage())
            memory[: content.numel()].copy_(content)
        storage.__class__ = _Addressed
        storage.address, storage.memory = memory.data_ptr(), memory


def _on_device(size: int, device: torch.device) -> Tensor | None:
    try:
        return torch.zeros(size, dtype=torch.uint8, device=device)
    except (RuntimeError, AssertionError):  # there is no such device here, or its memory is full
        return None
