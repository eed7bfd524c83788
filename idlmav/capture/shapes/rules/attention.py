"""Shape rules and FLOPs for attention and for recurrent layers."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from idlmav.capture.shapes.rules.registry import META, Answer, Rule, broadcast, contiguous, numel, rule

__all__: list[str] = []


@rule(F.scaled_dot_product_attention)
def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: Any = None, enable_gqa: bool = False,
) -> Answer:  # fmt: skip
    """
    Return (..., query length, value width).

    The strides are those of the fused kernels, which lay the heads next to each other: a `transpose(1, 2)` of
    the result is contiguous. Where these do not serve (grouped queries, values of another width, causal with keys of another length) it is contiguous itself.
    """
    if query.dim() < 3 or not query.dim() == key.dim() == value.dim() or not query.dtype is key.dtype is value.dtype:
        return None
    if query.shape[-1] != key.shape[-1] or key.shape[:-1] != value.shape[:-1] or not query.dtype.is_floating_point:
        return None
    if query.shape[:-2] != key.shape[:-2] and not (enable_gqa and _groups_fit(query, key)):
        return None
    scores = (*query.shape[:-1], key.shape[-2])
    if attn_mask is not None:
        fits = attn_mask.dtype in (torch.bool, query.dtype) and broadcast([attn_mask.shape, scores]) == scores
        if not fits or is_causal:
            return None
    shape = (*query.shape[:-1], value.shape[-1])
    flops = 2 * numel(scores) * (query.shape[-1] + value.shape[-1])
    uneven = is_causal and query.shape[-2] != key.shape[-2]
    if len(shape) != 4 or query.shape[-1] != value.shape[-1] or enable_gqa or uneven:
        return contiguous(shape, query.dtype), flops
    heads, length, width = shape[1:]
    strides = (length * heads * width, width, heads * width, 1)
    return torch.empty_strided(shape, strides, dtype=query.dtype, device=META), flops


def _groups_fit(query: Any, key: Any) -> bool:
    same_batch: bool = query.shape[:-3] == key.shape[:-3]
    return same_batch and key.shape[-3] > 0 and query.shape[-3] % key.shape[-3] == 0


@rule(F.multi_head_attention_forward)
def multi_head_attention(
    query: Any, key: Any, value: Any, embed_dim_to_check: int, num_heads: int, in_proj_weight: Any, in_proj_bias: Any,
    bias_k: Any, bias_v: Any, add_zero_attn: bool, dropout_p: float, out_proj_weight: Any, out_proj_bias: Any,
    training: bool = True, key_padding_mask: Any = None, need_weights: bool = True, attn_mask: Any = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Any = None, k_proj_weight: Any = None, v_proj_weight: Any = None,
    static_k: Any = None, static_v: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
) -> Answer:  # fmt: skip
    """Project, attend, project; return the attention weights as well if they are requested."""
    special = (bias_k, bias_v, static_k, static_v)
    if any(x is not None for x in special) or add_zero_attn or use_separate_proj_weight or in_proj_weight is None:
        return None
    width, length, batched = query.shape[-1], query.shape[0], query.dim() == 3
    if query.dim() not in (2, 3) or key.dim() != query.dim() or key.shape != value.shape or key.shape[-1] != width:
        return None
    if width != embed_dim_to_check or width % num_heads or not query.dtype is in_proj_weight.dtype is key.dtype:
        return None
    if tuple(in_proj_weight.shape) != (3 * width, width) or tuple(out_proj_weight.shape) != (width, width):
        return None
    batch, keys = query.shape[1] if batched else 1, key.shape[0]
    if batched and key.shape[1] != batch:
        return None
    if attn_mask is not None and tuple(attn_mask.shape) not in ((length, keys), (batch * num_heads, length, keys)):
        return None
    if key_padding_mask is not None and tuple(key_padding_mask.shape) != ((batch, keys) if batched else (keys,)):
        return None
    flops = 4 * batch * width * width * (length + keys) + 4 * batch * length * keys * width
    attended = contiguous(query.shape, query.dtype)
    if not need_weights:
        return (attended, None), flops
    shape = (*((batch,) if batched else ()), *(() if average_attn_weights else (num_heads,)), length, keys)
    return (attended, contiguous(shape, query.dtype)), flops


def _packed(data: Any, state: Any, weights: Any, layers: int, bidirectional: bool) -> Answer:
    """Return the result for a packed sequence: kernels on the meta device cannot read the batch sizes."""
    states = state if isinstance(state, (list, tuple)) else (state,)
    if data.dim() != 2 or data.shape[1] != weights[0].shape[1] or any(x.dim() != 3 for x in states):
        return None
    directions = 2 if bidirectional else 1
    if states[0].shape[0] != layers * directions or any(weight.dtype is not data.dtype for weight in weights):
        return None
    outputs = contiguous((data.shape[0], directions * states[0].shape[-1]), data.dtype)
    flops = sum(2 * data.shape[0] * weight.numel() for weight in weights if weight.dim() == 2)
    return (outputs, *(contiguous(x.shape, x.dtype) for x in states)), flops


def _recurrent(gates: int, has_cell: bool) -> Rule:
    def recurrent(input: Any, state: Any, weights: Any, biased: Any, layers: Any, *rest: Any) -> Answer:
        """Return the whole sequence and the last state."""
        if len(rest) != 4:
            return None
        if isinstance(biased, (list, tuple)):
            return _packed(input, weights, biased, rest[0], rest[3])
        _, _, bidirectional, batch_first = rest
        hidden, directions = (state[0] if has_cell else state), 2 if bidirectional else 1
        if input.dim() != 3 or hidden.dim() != 3 or input.shape[-1] != weights[0].shape[1]:
            return None
        batch = input.shape[0 if batch_first else 1]
        if tuple(hidden.shape[:2]) != (layers * directions, batch) or weights[0].shape[0] % gates:
            return None
        if any(weight.dtype is not input.dtype for weight in weights) or hidden.dtype is not input.dtype:
            return None
        if hidden.shape[-1] != weights[1].shape[1]:
            return None
        shape = (*input.shape[:-1], directions * hidden.shape[-1])
        outputs = contiguous(shape, input.dtype)
        if batch_first:
            outputs = contiguous((shape[1], shape[0], shape[2]), input.dtype).transpose(0, 1)
        flops = sum(2 * numel(input.shape[:-1]) * weight.numel() for weight in weights if weight.dim() == 2)
        states = [contiguous(x.shape, x.dtype) for x in (state if has_cell else (state,))]
        return (outputs, *states), flops

    return recurrent


for _function, _gates, _has_cell in (
    (torch.lstm, 4, True), (torch.gru, 3, False), (torch.rnn_tanh, 1, False), (torch.rnn_relu, 1, False),
):  # fmt: skip
    rule(_function)(_recurrent(_gates, _has_cell))
