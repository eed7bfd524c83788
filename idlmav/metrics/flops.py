"""
Formulas for the FLOPs of ops that torch's counter does not know; they are of leading order and need shapes only.

One multiply-add counts as 2, so MACs are half of these numbers. A comparison, a sum and a product count as 1
each, an evaluated function (exponential, root, sine) as 4. Ops that only move data count as 0: they cost memory, not
arithmetic. Costs for each element are data (``operations.json``); the formulas here depend on shapes or arguments.

References
----------
Golub and Van Loan, "Matrix Computations", 4th edition, 2013, sections 3.2, 4.2, 5.2, 8.3 and 8.6: dense factorizations.
Van Loan, "Computational Frameworks for the Fast Fourier Transform", 1992, section 1.4: 5 n log2 n.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache

from idlmav.graph import Node, Shape
from idlmav.metrics.catalogue import OPS, fact, ops_with

__all__ = ["ESTIMATES", "MOVES", "estimate", "estimated", "numel"]

_COMPLEX = {"add": 2, "sub": 2, "sum": 2, "mean": 2, "cumsum": 2, "neg": 2, "mul": 6, "prod": 6, "div": 11}
"""Operations of real numbers for one of complex ones; for all others 4: a product and a sum are eight instead of two."""
_OF_COMPLEX = frozenset(
    name for name in OPS if name.startswith("fft_") or name in ("stft", "istft", "complex", "polar")
)
"""Ops whose formula is for complex numbers."""
MOVES = ops_with("flops", 0)
"""Ops that only move, select, repeat, create or inspect data: no arithmetic on elements, so 0 FLOPs, counted."""

Formula = Callable[[Node, "list[Shape]", int], "int | None"]
"""(node, shapes of the tensors and parameters that it reads, elements of its first output) -> FLOPs, or ``None``."""
ESTIMATES: dict[str, Formula] = {}


def estimated(*ops: str) -> Callable[[Formula], Formula]:
    """
    Register a formula for ops.

    Raises
    ------
    ValueError
        If an op has one already, or is known to move data only.
    """

    def register(formula: Formula) -> Formula:
        for op in ops:
            if op in ESTIMATES or op in MOVES:
                raise ValueError(f"FLOPs of {op!r} are defined twice; keep one formula.")
            ESTIMATES[op] = formula
        return formula

    return register


def estimate(node: Node, inputs: list[Shape]) -> tuple[int | None, str]:
    """
    Return the FLOPs of a node for which torch has no formula, and their source.

    `inputs` are the shapes of the tensors that it reads from other nodes, then of its parameters. An op that only moves
    data has ``(0, "counted")``, an op that failed ``(None, "unknown")``.
    """
    op = node.op
    if node.kind == "op" and node.status == "failed":
        return None, "unknown"
    if node.kind != "op" or op in MOVES or "identity" in node.notes:
        return 0, "counted"
    if "sparse" in node.notes:
        return None, "unknown"  # most of the elements of its shape are not there
    formula = ESTIMATES.get(op)
    elements = numel(node.shapes[0]) if node.shapes else None
    found = formula(node, inputs, elements) if formula is not None and elements is not None else None
    if found is None:
        return None, "unknown"
    complex_numbers = bool(node.dtypes) and node.dtypes[0].startswith("complex") and op not in _OF_COMPLEX
    return found * (_COMPLEX.get(op, 4) if complex_numbers else 1), "estimated"


@lru_cache(maxsize=1 << 14)
def numel(shape: Shape | None) -> int | None:
    """Return the number of elements of a tensor; ``None`` if a size is unknown."""
    if shape is None or None in shape:
        return None
    return math.prod(shape)  # type: ignore[arg-type]


# --------------------------------------------------------- a number of operations for each element (as data)


def per_output(cost: int) -> Formula:
    """Return the formula of ops that take `cost` operations for each element of their first output."""
    return lambda node, inputs, elements: cost * elements


def per_input(cost: int) -> Formula:
    """Return the formula of ops that take `cost` operations for each element of the largest tensor they read."""

    def formula(node: Node, inputs: list[Shape], elements: int) -> int | None:
        largest = _largest(inputs)
        return None if largest is None else cost * largest

    return formula


for _op, _cost in fact("flops_per_output").items():
    estimated(_op)(per_output(_cost))
for _op, _cost in fact("flops_per_input").items():
    estimated(_op)(per_input(_cost))


# -------------------------------------------------------------------------------------- windows, sampling


@estimated("avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "max_pool1d_with_indices",
           "max_pool2d_with_indices", "max_pool3d_with_indices")  # fmt: skip
def pool(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """Count one operation for each element of each window."""
    window = _window(node)
    return None if window is None else elements * window


@estimated("interpolate", "upsample", "upsample_bilinear", "upsample_nearest")
def interpolate(node: Node, inputs: list[Shape], elements: int) -> int:
    """Count a product and a sum for each neighbour: 2 a dimension, 4 if cubic; nearest copies."""
    dims = max(1, len(node.shapes[0] or ()) - 2)
    if "cubic" in node.args:
        return elements * 2 * 4**dims
    if "area" in node.args:
        return max(_largest(inputs) or 0, elements)
    return elements * 2 * 2**dims if "linear" in node.args or node.op == "upsample_bilinear" else 0


@estimated("grid_sample", "grid_sampler")
def grid_sample(node: Node, inputs: list[Shape], elements: int) -> int:
    """Count a product and a sum for each neighbour: 2 a dimension, 4 if cubic, 1 if nearest."""
    dims = max(1, len(node.shapes[0] or ()) - 2)
    neighbours = 1 if "nearest" in node.args else 4**dims if "cubic" in node.args else 2**dims
    return elements * 2 * neighbours


@estimated("embedding_bag")
def embedding_bag(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """Count one addition for each number of each row that is looked up."""
    *indices, table = inputs or [()]
    looked_up = _largest(indices)
    width = table[-1] if len(table) == 2 else None
    return None if looked_up is None or width is None else looked_up * width


# --------------------------------------------------------------------------- products with a single vector


@estimated("matmul", "mv", "addmv", "dot", "vdot", "inner", "linalg_vecdot")
def vector_product(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """
    Count a product and a sum for each pair of an element of the output and one of the vector.

    torch counts products of matrices; here one operand has a single dimension.
    """
    if node.op == "linalg_vecdot":
        lengths = [shape[-1] for shape in inputs if shape]
    elif elements == 1 or node.op in ("dot", "vdot"):
        lengths = [shape[0] for shape in inputs if len(shape) == 1]
        # Under torch.vmap, the shapes are those of all samples.
        lengths = lengths or [shape[-1] for shape in inputs if shape[:-1] == node.shapes[0]]
    else:
        # The result of addmv is as long as the vector that is added.
        matrices = [shape for shape in inputs if len(shape) >= 2]
        lengths = [shape[-1] for shape in matrices] or [shape[0] for shape in inputs if len(shape) == 1]
    return None if not lengths or None in lengths else 2 * elements * max(filter(None, lengths), default=0)


@estimated("bilinear")
def bilinear(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """Count a product and a sum for each pair of input features and each output: the weight is out x in1 x in2."""
    weights = [size for shape in inputs if len(shape) == 3 and (size := numel(shape)) is not None]
    outputs = (node.shapes[0] or (None,))[-1]
    return None if not weights or not outputs else 2 * (elements // outputs) * weights[-1]


@estimated("cdist", "pdist")
def pairwise(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """Count a subtraction, a square and a sum for each coordinate of each pair of points."""
    points = inputs[0] if inputs else ()
    return 3 * elements * points[-1] if points and points[-1] is not None else None


@estimated("einsum", "tensordot")
def product_of_elements(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """Count one product for each element if nothing is summed: torch counts the other products."""
    sizes = [numel(shape) for shape in inputs]
    known = [size for size in sizes if size is not None]
    if node.op == "tensordot" and elements == 1 and known:
        return 2 * max(known)
    summed = math.prod(known) > elements ** max(1, len(known)) or not known
    return None if summed or len(known) < len(sizes) else elements


# ---------------------------------------------------------------------------------------- n log n


@estimated("sort", "argsort", "msort", "topk", "kthvalue", "median", "nanmedian", "mode", "quantile", "nanquantile",
           "unique", "unique_consecutive")  # fmt: skip
def sort(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """Count log2 n comparisons for each element, with n elements along the sorted dimension."""
    values = inputs[0] if inputs else None
    total = numel(values)
    if values is None or total is None:
        return None
    length = _along(node, values) if node.op not in ("unique", "median", "quantile") else total
    return None if length is None else round(total * math.log2(max(2, length)))


@estimated("searchsorted", "bucketize")
def search(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """Count log2 n comparisons for each value, with n boundaries."""
    lengths = [shape[-1] for shape in inputs if shape and shape[-1]]
    return None if not lengths else round(elements * math.log2(max(2, *lengths)))


@estimated("fft_fft", "fft_ifft", "fft_fft2", "fft_ifft2", "fft_fftn", "fft_ifftn", "fft_rfft", "fft_irfft", "fft_rfft2",
           "fft_irfft2", "fft_rfftn", "fft_irfftn", "fft_hfft", "fft_ihfft")  # fmt: skip
def fourier(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """Count 5 n log2 n for a transform of n complex numbers, half of that for real ones."""
    real = node.op.removeprefix("fft_").removeprefix("i").startswith(("r", "h"))
    # The real side holds all numbers; the complex side leaves out the symmetric half.
    signal, spectrum = inputs[0] if inputs else None, node.shapes[0]
    sizes = {shape: numel(shape) for shape in (signal, spectrum) if shape}
    if not sizes or None in sizes.values():
        return None
    whole, total = max(sizes.items(), key=lambda entry: entry[1] or 0)
    dims = _numbers(node, "dim")
    if dims is None:
        dims = [-2, -1] if node.op.endswith("2") else list(range(len(whole))) if node.op.endswith("n") else [-1]
    if any(not -len(whole) <= dim < len(whole) for dim in dims):
        return None
    length = math.prod(whole[dim] or 1 for dim in dims)
    return round((2.5 if real else 5) * (total or 0) * math.log2(max(2, length)))


@estimated("stft", "istft")
def short_fourier(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """Count 2.5 n log2 n for each frame of n real numbers."""
    length = (_numbers(node, "n_fft") or [0])[0]
    spectrum = node.shapes[0] if node.op == "stft" else inputs[0] if inputs else None
    size = numel(spectrum)
    if not inputs or not length or size is None:
        return None
    frames = size / (length // 2 + 1)
    return round(2.5 * frames * length * math.log2(max(2, length)))


# -------------------------------------------------------------------------------- dense linear algebra

_FACTORIZATIONS: dict[str, Callable[[float, float], float]] = {
    # Of an m x n matrix, m >= n; torch returns thin or full factors, the formulas are those of the thin ones.
    **dict.fromkeys(("cholesky", "linalg_cholesky", "linalg_cholesky_ex"), lambda m, n: n**3 / 3),
    **dict.fromkeys(
        ("det", "logdet", "slogdet", "linalg_det", "linalg_slogdet", "lu", "linalg_lu", "linalg_lu_factor"),
        lambda m, n: 2 * n**3 / 3,
    ),
    **dict.fromkeys(
        ("inverse", "linalg_inv", "linalg_inv_ex", "cholesky_inverse"), lambda m, n: 2 * n**3,
    ),
    **dict.fromkeys(("qr", "linalg_qr"), lambda m, n: 4 * m * n**2 - 4 * n**3 / 3),
    **dict.fromkeys(("svd", "linalg_svd", "linalg_pinv", "pinverse"), lambda m, n: 6 * m * n**2 + 20 * n**3),
    **dict.fromkeys(("linalg_svdvals", "linalg_matrix_rank", "linalg_cond"), lambda m, n: 4 * m * n**2 - 4 * n**3 / 3),
    "linalg_eigh": lambda m, n: 9 * n**3,
    "linalg_eigvalsh": lambda m, n: 4 * n**3 / 3,
    "linalg_eig": lambda m, n: 25 * n**3,
    "linalg_eigvals": lambda m, n: 10 * n**3,
}  # fmt: skip


@estimated(*_FACTORIZATIONS)
def factorization(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """Apply the leading-order formula of the dense algorithm to each matrix of a batch."""
    sizes = _matrices(inputs[0]) if inputs else None
    if sizes is None:
        return None
    batch, rows, columns = sizes
    return round(batch * _FACTORIZATIONS[node.op](max(rows, columns), min(rows, columns)))


@estimated("linalg_solve", "linalg_lstsq", "cholesky_solve", "triangular_solve", "linalg_solve_triangular", "lu_solve",
           "linalg_lu_solve")  # fmt: skip
def solve(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """Count the factorization (2/3 n^3, least squares 2 m n^2), and 2 n for each number of the solution."""
    sizes = _matrices(inputs[0]) if inputs else None
    if sizes is None:
        return None
    batch, rows, columns = sizes
    factors = {"linalg_solve": 2 * columns**3 / 3, "linalg_lstsq": 2 * rows * columns**2}.get(node.op, 0)
    return round(batch * factors) + (1 if "triangular" in node.op else 2) * elements * columns


# ------------------------------------------------------------------------------------------------ parts


def _largest(shapes: list[Shape]) -> int | None:
    """Return the elements of the largest tensor; ``None`` if there is none or one is not known."""
    sizes = [numel(shape) for shape in shapes]
    return None if not sizes or None in sizes else max(size for size in sizes if size is not None)


def _matrices(shape: Shape) -> tuple[int, int, int] | None:
    """Return how many matrices a tensor holds, and their rows and columns."""
    total = numel(shape)
    if total is None or len(shape) < 2 or not shape[-2] or not shape[-1]:
        return None
    return total // (shape[-2] * shape[-1]), shape[-2], shape[-1]


def _along(node: Node, shape: Shape) -> int | None:
    """Return the size of the dimension that an op works along: by default the last."""
    dims = _numbers(node, "dim")
    dim = dims[0] if dims else -1
    if not shape:
        return 1
    return shape[dim] if -len(shape) <= dim < len(shape) else None


def _numbers(node: Node, name: str) -> list[int] | None:
    """Return the whole numbers of an argument: ``dim=(-2, -1)`` gives ``[-2, -1]``; ``None`` without it."""
    found = re.search(rf"\b{name}=([(\[]?)([-\d, ]+)", node.args)
    if found is None:
        return None
    numbers = [int(part) for part in found[2].split(",") if part.strip()]
    return numbers if found[1] else numbers[:1]


def _window(node: Node) -> int | None:
    """Return the number of elements of a pooling window, from the op's arguments."""
    dims = 3 if "3d" in node.op else 1 if "1d" in node.op else 2
    found = re.match(r"(?:kernel_size=)?(?:[(\[]([\d, ]+)[)\]]|(\d+)(?=,|$))", node.args.strip())
    if found is None:
        return None
    numbers = [int(part) for part in (found[1] or found[2]).split(",") if part.strip()]
    return math.prod(numbers) if len(numbers) > 1 else numbers[0] ** dims
