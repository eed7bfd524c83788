"""
FLOPs of products for which torch's counter has no formula, or one that does not fit: from the operands themselves.

Sparse products do two operations for each number that is stored and each column of the dense operand. In a grouped
product every row meets the matrix of one group. Packed weights do not have the sizes that they stand for, but the
result has. Flex attention does what `scaled_dot_product_attention` does, less what its mask leaves out.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from idlmav.capture.record.classify import function_name, op_name
from idlmav.capture.record.trace import OpRecord, Trace
from idlmav.capture.record.values import tensors_in
from idlmav.metrics.catalogue import ops_with

__all__ = [
    "ESTIMATE",
    "ROWS_BY_COLUMNS",
    "SPARSE",
    "UPPER_BOUND",
    "count_product",
    "count_sparse",
    "dense_on_meta",
    "is_sparse",
]

ESTIMATE, UPPER_BOUND, SPARSE = "estimate", "upper bound", "sparse"
"""Flags of an op: its FLOPs are by a formula of our own; at most so many; it reads or makes a sparse tensor."""
ROWS_BY_COLUMNS = ops_with("rows_by_columns")
_SPARSE_PRODUCTS = ops_with("sparse", "product")
_FROM_ENTRIES = ops_with("sparse", "made of entries")
_KEEP_ENTRIES = ops_with("sparse", "keeps entries")


def count_product(op: OpRecord, args: Any, kwargs: dict[str, Any], result: Any) -> None:
    """Write the FLOPs of a grouped, packed or flex product on its record, if they are not known."""
    if not args:
        return
    name = op_name(op.func)
    if name == "flex_attention":
        query, key, value = args[:3]
        op.flops = 2 * query.shape[:-1].numel() * key.shape[-2] * (query.shape[-1] + value.shape[-1])
        mask = args[4] if len(args) > 4 else None
        # Without a mask, torch hands on one of a single block, of one row and column.
        if mask is not None and tuple(mask[:2]) != (1, 1):
            op.flags = (*op.flags, ESTIMATE, UPPER_BOUND)
        return
    if op.flops is not None:
        return
    made = tensors_in(result)
    if name not in ROWS_BY_COLUMNS or not made or not isinstance(args[0], Tensor):
        return
    rows, second, columns = args[0], args[1] if len(args) > 1 else None, made[0].shape[-1]
    groups = rows.shape[0] if rows.dim() == 3 and isinstance(second, Tensor) and second.dim() == 2 else 1
    op.flops = 2 * rows.numel() * columns // groups


def is_sparse(tensors: list[Tensor]) -> bool:
    """Return whether one of the tensors is sparse."""
    return any(
        tensor.layout is not torch.strided and not tensor.is_nested and not tensor.is_mkldnn for tensor in tensors
    )


def dense_on_meta(tensor: Tensor) -> Tensor:
    """Return a tensor on the meta device in place of a sparse one; others as they are."""
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="meta") if is_sparse([tensor]) else tensor


def count_sparse(trace: Trace, op: OpRecord, tensors: list[Tensor]) -> None:
    """Write on the record of an op with sparse operands the FLOPs that follow from what these store, else none."""
    op.flops = None
    op.flags = (*op.flags, SPARSE)
    sparse = [tensor for tensor in tensors if is_sparse([tensor])]
    dense = [tensor for tensor in tensors if tensor.layout is torch.strided]
    name = op_name(op.func)
    if name not in _SPARSE_PRODUCTS or len(sparse) != 1 or not dense:
        return
    entries, matrix = _entries(trace, sparse[0]), sparse[0]
    if entries is None or matrix.dim() < 2:
        return
    # In sums (addmm) the matrix that is added comes first, in a linear layer the bias last.
    other = dense[0] if name == "linear" else dense[-1]
    order = [id(tensor) for tensor in tensors]
    on_the_right = name != "linear" and order.index(id(matrix)) > order.index(id(other))
    shared = matrix.shape[-2] if on_the_right else matrix.shape[-1]
    batch = matrix.shape[:-2].numel()
    op.flops = 2 * entries * (other.numel() // max(shared * batch, 1))
    op.flags = (*op.flags, ESTIMATE)


def _entries(trace: Trace, tensor: Tensor) -> int | None:
    """Return how many numbers a sparse tensor stores; ``None`` if values decide that forward has computed."""
    index = trace.origins.get(id(tensor), (-1, 0, None))[0]
    while index >= 0:
        op = trace.ops[index]
        name = op_name(op.func)
        if function_name(op.func) == "model_input" or name in _FROM_ENTRIES:
            break
        if name not in _KEEP_ENTRIES or not op.origins:
            return None
        index = op.origins[0][0]
    if tensor.layout is torch.sparse_coo:
        return tensor._nnz() * tensor.shape[tensor.sparse_dim() :].numel()
    return int(tensor.values().numel())
