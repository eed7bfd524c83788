"""Compare our formulas with values counted by hand, or by torch's counter if it knows the op."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from idlmav.graph import Node
from idlmav.metrics.flops import ESTIMATES, MOVES, estimate, estimated

Shape = tuple[int | None, ...]


def found(op: str, shape: Shape, inputs: list[Shape], args: str = "", **kwargs: Any) -> tuple[int | None, str]:
    node = Node(id=op, op=op, operation=f"{op}()", shapes=(shape,), dtypes=("float32",), args=args, **kwargs)
    return estimate(node, list(inputs))


@pytest.mark.parametrize(
    ("op", "shape", "inputs", "args", "wanted"),
    [
        ("mv", (6,), [(6, 8)], "", 2 * 6 * 8),
        ("mv", (6,), [(6, 8), (8,)], "", 2 * 6 * 8),
        ("addmv", (6,), [(6,), (6, 8), (8,)], "", 2 * 6 * 8),
        ("matmul", (6,), [(6, 8), (8,)], "", 2 * 6 * 8),
        ("matmul", (), [(8,)], "", 2 * 8),
        ("matmul", (3, 6), [(3, 6, 8), (8,)], "", 2 * 18 * 8),
        ("dot", (), [(8,), (8,)], "", 2 * 8),
        ("vdot", (), [(8,)], "", 2 * 8),
        ("outer", (6, 8), [(6,), (8,)], "", 48),
        ("einsum", (4, 8, 8), [(4, 8)], "'bi,bj->bij'", 256),
        ("bilinear", (4, 3), [(4, 5), (3, 5, 7), (3,)], "", 2 * 4 * 3 * 5 * 7),
        ("cdist", (4, 6), [(4, 5), (6, 5)], "", 3 * 24 * 5),
        ("embedding_bag", (2, 4), [(2, 5), (10, 4)], "", 2 * 5 * 4),
        ("sort", (4, 8), [(4, 8)], "", 32 * 3),
        ("sort", (4, 8), [(4, 8)], "dim=0", 32 * 2),
        ("topk", (4, 3), [(4, 8)], "k=3, dim=1", 32 * 3),
        ("fft_fft", (4, 8), [(4, 8)], "", 5 * 32 * 3),
        ("fft_fft2", (4, 8), [(4, 8)], "", 5 * 32 * 5),
        ("fft_fftn", (2, 4, 8), [(2, 4, 8)], "", 5 * 64 * 6),
        ("fft_fftn", (2, 4, 8), [(2, 4, 8)], "dim=(1, 2)", 5 * 64 * 5),
        ("fft_rfft", (4, 5), [(4, 8)], "", 2.5 * 32 * 3),
        ("fft_irfft", (4, 8), [(4, 5)], "", 2.5 * 32 * 3),
        ("stft", (1, 5, 3), [(1, 16)], "n_fft=8", 2.5 * 3 * 8 * 3),
        ("inverse", (3, 4, 4), [(3, 4, 4)], "", 3 * 2 * 64),
        ("linalg_cholesky", (6, 6), [(6, 6)], "", 72),
        ("linalg_det", (), [(3, 3)], "", 18),
        ("linalg_svd", (4, 4), [(4, 4)], "", 26 * 64),
        ("linalg_solve", (3, 2), [(3, 3), (3, 2)], "", 18 + 2 * 9 * 2),
        ("interpolate", (1, 2, 4, 4), [(1, 2, 2, 2)], "mode='bilinear'", 32 * 8),
        ("interpolate", (1, 2, 4, 4, 4), [(1, 2, 2, 2, 2)], "mode='trilinear'", 128 * 16),
        ("interpolate", (1, 2, 4, 4), [(1, 2, 2, 2)], "mode='bicubic'", 32 * 32),
        ("interpolate", (1, 2, 4, 4), [(1, 2, 2, 2)], "scale_factor=2", 0),
        ("grid_sample", (1, 2, 4, 4), [(1, 2, 2, 2)], "", 32 * 8),
        ("grid_sample", (1, 2, 4, 4), [(1, 2, 2, 2)], "mode='nearest'", 32 * 2),
        ("mse_loss", (), [(4, 8)], "", 3 * 32),
        ("cross_entropy", (), [(4, 8), (4,)], "", 6 * 32),
        ("cumsum", (4, 8), [(4, 8)], "dim=0", 32),
        ("norm", (), [(4, 8)], "", 64),
        ("bucketize", (10,), [(10,), (16,)], "", 40),
    ],
)
def test_values(op: str, shape: Shape, inputs: list[Shape], args: str, wanted: float) -> None:
    assert found(op, shape, inputs, args) == (wanted, "estimated")


@pytest.mark.parametrize(
    "op", ["gather", "getitem", "index_select", "scatter", "embedding", "masked_fill", "cat", "pad"]
)
def test_moving_data_costs_memory_not_arithmetic(op: str) -> None:
    assert found(op, (4, 8), [(4, 8)]) == (0, "counted")


@pytest.mark.parametrize("op", sorted(ESTIMATES))
def test_unknown_sizes_give_no_number(op: str) -> None:
    assert found(op, (2, None), [(2, None)]) == (None, "unknown")
    for inputs in ([], [(None, 3)], [(0, 3)], [()], [(3,)], [(2, 3, 4, 5)]):
        number, source = found(op, (2, 3), inputs, "dim=7")
        assert source == ("unknown" if number is None else "estimated")
        assert number is None or (type(number) is int and number >= 0)


@pytest.mark.parametrize("op", sorted(ESTIMATES))
def test_larger_tensors_cost_no_less(op: str) -> None:
    args = "kernel_size=3, n_fft=4, mode='bilinear'"

    def cost(n: int) -> int:
        square = (n, n, n)
        return found(op, square, [square, square, (n, n)], args)[0] or 0

    costs = [cost(n) for n in (4, 8, 16)]
    assert costs == sorted(costs)


@pytest.mark.parametrize(("rows", "columns"), [(6, 8), (1, 5), (16, 16)])
def test_products_with_a_vector_are_those_of_a_matrix_with_one_column(rows: int, columns: int) -> None:
    matrix, vector = torch.empty(rows, columns, device="meta"), torch.empty(columns, 1, device="meta")
    with FlopCounterMode(display=False) as counter:
        torch.mm(matrix, vector)
    assert found("mv", (rows,), [(rows, columns), (columns,)]) == (counter.get_total_flops(), "estimated")


def test_a_transform_along_two_dimensions_is_one_along_each() -> None:
    both = found("fft_fft2", (16, 32), [(16, 32)])[0]
    each = [found("fft_fft", (16, 32), [(16, 32)], f"dim={dim}")[0] for dim in (0, 1)]
    assert both == sum(filter(None, each)) == 5 * 512 * math.log2(512)


def test_a_second_formula_is_refused() -> None:
    assert not MOVES & ESTIMATES.keys()
    for op in ("relu", "reshape"):
        with pytest.raises(ValueError, match="defined twice"):
            estimated(op)(lambda node, inputs, elements: 0)
