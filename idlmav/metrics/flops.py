"""
FLOPs of ops that torch's counter has no formula for: our own leading-order formulas, which need shapes only.

One multiply-add counts as 2, so MACs are half of what is returned here. A comparison, a sum and a product count as 1
each, an evaluated function (exponential, root, sine) as 4. What only moves data counts as 0: it costs memory, not
arithmetic.

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

__all__ = ["ESTIMATES", "MOVES", "estimate", "estimated", "numel"]

MOVES = frozenset({
    "alias", "arange", "as_strided", "as_tensor", "asarray", "atleast_1d", "atleast_2d", "atleast_3d", "bfloat16",
    "block_diag", "bool", "broadcast_tensors", "broadcast_to", "byte", "cartesian_prod", "cat", "channel_shuffle",
    "chunk", "clone", "column_stack", "combinations", "complex", "concat", "concatenate", "conj", "conj_physical",
    "contiguous", "copy", "cpu", "cuda", "data", "detach", "device", "diag", "diag_embed", "diagflat", "diagonal",
    "diagonal_scatter", "double", "dsplit", "dstack", "embedding", "empty", "empty_like", "empty_strided", "expand",
    "expand_as", "eye", "fft_fftshift", "fft_ifftshift", "fill", "fill_diagonal", "flatten", "flip", "fliplr", "flipud",
    "float", "full", "full_like", "gather", "getitem", "half", "hsplit", "hstack", "identity", "imag", "index_copy",
    "index_fill", "index_put", "index_select", "int", "item", "linspace", "logspace", "long", "masked_fill",
    "masked_scatter", "masked_select", "meshgrid", "moveaxis", "movedim", "mT", "narrow", "narrow_copy", "native_channel_shuffle",
    "new_empty", "new_full", "new_ones", "new_tensor", "new_zeros", "one_hot", "ones", "ones_like",
    "pack_padded_sequence", "pad", "pad_packed_sequence", "pad_sequence", "permute", "pixel_shuffle", "pixel_unshuffle",
    "ravel", "real", "repeat", "repeat_interleave", "reshape", "reshape_as", "resolve_conj", "resolve_neg", "roll",
    "rot90", "row_stack", "scalar_tensor", "scatter", "select", "select_scatter", "setitem", "short", "size", "slice",
    "slice_scatter", "split", "split_with_sizes", "squeeze", "stack", "swapaxes", "swapdims", "t", "take",
    "take_along_dim", "tensor", "tensor_split", "tile", "to", "transpose", "tril", "tril_indices", "triu",
    "triu_indices", "type", "type_as", "unbind", "unflatten", "unfold", "unsqueeze", "vander", "view", "view_as",
    "view_as_complex", "view_as_real", "vsplit", "vstack", "zero", "zeros", "zeros_like",
})  # fmt: skip
"""Ops that only move, select, repeat, make or look at data: no arithmetic on elements, so 0 FLOPs, counted."""

Formula = Callable[[Node, "list[Shape]", int], "int | None"]
"""Node, shapes of the tensors and parameters it reads, elements of its first output -> FLOPs; ``None`` if unknown."""
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
    Return the FLOPs of a node for which torch has no formula.

    Parameters
    ----------
    node : Node
        With shapes of its outputs.
    inputs : list of tuple
        Shapes of the tensors that it reads from other nodes, then of its parameters.

    Returns
    -------
    (int or None, str)
        ``(0, "counted")`` for what only moves data, ``(n, "estimated")``, or ``(None, "unknown")``, as for an op
        that failed.
    """
    op = node.op
    if node.kind == "op" and node.status == "failed":
        return None, "unknown"
    if node.kind != "op" or op in MOVES or "identity" in node.notes:
        return 0, "counted"
    formula = ESTIMATES.get(op)
    elements = numel(node.shapes[0]) if node.shapes else None
    found = formula(node, inputs, elements) if formula is not None and elements is not None else None
    return (found, "estimated") if found is not None else (None, "unknown")


@lru_cache(maxsize=1 << 14)
def numel(shape: Shape | None) -> int | None:
    """Return the number of elements of a tensor; ``None`` if a size is unknown."""
    if shape is None or None in shape:
        return None
    return math.prod(shape)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------ so many for each element


def per_output(cost: int, *ops: str) -> None:
    """Register ops that take `cost` operations for each element of their first output."""

    def formula(node: Node, inputs: list[Shape], elements: int) -> int:
        return cost * elements

    estimated(*ops)(formula)


def per_input(cost: int, *ops: str) -> None:
    """Register ops that take `cost` operations for each element of the largest tensor they read."""

    def formula(node: Node, inputs: list[Shape], elements: int) -> int | None:
        largest = _largest(inputs)
        return None if largest is None else cost * largest

    estimated(*ops)(formula)


per_output(
    1, "abs", "add", "bernoulli", "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "ceil", "clamp", "clamp_max", "clamp_min", "clip", "copysign", "cummax", "cummin", "diff", "div", "eq",
    "floor", "floor_divide", "fmax", "fmin", "fmod", "frac", "ge", "greater", "gt", "hardtanh", "heaviside", "isfinite",
    "isinf", "isnan", "isneginf", "isposinf", "kron", "le", "less", "logical_and", "logical_not", "logical_or",
    "logical_xor", "lt", "maximum", "minimum", "mul", "multiply", "nan_to_num", "ne", "neg", "negative", "not_equal",
    "outer", "ger", "positive", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm",
    "reciprocal", "relu", "relu6", "remainder", "round", "rsub", "sgn", "sign", "signbit", "square", "sub", "subtract",
    "threshold", "true_divide", "trunc", "where", "normal", "uniform", "exponential", "multinomial", "poisson", "isclose",
    "cumsum", "cumprod", "index_add", "scatter_add", "scatter_reduce", "index_reduce", "max_unpool1d", "max_unpool2d",
    "max_unpool3d", "fake_quantize_per_tensor_affine", "quantize_per_tensor", "dequantize", "ldexp",
)  # fmt: skip
per_output(
    2, "addcdiv", "addcmul", "addr", "alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d",
    "feature_alpha_dropout", "feature_dropout", "hardshrink", "hardsigmoid", "leaky_relu", "lerp", "prelu", "rrelu",
    "softshrink", "deg2rad", "rad2deg", "batch_norm", "native_batch_norm", "instance_norm",
)  # fmt: skip
per_output(
    4, "acos", "acosh", "angle", "arccos", "arcsin", "arctan", "arctan2", "asin", "asinh", "atan", "atan2", "atanh",
    "celu", "cos", "cosh", "digamma", "elu", "erf", "erfc", "erfinv", "exp", "exp2", "expit", "expm1",
    "float_power", "gelu", "hardswish", "hypot", "lgamma", "log", "log10", "log1p", "log2", "logaddexp", "logcumsumexp",
    "logit", "logsigmoid", "mish", "polar", "pow", "rsqrt", "selu", "sigmoid", "silu", "sin", "sinc", "sinh", "softplus",
    "softsign", "special_expit", "special_logit", "sqrt", "tan", "tanh", "tanhshrink", "xlogy", "glu", "hann_window",
    "hamming_window", "affine_grid",
)  # fmt: skip
# Mean, variance (2), subtract, scale; softmax: maximum, subtract, exponential, sum, divide.
per_output(5, "layer_norm", "group_norm", "native_layer_norm", "native_group_norm", "local_response_norm",
           "softmax", "log_softmax", "softmin", "gumbel_softmax")  # fmt: skip
per_output(4, "rms_norm")  # square, mean, root and scale
per_output(3, "normalize", "renorm")  # square, sum, divide
per_output(6, "cross", "linalg_cross")  # of two vectors of three
per_input(
    1, "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d_with_indices", "all", "allclose", "amax", "amin", "aminmax", "any", "argmax", "argmin", "argwhere",
    "bincount", "count_nonzero", "equal", "fold", "histc", "is_nonzero", "max", "mean", "min", "nanmean", "nansum",
    "nll_loss", "nonzero", "prod", "sum", "trace", "trapezoid", "segment_reduce", "gaussian_nll_loss",
)  # fmt: skip
per_input(2, "norm", "linalg_norm", "linalg_vector_norm", "linalg_matrix_norm", "dist", "hinge_embedding_loss",
          "margin_ranking_loss", "multi_margin_loss", "lp_pool1d", "lp_pool2d", "lp_pool3d")  # fmt: skip
per_input(3, "l1_loss", "mse_loss", "pairwise_distance", "triplet_margin_loss")  # subtract, square or absolute, sum
per_input(4, "std", "std_mean", "var", "var_mean", "smooth_l1_loss", "huber_loss", "poisson_nll_loss")
per_input(6, "cosine_similarity", "logsumexp", "cross_entropy", "kl_div", "cov", "corrcoef", "cosine_embedding_loss")
per_input(10, "binary_cross_entropy", "binary_cross_entropy_with_logits", "soft_margin_loss",
          "multilabel_soft_margin_loss")  # fmt: skip


# -------------------------------------------------------------------------------------- windows, sampling


@estimated("avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "max_pool1d_with_indices",
           "max_pool2d_with_indices", "max_pool3d_with_indices")  # fmt: skip
def pool(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """One operation for each element of each window."""
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
    """One addition for each number of each row that is looked up."""
    *indices, table = inputs or [()]
    looked_up = _largest(indices)
    width = table[-1] if len(table) == 2 else None
    return None if looked_up is None or width is None else looked_up * width


# --------------------------------------------------------------------------- products with a single vector


@estimated("matmul", "mv", "addmv", "dot", "vdot", "inner", "linalg_vecdot")
def vector_product(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """
    Two for each element of the output and of the vector it is summed over.

    torch counts products of matrices; what arrives here has an operand of one dimension.
    """
    if node.op == "linalg_vecdot":
        lengths = [shape[-1] for shape in inputs if shape]
    elif elements == 1 or node.op in ("dot", "vdot"):
        lengths = [shape[0] for shape in inputs if len(shape) == 1]
    else:
        # The result of addmv is as long as the vector that is added.
        matrices = [shape for shape in inputs if len(shape) >= 2]
        lengths = [shape[-1] for shape in matrices] or [shape[0] for shape in inputs if len(shape) == 1]
    return None if not lengths or None in lengths else 2 * elements * max(filter(None, lengths), default=0)


@estimated("bilinear")
def bilinear(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """Two for each pair of input features and each output: the weight is out x in1 x in2."""
    weights = [size for shape in inputs if len(shape) == 3 and (size := numel(shape)) is not None]
    outputs = (node.shapes[0] or (None,))[-1]
    return None if not weights or not outputs else 2 * (elements // outputs) * weights[-1]


@estimated("cdist", "pdist")
def pairwise(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """Subtract, square and sum for each coordinate of each pair of points."""
    width = inputs[0][-1] if inputs and inputs[0] else None
    return None if width is None else 3 * elements * width


@estimated("einsum", "tensordot")
def product_of_elements(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """One for each element where nothing is summed up: torch counts the other products."""
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
    if not inputs or (total := numel(inputs[0])) is None:
        return None
    length = _along(node, inputs[0]) if node.op not in ("unique", "median", "quantile") else total
    return None if length is None else round(total * math.log2(max(2, length)))


@estimated("searchsorted", "bucketize")
def search(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """Count log2 n comparisons for each value, with n boundaries."""
    bounds = [shape[-1] for shape in inputs if shape and shape[-1]]
    return None if not bounds else round(elements * math.log2(max(2, *bounds)))


@estimated("fft_fft", "fft_ifft", "fft_fft2", "fft_ifft2", "fft_fftn", "fft_ifftn", "fft_rfft", "fft_irfft", "fft_rfft2",
           "fft_irfft2", "fft_rfftn", "fft_irfftn", "fft_hfft", "fft_ihfft")  # fmt: skip
def fourier(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """5 n log2 n for a transform of n complex numbers, half of that for real ones."""
    real = node.op.removeprefix("fft_").removeprefix("i").startswith(("r", "h"))
    # The side that holds real numbers has all of them; the other leaves out what is symmetric.
    shapes = [shape for shape in (*inputs[:1], node.shapes[0]) if shape]
    sizes = [size for shape in shapes if (size := numel(shape)) is not None]
    if not sizes or len(sizes) < len(shapes):
        return None
    whole = shapes[sizes.index(max(sizes))]
    dims = _numbers(node, "dim")
    if dims is None:
        dims = [-2, -1] if node.op.endswith("2") else list(range(len(whole))) if node.op.endswith("n") else [-1]
    if any(not -len(whole) <= dim < len(whole) for dim in dims):
        return None
    length = math.prod(whole[dim] or 1 for dim in dims)
    return round((2.5 if real else 5) * max(sizes) * math.log2(max(2, length)))


@estimated("stft", "istft")
def short_fourier(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """2.5 n log2 n for each frame of n real numbers."""
    length = (_numbers(node, "n_fft") or [0])[0]
    spectrum = numel(node.shapes[0] if node.op == "stft" else inputs[0]) if inputs else None
    if not length or spectrum is None:
        return None
    return round(2.5 * (spectrum / (length // 2 + 1)) * length * math.log2(max(2, length)))


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
    """Leading-order formulas of the dense algorithms, for each matrix of a batch."""
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
    """Return the size of the dimension that an op works along: the last one if it names none."""
    dims = _numbers(node, "dim")
    dim = dims[0] if dims else -1
    if not shape:
        return 1
    return shape[dim] if -len(shape) <= dim < len(shape) else None


def _numbers(node: Node, name: str) -> list[int] | None:
    """Return the whole numbers of an argument: ``dim=(-2, -1)`` gives ``[-2, -1]``; ``None`` if it is not given."""
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
