"""
FLOPs and bytes that follow what is really computed: sparse, batched by vmap, grouped, complex, packed, masked.

The truth is a formula written by hand, or torch's own counter over a loop of plain products (issue 12, point 7).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from idlmav.capture import capture
from idlmav.graph import Graph, Node
from idlmav.metrics.totals import complete

pytestmark = pytest.mark.filterwarnings("ignore:Sparse .* tensor support is in beta state")
R = torch.randn


class Does(nn.Module):
    """Calls a function with itself; tensors become buffers, modules and parameters stay what they are."""

    def __init__(self, function: Callable[..., Any], **held: Any) -> None:
        super().__init__()
        self.function = function
        for name, value in held.items():
            if isinstance(value, (nn.Parameter, nn.Module)):
                setattr(self, name, value)
            else:
                self.register_buffer(name, value)

    def forward(self, *args: Any) -> Any:
        return self.function(self, *args)


def graph_of(model: nn.Module, *args: Any) -> Graph:
    graph = complete(capture(model, args))
    assert not graph.errors
    return graph


def the_op(graph: Graph, name: str) -> Node:
    (found,) = [node for node in graph.nodes if node.op == name]
    return found


def counted(function: Callable[[], Any]) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        function()
    return counter.get_total_flops()


# ------------------------------------------------------------------------------------------ sparse

ENTRIES = 30
ROWS = torch.arange(ENTRIES)
DENSE = torch.zeros(200, 100)
DENSE[ROWS * 5, ROWS * 3] = 1.0
SPARSE: dict[str, tuple[Callable[..., Any], Any, Tensor, int]] = {
    "coo": (lambda m, x: torch.sparse.mm(m.a, x), Tensor.to_sparse, R(100, 8), 2 * ENTRIES * 8),
    "csr": (lambda m, x: m.a @ x, Tensor.to_sparse_csr, R(100, 8), 2 * ENTRIES * 8),
    "csc": (lambda m, x: torch.mm(m.a, x), Tensor.to_sparse_csc, R(100, 8), 2 * ENTRIES * 8),
    "vector": (lambda m, x: torch.mv(m.a, x), Tensor.to_sparse, R(100), 2 * ENTRIES),
    "weight": (lambda m, x: F.linear(x, m.a), Tensor.to_sparse_csr, R(4, 100), 2 * ENTRIES * 4),
    "added": (lambda m, x: torch.sparse.addmm(torch.ones(200, 8), m.a, x), Tensor.to_sparse, R(100, 8), 2 * ENTRIES * 8),
    "right": (lambda m, x: x @ m.a, Tensor.to_sparse_csr, R(4, 200), 2 * ENTRIES * 4),
    "turned": (lambda m, x: m.a.t() @ x, Tensor.to_sparse, R(200, 8), 2 * ENTRIES * 8),
    "halved": (lambda m, x: (m.a * 0.5) @ x, Tensor.to_sparse, R(100, 8), 2 * ENTRIES * 8),
}  # fmt: skip


@pytest.mark.parametrize("name", SPARSE)
def test_a_sparse_product_counts_what_is_stored(name: str) -> None:
    """Reported of graph networks: 333 times too many FLOPs, said to be counted."""
    function, make, x, flops = SPARSE[name]
    model = Does(function, a=make(DENSE))
    graph = graph_of(model, x)
    products = [node for node in graph.nodes if node.shapes and node.shapes[0] == tuple(model(x).shape) and node.flops]
    assert [(node.flops, node.flops_source) for node in products[-1:]] == [(flops, "estimated")]
    assert "sparse" in products[-1].notes


def test_entries_that_the_input_tells_are_counted() -> None:
    def spread(m: Any, x: Tensor, edges: Tensor) -> Tensor:
        return torch.sparse_coo_tensor(edges, torch.ones(edges.shape[1]), (50, 50)) @ x

    graph = graph_of(Does(spread), R(50, 8), torch.randint(0, 50, (2, 70)))
    assert the_op(graph, "matmul").flops == 2 * 70 * 8
    graph = graph_of(Does(lambda m, x, a: a @ x), R(100, 8), DENSE.to_sparse())
    assert the_op(graph, "matmul").flops == 2 * ENTRIES * 8


def test_entries_that_values_decide_are_unknown() -> None:
    graph = graph_of(Does(lambda m, x: x.relu().to_sparse() @ x), R(40, 40))
    assert (the_op(graph, "matmul").flops, the_op(graph, "matmul").flops_source) == (None, "unknown")
    product = the_op(
        graph_of(Does(lambda m, x: torch.sparse.mm(m.a, m.a).to_dense() + x, a=torch.eye(9).to_sparse()), R(9)),
        "sparse_mm",
    )
    assert product.flops_source == "unknown"


@pytest.mark.parametrize("make", [Tensor.to_sparse, Tensor.to_sparse_csr, Tensor.to_sparse_csc])
def test_the_bytes_of_a_sparse_buffer_are_those_that_it_stores(make: Callable[[Tensor], Tensor]) -> None:
    indices = {"to_sparse": 2 * ENTRIES, "to_sparse_csr": 201 + ENTRIES, "to_sparse_csc": 101 + ENTRIES}[make.__name__]
    graph = graph_of(Does(lambda m, x: torch.mm(m.a, x), a=make(DENSE)), R(100, 2))
    assert graph.totals.buffer_bytes == 8 * indices + 4 * ENTRIES


# ------------------------------------------------------------------------------------------ vmap

LAYER, CONV = nn.Linear(8, 16), nn.Conv2d(3, 4, 3)
BATCHED: dict[str, tuple[Callable[..., Any], Callable[..., Any], Tensor]] = {
    "matrix": (lambda m, x: torch.vmap(lambda row: row @ m.w)(x), lambda m, x: [r @ m.w for r in x], R(5, 3, 8)),
    "layer": (lambda m, x: torch.vmap(m.layer)(x), lambda m, x: [m.layer(r) for r in x], R(5, 3, 8)),
    "convolution": (lambda m, x: torch.vmap(m.conv)(x), lambda m, x: [m.conv(r) for r in x], R(5, 2, 3, 9, 9)),
    "second dimension": (
        lambda m, x: torch.vmap(m.layer, in_dims=1, out_dims=1)(x), lambda m, x: [m.layer(r) for r in x.unbind(1)], R(3, 5, 8)),
    "twice": (
        lambda m, x: torch.vmap(torch.vmap(m.layer))(x), lambda m, x: [m.layer(r) for r in x.flatten(0, 1)], R(5, 4, 3, 8)),
    "shared operand": (
        lambda m, x: torch.vmap(lambda a, b: a @ b, in_dims=(0, None))(x, m.w), lambda m, x: [r @ m.w for r in x], R(5, 3, 8)),
    "then a layer": (
        lambda m, x: m.layer(torch.vmap(lambda row: row.relu())(x)), lambda m, x: m.layer(x.relu()), R(5, 3, 8)),
}  # fmt: skip


@pytest.mark.parametrize("name", BATCHED)
def test_what_vmap_hides_is_counted(name: str) -> None:
    """Reported of fvcore and of ours: under torch.vmap the work of one sample."""
    function, loop, x = BATCHED[name]
    model = Does(function, layer=LAYER, conv=CONV, w=nn.Parameter(R(8, 16)))
    graph = graph_of(model, x)
    assert graph.totals.flops == counted(lambda: loop(model, x))
    assert graph.totals.flops_unknown == 0
    # The input leads to the output, through the layer.
    reached, waiting = set(), [graph.nodes[0].id]
    while waiting:
        node = waiting.pop()
        reached.add(node)
        waiting += graph.targets[node]
    assert "output" in reached
    assert all(node.id in reached for node in graph.nodes if node.kind == "op")


def test_estimates_under_vmap_are_of_all_samples() -> None:
    graph = graph_of(Does(lambda m, x: torch.vmap(lambda row: row.relu())(x)), R(6, 7))
    node = the_op(graph, "relu")
    assert (node.flops, node.shapes, node.activation_bytes) == (42, ((6, 7),), 168)
    graph = graph_of(Does(lambda m, x: torch.vmap(torch.dot)(x, x)), R(6, 7))
    assert the_op(graph, "dot").flops == 2 * 42


def test_an_ensemble_under_vmap_is_counted() -> None:
    """As in torch's tutorial: the parameters of several models are stacked."""
    from torch.func import functional_call, stack_module_state

    nets = [nn.Linear(8, 4) for _ in range(3)]
    stacked, _ = stack_module_state(nets)  # type: ignore[arg-type]

    class Ensemble(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = (nn.Parameter(stacked[name].detach()) for name in ("weight", "bias"))

        def forward(self, x: Tensor) -> Tensor:
            def one(weight: Tensor, bias: Tensor, x: Tensor) -> Any:
                return functional_call(nets[0], {"weight": weight, "bias": bias}, (x,))

            return torch.vmap(one, in_dims=(0, 0, None))(self.weight, self.bias, x)

    graph = graph_of(Ensemble(), R(5, 8))
    assert graph.totals.flops == 3 * 2 * 5 * 8 * 4
    assert graph.totals.param_reached == 3 * (8 * 4 + 4)


# ------------------------------------------------------------------------------------------ grouped, packed, 8 bits

OFFSETS = torch.tensor([8, 12, 20, 32], dtype=torch.int32)
H = {"dtype": torch.bfloat16}
EXPERTS = R(4, 16, 24, **H)
PRODUCTS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]] = {
    "private": (lambda m, x, o: torch._grouped_mm(x, m.w, offs=o), (R(32, 16, **H), OFFSETS), 2 * 32 * 16 * 24),
    "batched": (lambda m, x: F.grouped_mm(x, m.w), (R(4, 6, 16, **H),), 2 * 4 * 6 * 16 * 24),
    "of weights": (lambda m, x, y, o: F.grouped_mm(x, y, offs=o), (R(16, 32, **H), R(32, 24, **H), OFFSETS), 2 * 16 * 32 * 24),
    "few groups": (
        lambda m, x, o: F.grouped_mm(x, m.w[:2], offs=o), (R(32, 16, **H), torch.tensor([8, 32], dtype=torch.int32)), 2 * 32 * 16 * 24),
    "int8": (
        lambda m, x: torch._int_mm(x, m.whole), (torch.ones(32, 64, dtype=torch.int8),), 2 * 32 * 64 * 16),
    "float8": (
        lambda m, x: torch._scaled_mm(x, m.small.t(), m.one, m.one, out_dtype=torch.float32),
        (torch.ones(32, 64).to(torch.float8_e4m3fn),), 2 * 32 * 64 * 16),
    "weights of int8": (
        lambda m, x: torch.ops.aten._weight_int8pack_mm(x, m.whole.t().contiguous(), m.one.expand(16).to(x.dtype).contiguous()),
        (R(32, 64, **H),), 2 * 32 * 64 * 16),
    "whole numbers": (lambda m, x: x @ m.whole.int(), (torch.ones(32, 64, dtype=torch.int32),), 2 * 32 * 64 * 16),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_that_torch_does_not_count_has_its_flops(name: str) -> None:
    """Reported of mixtures of experts: the FLOPs of every expert's matrix, or none."""
    function, args, flops = PRODUCTS[name]
    model = Does(
        function, w=nn.Parameter(EXPERTS), whole=torch.ones(64, 16, dtype=torch.int8), one=torch.ones(()),
        small=torch.ones(16, 64).to(torch.float8_e4m3fn),
    )  # fmt: skip
    graph = graph_of(model, *args)
    assert (graph.totals.flops_known, graph.totals.flops_unknown) == (flops, 0)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flex_attention_is_scores_and_values() -> None:
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    q, k, v = R(2, 4, 128, 16), R(2, 4, 256, 16), R(2, 4, 256, 8)
    flops = 2 * 2 * 4 * 128 * 256 * (16 + 8)
    plain = the_op(graph_of(Does(lambda m, q, k, v: flex_attention(q, k, v)), q, k, v), "flex_attention")
    assert (plain.flops, "upper bound" in plain.notes) == (flops, False)
    with torch.device("cpu"):
        mask = create_block_mask(lambda b, h, i, j: i >= j, None, None, 128, 256, device="cpu")
    causal = the_op(
        graph_of(Does(lambda m, q, k, v: flex_attention(q, k, v, block_mask=mask)), q, k, v), "flex_attention"
    )
    assert (causal.flops, causal.flops_source) == (flops, "estimated")
    assert "upper bound" in causal.notes


# ------------------------------------------------------------------------------------------ complex

C = {"dtype": torch.complex64}
COMPLEX: dict[str, tuple[Callable[..., Any], Tensor]] = {
    "matmul": (lambda x, w: x @ w, R(4, 8, **C)),
    "mm": (torch.mm, R(4, 8, **C)),
    "linear": (lambda x, w: F.linear(x, w.t()), R(4, 8, **C)),
    "batch": (lambda x, w: torch.bmm(x, w.expand(3, 8, 16)), R(3, 4, 8, **C)),
    "einsum": (lambda x, w: torch.einsum("ik,kj->ij", x, w), R(4, 8, **C)),
    "addmm": (lambda x, w: torch.addmm(w[:4], x, w), R(4, 8, **C)),
    "vector": (lambda x, w: x @ w[:, 0], R(4, 8, **C)),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_a_complex_product_is_four_real_ones(name: str) -> None:
    """Reported of Fourier neural operators: complex weights count as real ones."""
    function, x = COMPLEX[name]
    weight = R(8, 16, **C)
    of_complex = graph_of(Does(lambda m, x: function(x, m.w), w=nn.Parameter(weight)), x)
    of_real = graph_of(Does(lambda m, x: function(x, m.w), w=nn.Parameter(weight.real.clone())), x.real.clone())
    assert of_real.totals.flops_known > 0
    assert of_complex.totals.flops_known == 4 * of_real.totals.flops_known
    assert of_complex.totals.param_bytes == 2 * of_real.totals.param_bytes


def test_transforms_are_complex_already() -> None:
    op = the_op(graph_of(Does(lambda m, x: torch.fft.fft(x)), R(4, 64, **C)), "fft_fft")
    assert op.flops == 5 * 4 * 64 * 6
    product = the_op(graph_of(Does(lambda m, x: x * x.conj()), R(4, 64, **C)), "mul")
    assert product.flops == 6 * 4 * 64
