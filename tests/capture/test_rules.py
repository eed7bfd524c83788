"""Every shape rule agrees with torch's own kernels, on the meta device and for real, over a grid of arguments."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from idlmav.capture.record.classify import function_name
from idlmav.capture.shapes.rules import RULES, RuleError
from idlmav.capture.shapes.rules.registry import rule
from idlmav.capture.shapes.torch_flops import FlopMode

Case = tuple[tuple[Any, ...], dict[str, Any]]


def layouts(*shape: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """One tensor of a shape in several memory layouts."""
    full = torch.ones(shape, dtype=dtype)
    found = [full]
    if len(shape) >= 2:
        found.append(torch.ones(*shape[:-2], shape[-1], shape[-2], dtype=dtype).transpose(-1, -2))
        found.append(torch.ones(*shape[:-1], 1, dtype=dtype).expand(shape))
        found.append(torch.ones(*shape[:-1], 2 * shape[-1], dtype=dtype)[..., ::2])
    if len(shape) == 4:
        found.append(full.to(memory_format=torch.channels_last))
    return found


FLOATS = [
    *layouts(2, 3, 4, 5),
    *layouts(3, 4),
    torch.ones(()),
    torch.ones(0, 3),
    *layouts(2, 3, dtype=torch.float64),
    torch.ones(2, 4).half(),
]
WHOLE = [torch.ones(3, 4, dtype=torch.int64), torch.ones(4, dtype=torch.bool), torch.ones(2, 3, dtype=torch.uint8)]


def pointwise_cases() -> Iterator[Case]:
    for x in (*FLOATS, *WHOLE):
        yield (x,), {}


def binary_cases() -> Iterator[Case]:
    pairs = [
        *itertools.product(layouts(2, 3, 4, 4), layouts(2, 3, 4, 4)),
        *itertools.product(layouts(2, 3, 4, 5), [torch.ones(5), torch.ones(3, 1, 1), torch.ones(1, 1, 4, 1), torch.ones(())]),
        (torch.ones(5), torch.ones(2, 5)), (torch.ones(2, 1, 4), torch.ones(3, 1)), (torch.ones(2, 3), torch.ones(2, 4)),
        *itertools.product([torch.ones(2, 3), torch.ones(3), torch.ones(2, 3).double()], WHOLE[2:]),
        (torch.ones(2, 3, dtype=torch.int64), torch.ones(2, 3, dtype=torch.int32)), (torch.ones(0, 3), torch.ones(3)),
        (WHOLE[1], WHOLE[1]),
    ]  # fmt: skip
    for left, right in pairs:
        yield (left, right), {}
        yield (right, left), {}
    for x, number in itertools.product([*FLOATS, *WHOLE], [2, 2.5, True]):
        yield (x, number), {}


def image_cases(*arguments: Case) -> Iterator[Case]:
    for dims in (1, 2, 3):
        for x in layouts(2, 4, *(9, 8, 7)[:dims]):
            for args, kwargs in arguments:
                yield (x, *args), kwargs


def window_cases() -> Iterator[Case]:
    yield from image_cases(
        ((2,), {}), ((3, 2, 1), {}), ((3,), {"stride": 1, "padding": 1}), ((9,), {}), ((2, 2, 2), {})
    )
    yield from image_cases(((2,), {"ceil_mode": True}), ((2, []), {}))


def convolution_cases(transposed: bool) -> Iterator[Case]:
    for dims, kernel in itertools.product((1, 2, 3), (1, 3)):
        kernels = (kernel,) * dims
        for x in layouts(2, 4, *(9, 8, 7)[:dims]):
            weight, bias = torch.ones(4, 4, *kernels), torch.ones(4)
            yield (x, weight), {}
            yield (x, weight, bias, 2, 1), {}
            yield (x, weight, bias), {"stride": (2,) * dims, "padding": (1,) * dims, "dilation": 2}
            yield (x, weight[:, :3]), {}
            yield (x, weight.double()), {}
            yield (x, weight, torch.ones(3)), {}
            yield (x.double(), weight.double(), bias), {}
            if transposed:
                yield (x, weight, None, 2, 1, 1), {}
            else:
                yield (x, torch.ones(6, 2, *kernels), None, 1, 0, 1, 2), {}
                yield (x, weight), {"padding": "same"}


def matrix_cases() -> Iterator[Case]:
    shapes = [
        ((2, 3), (3, 4)),
        ((5, 2, 3), (5, 3, 4)),
        ((5, 2, 3), (3, 4)),
        ((2, 1, 2, 3), (1, 5, 3, 4)),
        ((3,), (3, 4)),
        ((2, 3), (4, 3)),
        ((2, 3), (5, 3, 4)),
        ((0, 3), (3, 4)),
    ]
    for left, right in shapes:
        for a, b in itertools.product(layouts(*left), layouts(*right)):
            yield (a, b), {}
        yield (torch.ones(left), torch.ones(right).double()), {}


def linear_cases() -> Iterator[Case]:
    for x, bias in itertools.product(
        [*layouts(2, 3), *layouts(2, 5, 3), torch.ones(3), torch.ones(2, 4), torch.ones(2, 3).double()],
        [None, torch.ones(4), torch.ones(3)],
    ):
        yield (x, torch.ones(4, 3), bias), {}


def addmm_cases() -> Iterator[Case]:
    for bias in (torch.ones(4), torch.ones(2, 4), torch.ones(3), torch.ones(()), torch.ones(1, 2, 4)):
        yield (bias, torch.ones(2, 3), torch.ones(3, 4)), {}
        yield (bias, torch.ones(2, 3), torch.ones(4, 3)), {"beta": 2}


def attention_cases() -> Iterator[Case]:
    for heads, mask in itertools.product(
        (4, 2), (None, torch.ones(5, 6, dtype=torch.bool), torch.ones(2, 1, 5, 6), torch.ones(4, 6))
    ):
        q, k, v = torch.ones(2, 4, 5, 8), torch.ones(2, heads, 6, 8), torch.ones(2, heads, 6, 3)
        yield (q, k, v), {"attn_mask": mask}
        yield (q, k, k), {"attn_mask": mask, "enable_gqa": True}
        yield (q, k, k, mask), {"is_causal": True}
    yield (torch.ones(2, 5, 8), torch.ones(2, 6, 8), torch.ones(2, 6, 8)), {}
    yield (torch.ones(2, 5, 8), torch.ones(2, 6, 7), torch.ones(2, 6, 8)), {}


def multi_head_cases() -> Iterator[Case]:
    own = (8, 2, torch.ones(24, 8), torch.ones(24), None, None, False, 0.0, torch.ones(8, 8), torch.ones(8))
    for batch in ((), (3,)):
        q, k = torch.ones(5, *batch, 8), torch.ones(6, *batch, 8)
        yield (q, k, k, *own), {}
        yield (q, k, k, *own), {"need_weights": False, "attn_mask": torch.ones(5, 6)}
        yield (q, k, k, *own), {"average_attn_weights": False}
        yield (q, k, k, *own), {"key_padding_mask": torch.zeros(*batch, 6, dtype=torch.bool)}
        yield (q, q[:3], k, *own), {}
    yield (torch.ones(5, 3, 8), torch.ones(6, 2, 8), torch.ones(6, 2, 8), *own), {}


def recurrent_cases(gates: int, has_cell: bool) -> Iterator[Case]:
    for layers, directions, biased, first in itertools.product((1, 2), (1, 2), (True, False), (True, False)):
        weights = []
        for layer in range(layers):
            for _ in range(directions):
                weights += [torch.ones(gates * 5, 4 if layer == 0 else 5 * directions), torch.ones(gates * 5, 5)]
                weights += [torch.ones(gates * 5), torch.ones(gates * 5)] if biased else []
        state = torch.ones(layers * directions, 3, 5)
        for sizes in ([3, 2, 2], [3]):
            packed = (torch.ones(sum(sizes), 4), torch.tensor(sizes), (state, state) if has_cell else state)
            yield (*packed, weights, biased, layers, 0.0, False, directions == 2), {}
        for batch in (3, 2):
            x = torch.ones(batch, 7, 4) if first else torch.ones(7, batch, 4)
            yield (
                (x, (state, state) if has_cell else state, weights, biased, layers, 0.0, False, directions == 2, first),
                {},
            )


def norm_cases() -> Iterator[Case]:
    for x in (*layouts(2, 3, 4, 5), *layouts(3, 5), torch.ones(3, 4, 5).double()):
        yield (x, (5,)), {}
        yield (x, (5,), torch.ones(5)), {}
        yield (x, tuple(x.shape[-2:]), torch.ones(x.shape[-2:], dtype=x.dtype)), {}
        yield (x, (4,)), {}


def batch_norm_cases() -> Iterator[Case]:
    for x in (*layouts(2, 3, 4, 5), *layouts(2, 3), torch.ones(1, 3), torch.ones(3), torch.ones(2, 4)):
        for training in (True, False):
            yield (x, torch.ones(3), torch.ones(3), torch.ones(3), torch.ones(3), training), {}
            yield (x, None, None), {"training": training}


def group_norm_cases() -> Iterator[Case]:
    for x, groups in itertools.product((*layouts(2, 4, 3, 5), torch.ones(2, 4), torch.ones(2, 3, 5)), (1, 2, 4)):
        yield (x, groups), {}
        yield (x, groups, torch.ones(4), torch.ones(4)), {}


def dim_cases() -> Iterator[Case]:
    for x, dim in itertools.product([*layouts(2, 3, 4, 5), *layouts(3, 4), torch.ones(()), WHOLE[0]], (0, 1, -1, 5)):
        yield (x, dim), {}
        yield (x,), {"dim": dim}
        yield (x, dim), {"dtype": torch.float64}


def reduce_cases() -> Iterator[Case]:
    for x, dim in itertools.product(
        [*layouts(2, 3, 4, 5), *WHOLE[:1], torch.ones(3).half()], (0, -1, (1, 2), [-1, 0], (), None, (0, 0), 7)
    ):
        if dim is None:
            yield (x,), {}
        else:
            yield (x, dim), {}
            yield (x, dim, True), {}
            yield (x,), {"dim": dim, "keepdim": True}


def list_cases() -> Iterator[Case]:
    for x, dim in itertools.product(
        [*layouts(2, 3, 4, 5), *layouts(2, 3, 4), *layouts(3, 4), torch.ones(3), WHOLE[0]], (0, 1, -1, 4)
    ):
        yield ([x, x], dim), {}
        yield ((x, x.contiguous(), x),), {"dim": dim}
    yield ([torch.ones(2, 3), torch.ones(2, 5)], 1), {}
    yield ([torch.ones(2, 3), torch.ones(4, 5)], 1), {}
    yield ([torch.ones(2, 3), torch.ones(2, 3).double()], 1), {}
    yield ([torch.ones(0), torch.ones(2, 3)], 1), {}


def where_cases() -> Iterator[Case]:
    mask = torch.ones(3, 4, dtype=torch.bool)
    for left, right in (
        (torch.ones(3, 4), torch.ones(4)),
        (torch.ones(3, 4), 0.0),
        (1, torch.ones(2, 3, 4)),
        (torch.ones(4).double(), torch.ones(3, 4)),
        (torch.ones(5), 1.0),
    ):
        yield (mask, left, right), {}


def method_where_cases() -> Iterator[Case]:
    for _, (args, kwargs) in enumerate(where_cases()):
        if isinstance(args[1], Tensor):
            yield (args[1], args[0], args[2]), kwargs


CASES: dict[str, Callable[[], Iterator[Case]]] = {
    **dict.fromkeys(("add", "sub", "mul", "div", "maximum", "minimum", "multiply", "subtract", "true_divide", "divide", "atan2", "pow", "eq", "ne",
                     "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "greater", "less", "greater_equal", "less_equal",
                     "not_equal", "and", "or", "xor", "rand", "ror", "bitwise_and", "bitwise_or", "bitwise_xor", "radd", "rsub", "rmul",
                     "truediv", "rtruediv", "rdiv", "rpow"), binary_cases),
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d"), window_cases),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), lambda: convolution_cases(False)),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), lambda: convolution_cases(True)),
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"),
                    lambda: image_cases(((1,), {}), ((3,), {}), (((2, 3),), {}), (((None, 2),), {}), (((2, 3, 4),), {}))),
    **dict.fromkeys(("matmul", "bmm", "mm"), matrix_cases), "rmatmul": lambda: ((args[::-1], kwargs) for args, kwargs in matrix_cases()),
    **dict.fromkeys(("softmax", "log_softmax", "softmin"), dim_cases),
    **dict.fromkeys(("mean", "sum"), reduce_cases),
    **dict.fromkeys(("cat", "concat", "concatenate", "stack"), list_cases),
    **dict.fromkeys(("layer_norm", "rms_norm"), norm_cases),
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"),
                    lambda: (((x, 0.3, training), {}) for x in (torch.ones(2, 3), torch.ones(2, 3, 4), torch.ones(2, 3, 4, 4).transpose(1, 2), torch.ones(1, 2, 3, 4, 5)) for training in (True, False))),
    **dict.fromkeys(("clamp", "clip"), lambda: (((x, *b), {}) for x in FLOATS for b in ((0, 1), (None, 1.0), (torch.ones(()),)))),
    **dict.fromkeys(("clamp_min", "clamp_max"), lambda: (((x, b), {}) for x in FLOATS for b in (0, 1.5, torch.ones(())))),
    "roll": lambda: (((x, *a), {}) for x in (*layouts(2, 3, 4, 5), WHOLE[0]) for a in ((1, 1), ((1, 2), (0, 1)), (1,), (1, 7), ((1, 2), (0,)))),
    "linear": linear_cases, "addmm": addmm_cases, "scaled_dot_product_attention": attention_cases,
    "multi_head_attention_forward": multi_head_cases, "lstm": lambda: recurrent_cases(4, True), "gru": lambda: recurrent_cases(3, False),
    "rnn_tanh": lambda: recurrent_cases(1, False), "rnn_relu": lambda: recurrent_cases(1, False),
    "batch_norm": batch_norm_cases, "group_norm": group_norm_cases, "where": where_cases,
    "masked_fill": lambda: (((x, torch.ones(shape, dtype=torch.bool), 0.0), {}) for x in layouts(3, 4) for shape in ((3, 4), (4,), (2, 3, 4), (5,))),
    "embedding": lambda: (((ids, torch.ones(10, 4)), kw) for ids in (*layouts(2, 3, dtype=torch.int64), torch.ones((), dtype=torch.int32)) for kw in ({}, {"padding_idx": 1}, {"padding_idx": 11})),
    "getitem": lambda: (((x, index), {}) for x in layouts(3, 4) for index in (torch.ones(2, 2, dtype=torch.int64), torch.ones(3, dtype=torch.bool), 1, torch.tensor(1))),
}  # fmt: skip


def cases_of(function: Any) -> Iterator[Case]:
    name = function_name(function)
    if function is Tensor.where:
        return method_where_cases()
    return CASES.get(name.strip("_").removeprefix("special_"), pointwise_cases)()


def on_meta(value: Any) -> Any:
    if isinstance(value, Tensor):
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
    return type(value)(map(on_meta, value)) if isinstance(value, (list, tuple)) else value


def signature(value: Any, strides: bool) -> Any:
    """Shapes, types and those strides that matter."""
    if isinstance(value, (list, tuple)):
        return [signature(item, strides) for item in value]
    if value is None:
        return None
    kept = (
        [stride for size, stride in zip(value.shape, value.stride(), strict=True) if size > 1]
        if strides and value.numel()
        else []
    )
    return tuple(value.shape), value.dtype, kept


def outcome(function: Any, args: Any, kwargs: Any) -> Any:
    """What a call returns, or the exception."""
    try:
        return FlopMode().count(function, args, kwargs)
    except Exception as error:  # noqa: BLE001 - the kind of error is what is compared
        return error


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "function", RULES, ids=lambda function: f"{getattr(function, '__module__', '')}.{function_name(function)}"
)
def test_rule_agrees_with_the_kernels(function: Any) -> None:
    answered = 0
    for args, kwargs in cases_of(function):
        on_meta_args, on_meta_kwargs = on_meta(args), {key: on_meta(value) for key, value in kwargs.items()}
        real = outcome(function, args, kwargs)
        try:
            answer = RULES[function](*on_meta_args, **on_meta_kwargs)
        except RuleError:
            assert isinstance(real, Exception), (args, kwargs)
            continue
        except (TypeError, AttributeError, IndexError, ValueError):
            continue  # as in `Kernels`: the kernel decides
        if answer is None:
            continue
        answered += 1
        assert not isinstance(real, Exception), (args, kwargs, real)
        what = [(tuple(x.shape), x.stride(), x.dtype) if isinstance(x, Tensor) else x for x in args], kwargs
        assert signature(answer[0], True) == signature(real[0], True), what
        meta = outcome(function, on_meta_args, on_meta_kwargs)
        if not isinstance(meta, Exception):
            assert signature(answer[0], False) == signature(meta[0], False), what
            assert answer[1] == meta[1], what
    assert answered, "the rule never answers"


def test_no_function_has_two_rules() -> None:
    with pytest.raises(ValueError, match="two shape rules"):
        rule(F.linear)(lambda: None)
