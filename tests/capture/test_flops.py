"""FLOPs of every op that reaches one of torch's formulas, also deep inside, against torch's own counter on meta."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from idlmav.capture import capture
from idlmav.metrics.totals import complete

R = torch.randn


class Does(nn.Module):
    """Calls a function; its parameters are the operands after the first."""

    def __init__(self, function: Callable[..., Any], *operands: Tensor) -> None:
        super().__init__()
        self.function = function
        self.operands = nn.ParameterList([nn.Parameter(x) for x in operands])

    def forward(self, *args: Tensor) -> Any:
        return self.function(*args, *self.operands)


Case = tuple[nn.Module, tuple[Any, ...]]
CASES: dict[str, Callable[[], Case]] = {
    "linear on a vector": lambda: (nn.Linear(4, 3), (R(4),)),
    "linear on four dimensions": lambda: (nn.Linear(4, 3), (R(2, 5, 6, 4),)),
    "identity of a size": lambda: (Does(torch.matmul, R(4)), (R(4),)),
    "matrix by vector": lambda: (Does(torch.matmul, R(4)), (R(3, 4),)),
    "batch by vector": lambda: (Does(torch.matmul, R(4)), (R(2, 3, 4),)),
    "vector by batch": lambda: (Does(torch.matmul, R(2, 4, 3)), (R(4),)),
    "batch by matrix": lambda: (Does(torch.matmul, R(4, 5)), (R(2, 3, 4),)),
    "matrix by batch": lambda: (Does(torch.matmul, R(2, 4, 5)), (R(3, 4),)),
    "batches of unlike shapes": lambda: (Does(torch.matmul, R(1, 7, 4, 5)), (R(6, 1, 3, 4),)),
    "mm": lambda: (Does(torch.mm, R(4, 5)), (R(3, 4),)),
    "operator": lambda: (Does(lambda x, y: x @ y, R(4, 5)), (R(3, 4),)),
    "addmm": lambda: (Does(torch.addmm, R(3, 4), R(4, 5)), (R(3, 5),)),
    "addmm of broadcast rows": lambda: (Does(torch.addmm, R(3, 4), R(4, 5)), (R(5),)),
    "baddbmm": lambda: (Does(torch.baddbmm, R(2, 3, 4), R(2, 4, 5)), (R(2, 3, 5),)),
    "addbmm": lambda: (Does(torch.addbmm, R(2, 3, 4), R(2, 4, 5)), (R(3, 5),)),
    "bmm": lambda: (Does(torch.bmm, R(2, 4, 5)), (R(2, 3, 4),)),
    "mv": lambda: (Does(torch.mv, R(4)), (R(3, 4),)),
    "dot": lambda: (Does(torch.dot, R(4)), (R(4),)),
    "outer": lambda: (Does(torch.outer, R(3)), (R(4),)),
    "chain": lambda: (Does(lambda *x: torch.linalg.multi_dot(x), R(4, 6), R(6, 2)), (R(3, 4),)),
    "power of a matrix": lambda: (Does(lambda x: torch.linalg.matrix_power(x, 5)), (R(4, 4),)),
    "tensordot": lambda: (Does(lambda x, y: torch.tensordot(x, y, dims=([2, 0], [0, 2])), R(4, 6, 2)), (R(2, 3, 4),)),
    "einsum of two": lambda: (Does(lambda x, y: torch.einsum("bij,bkj->bik", x, y), R(2, 5, 4)), (R(2, 3, 4),)),
    "einsum of three": lambda: (
        Does(lambda x, y, z: torch.einsum("bi,ij,jk->bk", x, y, z), R(4, 5), R(5, 6)), (R(3, 4),)),
    "einsum without products": lambda: (Does(lambda x: torch.einsum("bij->bji", x)), (R(2, 3, 4),)),
    "kron": lambda: (Does(torch.kron, R(2, 2)), (R(3, 3),)),
    "bilinear": lambda: (Does(nn.Bilinear(3, 4, 5)), (R(2, 3), R(2, 4))),
    "conv1d": lambda: (nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), (R(2, 4, 9),)),
    "conv2d": lambda: (nn.Conv2d(4, 6, 3, dilation=2), (R(2, 4, 9, 8),)),
    "conv2d without a batch": lambda: (nn.Conv2d(4, 6, 3), (R(4, 9, 8),)),
    "conv2d same": lambda: (nn.Conv2d(4, 6, 4, padding="same"), (R(2, 4, 9, 8),)),
    "conv2d reflected": lambda: (nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), (R(2, 4, 9, 8),)),
    "depthwise": lambda: (nn.Conv2d(4, 8, 3, groups=4), (R(2, 4, 9, 8),)),
    "conv3d": lambda: (nn.Conv3d(4, 6, 3, padding="same"), (R(2, 4, 5, 6, 7),)),
    "conv_transpose1d": lambda: (nn.ConvTranspose1d(4, 6, 3, stride=2), (R(2, 4, 9),)),
    "conv_transpose2d": lambda: (nn.ConvTranspose2d(4, 6, 3, stride=2, output_padding=1), (R(2, 4, 9, 8),)),
    "conv_transpose2d in groups": lambda: (nn.ConvTranspose2d(4, 6, 3, groups=2), (R(2, 4, 9, 8),)),
    "conv_transpose3d": lambda: (nn.ConvTranspose3d(4, 6, 2, dilation=2), (R(2, 4, 5, 6, 7),)),
    "conv_tbc": lambda: (Does(torch.conv_tbc, R(3, 4, 6), R(6)), (R(9, 2, 4),)),
    "weight norm": lambda: (parametrizations.weight_norm(nn.Conv1d(4, 6, 3)), (R(2, 4, 9),)),
    "spectral norm": lambda: (parametrizations.spectral_norm(nn.Linear(4, 6)).eval(), (R(2, 4),)),
    "orthogonal": lambda: (parametrizations.orthogonal(nn.Linear(4, 4)), (R(2, 4),)),
    "lstm": lambda: (nn.LSTM(4, 5, num_layers=2, bidirectional=True, batch_first=True), (R(2, 6, 4),)),
    "lstm with projections": lambda: (nn.LSTM(4, 5, proj_size=3), (R(6, 2, 4),)),
    "lstm without a batch": lambda: (nn.LSTM(4, 5), (R(6, 4),)),
    "gru": lambda: (nn.GRU(4, 5, num_layers=2, dropout=0.1), (R(6, 2, 4),)),
    "rnn": lambda: (nn.RNN(4, 5, nonlinearity="relu"), (R(6, 2, 4),)),
    "lstm cell": lambda: (nn.LSTMCell(4, 5), (R(2, 4),)),
    "gru cell": lambda: (nn.GRUCell(4, 5), (R(2, 4),)),
    "rnn cell": lambda: (nn.RNNCell(4, 5), (R(2, 4),)),
    "attention": lambda: (Does(F.scaled_dot_product_attention, R(2, 4, 6, 8), R(2, 4, 6, 8)), (R(2, 4, 5, 8),)),
    "attention of three dimensions": lambda: (
        Does(F.scaled_dot_product_attention, R(4, 6, 8), R(4, 6, 8)), (R(4, 5, 8),)),
    "attention in groups": lambda: (
        Does(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True), R(2, 2, 6, 8), R(2, 2, 6, 8)),
        (R(2, 4, 5, 8),)),
    "masked attention": lambda: (
        Does(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=q.new_ones(5, 6, dtype=torch.bool)),
             R(2, 4, 6, 8), R(2, 4, 6, 8)), (R(2, 4, 5, 8),)),
    "causal attention": lambda: (
        Does(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), R(2, 4, 5, 8), R(2, 4, 5, 8)),
        (R(2, 4, 5, 8),)),
    "multi-head attention": lambda: (nn.MultiheadAttention(8, 2, batch_first=True), (R(2, 5, 8), R(2, 5, 8), R(2, 5, 8))),
    "multi-head attention of unlike widths": lambda: (
        nn.MultiheadAttention(8, 2, kdim=6, vdim=4, add_bias_kv=True), (R(5, 2, 8), R(7, 2, 6), R(7, 2, 4))),
    "transformer": lambda: (nn.Transformer(8, 2, 1, 1, 16, batch_first=True).eval(), (R(2, 5, 8), R(2, 4, 8))),
    "pairwise distances": lambda: (Does(torch.cdist, R(30, 4)), (R(40, 4),)),
    "cosine similarity": lambda: (nn.CosineSimilarity(), (R(2, 4), R(2, 4))),
    "unfolded": lambda: (Does(lambda x, w: w @ F.unfold(x, 3), R(6, 36)), (R(2, 4, 9, 8),)),
    "inverse": lambda: (Does(lambda x: torch.linalg.inv(x) @ x), (R(4, 4),)),
    "solve": lambda: (Does(torch.linalg.solve, R(4, 2)), (R(4, 4),)),
    "fourier": lambda: (Does(lambda x: torch.fft.irfft(torch.fft.rfft(x) * 2)), (R(2, 8),)),
    "spectrogram": lambda: (Does(lambda x: torch.stft(x, 16, return_complex=True).abs()), (R(2, 64),)),
    "complex product": lambda: (Does(lambda x: torch.complex(x, x) @ torch.complex(x, x)), (R(4, 4),)),
    "interpolated": lambda: (Does(lambda x, w: F.conv2d(F.interpolate(x, scale_factor=2), w), R(2, 4, 3, 3)), (R(1, 4, 5, 5),)),
    "embedding bag": lambda: (nn.EmbeddingBag(10, 4), (torch.tensor([[1, 2], [3, 4]]),)),
}  # fmt: skip


# torch warns once of copies that these two make; as an error that is what the kernel says.
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@pytest.mark.filterwarnings("ignore:stft with return_complex|A window was not provided:UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_flops_equal_torchs_counter_on_meta(name: str, counted_flops: Callable[..., int]) -> None:
    model, args = CASES[name]()
    cold, warm = (complete(capture(model, args)) for _ in range(2))
    assert cold.errors == ()
    assert cold == warm
    # torch's counter takes complex numbers for real ones.
    assert cold.totals.flops == counted_flops(model, args, {}) * (4 if name == "complex product" else 1)
