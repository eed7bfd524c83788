"""
Quantized layers of classes that nobody has seen: one op each, with the weights that it stands for (issue 12, point 7).

The truth beside our numbers is the layer that was quantized: its `torch.nn` original has so many parameters, so many
FLOPs under torch's counter, and the bytes are those of the tensors that the test itself packed.
"""

from __future__ import annotations

import warnings
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

OUT, IN = 32, 48
X = torch.randn(5, 7, IN)


def graph_of(model: nn.Module, *args: Any) -> Graph:
    return complete(capture(model, args))


def ops(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes if node.kind == "op"]


def float_flops(model: nn.Module, *args: Tensor) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(*args)
    return counter.get_total_flops()


def quantized(weight: Tensor) -> tuple[Tensor, Tensor]:
    scale = weight.detach().abs().amax(1, keepdim=True) / 7
    return (weight.detach() / scale).round().to(torch.int8), scale


def nibbles(values: Tensor, dim: int) -> Tensor:
    """Pack two 4-bit numbers into each byte."""
    low, high = (values + 8).to(torch.uint8).chunk(2, dim)
    return low | (high << 4)


# ------------------------------------------------------------------------------------------ tensors


class Flattens(Tensor):
    """A wrapper that torch.compile could trace: with `__tensor_flatten__`, only `__torch_dispatch__` overridden."""

    data_: Tensor
    scale_: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, data: Tensor, scale: Tensor) -> Any:
        return Tensor._make_wrapper_subclass(cls, data.shape, dtype=scale.dtype, device=data.device)

    def __init__(self, data: Tensor, scale: Tensor) -> None:
        self.data_, self.scale_ = data, scale

    def __tensor_flatten__(self) -> Any:
        return ["data_", "scale_"], None

    @classmethod
    def __tensor_unflatten__(cls, inner: Any, context: Any, size: Any, stride: Any) -> Any:
        return cls(inner["data_"], inner["scale_"])

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return "Flattens()"

    def full(self) -> Tensor:
        return self.data_.to(self.scale_.dtype) * self.scale_

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.ops.aten.detach.default, torch.ops.aten.alias.default):
            return cls(args[0].data_, args[0].scale_)
        args = [x.full() if isinstance(x, cls) else x for x in args]
        return func(*args, **(kwargs or {}))


class Opaque(Flattens):
    """The same without the protocol: nothing tells what it holds but its attributes."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]
    __tensor_flatten__ = property()  # type: ignore[assignment]
    __tensor_unflatten__ = property()  # type: ignore[assignment]


class Functional(Flattens):
    """A wrapper that overrides torch functions and calls them again: without care an endless recursion."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.linear:
            x, weight, *rest = args
            assert isinstance(weight, cls), "the weight is of this class"
            return F.linear(x, weight.data_.to(x.dtype), *rest) * 1.0 if not rest else func(x, weight.full(), *rest)
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))


class Packed(Tensor):
    """Half as many bytes as numbers, in the tensor's own memory: its shape is not that of the weight."""

    scale_: Tensor

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.linear:
            x, weight, *rest = args
            raw = weight.as_subclass(Tensor)
            full = torch.cat([raw & 15, raw >> 4], 0).to(x.dtype) - 8
            return F.linear(x, full * weight.scale_, *rest)
        return super().__torch_function__(func, types, args, kwargs or {})


def packed_rows(weight: Tensor) -> Tensor:
    values, scale = quantized(weight)
    made = nibbles(values, 0).as_subclass(Packed)
    made.scale_ = scale
    return made


TENSORS: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
    "flattens": (lambda weight: Flattens(*quantized(weight)), OUT * IN + 4 * OUT),
    "opaque": (lambda weight: Opaque(*quantized(weight)), OUT * IN + 4 * OUT),
    "functional": (lambda weight: Functional(*quantized(weight)), OUT * IN + 4 * OUT),
    "nested": (lambda w: Flattens(Flattens(quantized(w)[0], torch.ones(OUT, 1)), quantized(w)[1]), OUT * IN + 8 * OUT),
    "packed": (packed_rows, OUT * IN // 2 + 4 * OUT),
}


@pytest.mark.parametrize("name", TENSORS)
@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_with_a_wrapped_weight_is_one_op(name: str, bias: bool) -> None:
    """Reported of torchao and optimum-quanto: a layer is torn apart, or ends in a RecursionError."""
    wrap, stored = TENSORS[name]
    original = nn.Linear(IN, OUT, bias)
    layer = nn.Linear(IN, OUT, bias)
    wrapped = wrap(original.weight)
    layer.weight = nn.Parameter(wrapped, requires_grad=False)
    layer.weight.__dict__.update(vars(wrapped))
    graph = graph_of(nn.Sequential(layer, nn.ReLU()), X)
    assert not graph.errors
    assert [node.op for node in ops(graph)] == ["linear", "relu"]
    op = ops(graph)[0]
    assert op.shapes == ((5, 7, OUT),)
    assert op.operation == "nn.Linear"
    assert (op.flops, op.flops_source) == (float_flops(original, X), "counted")
    assert set(op.params) == {"0.weight", "0.bias"} if bias else {"0.weight"}
    assert graph.totals.param_count == sum(p.numel() for p in original.parameters())
    assert graph.totals.param_bytes == stored + (4 * OUT if bias else 0)
    info = next(p for p in graph.parameters if p.name == "0.weight")
    assert type(layer.weight).__name__ in info.scheme
    assert info.scheme in op.args


@pytest.mark.parametrize("name", ["flattens", "opaque", "functional"])
@pytest.mark.parametrize(
    "use",
    [lambda x, w: F.linear(x, w), lambda x, w: x @ w.t(), lambda x, w: torch.matmul(x, w.transpose(0, 1))],
    ids=["linear", "t", "transpose"],
)
def test_a_wrapped_weight_may_be_used_directly(name: str, use: Callable[[Tensor, Tensor], Tensor]) -> None:
    class Uses(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(IN, IN)
            self.w = nn.Parameter(TENSORS[name][0](torch.randn(OUT, IN)), requires_grad=False)

        def forward(self, x: Tensor) -> Tensor:
            return use(self.first(x), self.w)

    graph = graph_of(Uses(), X)
    assert not graph.errors
    assert graph.totals.flops_unknown == 0
    assert graph.totals.flops == 2 * 35 * IN * IN + 2 * 35 * IN * OUT
    assert graph.totals.param_bytes == 4 * (IN * IN + IN) + TENSORS[name][1]
    assert "w" in {name for node in graph.nodes for name in node.params}


def test_an_error_with_a_wrapped_weight_is_found_at_its_op() -> None:
    layer = nn.Linear(IN, OUT)
    layer.weight = nn.Parameter(TENSORS["functional"][0](layer.weight), requires_grad=False)
    graph = graph_of(nn.Sequential(nn.ReLU(), layer), torch.randn(3, IN + 1))
    assert [failure.node for failure in graph.errors] == ["1"]
    assert "49" in graph.errors[0].message


def test_a_class_that_only_watches_is_no_wrapper() -> None:
    """A tensor of a user's class that holds no others goes its own way, its ops are seen."""

    class Watches(Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return super().__torch_function__(func, types, args, kwargs or {})

    layer = nn.Linear(IN, OUT)
    layer.weight = nn.Parameter(layer.weight.detach().as_subclass(Watches))
    graph = graph_of(layer, X)
    assert not graph.errors
    assert graph.totals.flops == 2 * 35 * IN * OUT
    assert all(not p.scheme and p.stored_bytes is None for p in graph.parameters)


# ------------------------------------------------------------------------------------------ layers


class Int32Layer(nn.Module):
    """As GPTQ stores it: 4-bit numbers along the input in int32, with zeros, scales and an index, all buffers."""

    def __init__(self, source: nn.Linear, sizes: tuple[str, str] | None = ("in_features", "out_features")) -> None:
        super().__init__()
        if sizes is not None:
            setattr(self, sizes[0], source.in_features)
            setattr(self, sizes[1], source.out_features)
        values, scale = quantized(source.weight)
        codes = (values + 8).to(torch.int32).t()  # in x out
        packed = sum((codes[i::8] << (4 * i) for i in range(1, 8)), codes[0::8])  # type: ignore[arg-type]
        self.register_buffer("qweight", packed)
        self.register_buffer("scales", scale.t().contiguous())
        self.register_buffer("qzeros", torch.zeros(1, OUT // 8, dtype=torch.int32))
        self.register_buffer("g_idx", torch.zeros(IN, dtype=torch.int32))
        self.bias = source.bias

    def unpack(self) -> Tensor:
        shifts = torch.arange(0, 32, 4, dtype=torch.int32)
        codes = (self.qweight.unsqueeze(1) >> shifts.view(1, 8, 1)) & 15
        return (codes.reshape(IN, OUT).to(self.scales.dtype) - 8) * self.scales

    def forward(self, x: Tensor) -> Tensor:
        out = torch.matmul(x.reshape(-1, x.shape[-1]), self.unpack())
        out = out if self.bias is None else out + self.bias
        return out.reshape(*x.shape[:-1], OUT)


class NumpyKernel(Int32Layer):
    """A kernel outside of torch: it reads memory, which meta tensors have not."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(x.detach().numpy() @ self.unpack().numpy()) + self.bias


class NeedsCuda(Int32Layer):
    """A kernel that does not run here at all."""

    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("CUDA driver not found")


class Float8(nn.Module):
    """As transformers stores FP8: a plain parameter of 8 bits and a frozen scale."""

    def __init__(self, source: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = source.in_features, source.out_features
        self.weight = nn.Parameter(source.weight.detach().to(torch.float8_e4m3fn), requires_grad=False)
        self.weight_scale_inv = nn.Parameter(torch.ones(OUT, 1), requires_grad=False)
        self.bias = source.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype) * self.weight_scale_inv, self.bias)


class InDictionary(nn.Module):
    """As HQQ: packed numbers as a parameter, the rest in a dictionary that nothing registers."""

    def __init__(self, source: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = source.in_features, source.out_features
        values, scale = quantized(source.weight)
        self.W_q = nn.Parameter(nibbles(values, 0), requires_grad=False)
        self.meta = {"nbits": 4, "scale": scale, "shape": tuple(values.shape)}
        self.bias = source.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        full = torch.empty(self.meta["shape"])
        full[: OUT // 2] = (self.W_q & 15).float() - 8
        full[OUT // 2 :] = (self.W_q >> 4).float() - 8
        return torch.matmul(x, (full * self.meta["scale"]).t()) + self.bias


PACKED = OUT * IN // 2
LAYERS: dict[str, tuple[Callable[[nn.Linear], nn.Module], int, str]] = {
    "int32": (Int32Layer, PACKED + 4 * OUT + OUT // 2 + 4 * IN + 4 * OUT, "qweight"),
    "other words": (lambda s: Int32Layer(s, ("infeatures", "outfeatures")), PACKED + 4 * OUT + OUT // 2 + 4 * IN + 4 * OUT, "qweight"),
    "no words": (lambda s: Int32Layer(s, None), PACKED + 4 * OUT + OUT // 2 + 4 * IN + 4 * OUT, "qweight"),
    "numpy": (NumpyKernel, PACKED + 4 * OUT + OUT // 2 + 4 * IN + 4 * OUT, "qweight"),
    "cuda": (NeedsCuda, PACKED + 4 * OUT + OUT // 2 + 4 * IN + 4 * OUT, "qweight"),
    "float8": (Float8, OUT * IN + 4 * OUT + 4 * OUT, "weight"),
    "dictionary": (InDictionary, PACKED + 4 * OUT + 4 * OUT, "W_q"),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_with_packed_weights_is_one_op(name: str) -> None:
    """Reported of bitsandbytes, HQQ and GPTQ layers: half of the parameters, five boxes each."""
    make, stored, weight = LAYERS[name]
    original = nn.Linear(IN, OUT)
    graph = graph_of(nn.Sequential(nn.ReLU(), make(original)), X)
    assert not graph.errors
    assert [node.op for node in ops(graph)] == ["relu", "linear"]
    op = ops(graph)[1]
    assert op.shapes == ((5, 7, OUT),)
    assert (op.flops, op.flops_source) == (float_flops(original, X), "counted")
    assert f"1.{weight}" in op.params
    assert op.param_count == graph.totals.param_count == graph.totals.param_reached == OUT * IN + OUT
    assert graph.totals.param_bytes + graph.totals.buffer_bytes == stored
    info = next(p for p in graph.parameters if p.name == f"1.{weight}")
    assert info.shape == (OUT, IN)
    assert not info.buffer
    assert ("float8_e4m3fn" if name == "float8" else "4-bit") in info.scheme
    assert info.scheme in op.args


def test_a_wrong_width_is_an_error_of_the_packed_layer() -> None:
    layer = Int32Layer(nn.Linear(IN, OUT))
    x = torch.randn(5, IN + 8)
    with pytest.raises(RuntimeError) as real:
        layer(x)
    graph = graph_of(nn.Sequential(layer, nn.ReLU()), x)
    assert [(failure.path, failure.message) for failure in graph.errors] == [("0", str(real.value))]


def test_a_packed_layer_keeps_its_place() -> None:
    """Called twice, inside an adapter, never called: parameters count once, in the layer that holds them."""

    class Adapted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.base_layer = Int32Layer(nn.Linear(IN, OUT))
            self.down, self.up = nn.Linear(IN, 4, False), nn.Linear(4, OUT, False)
            self.idle = Int32Layer(nn.Linear(IN, OUT))

        def forward(self, x: Tensor) -> Tensor:
            return self.base_layer(x) + self.up(self.down(x)) + self.base_layer(x)

    graph = graph_of(Adapted(), X)
    assert [node.op for node in ops(graph)] == ["linear", "linear", "linear", "add", "linear", "add"]
    assert [module.path for module in graph.unreached] == ["idle"]
    assert graph.totals.param_count == 2 * (OUT * IN + OUT) + 4 * (IN + OUT)
    assert graph.module_by_path["base_layer"].param_count == OUT * IN + OUT
    assert graph.module_by_path["base_layer"].flops == 2 * 2 * 35 * OUT * IN
    assert ("down", "up") in {(edge.source, edge.target) for edge in graph.edges}


class PackedConv(nn.Module):
    def __init__(self, source: nn.Conv2d) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.kernel_size, self.groups = 8, 16, (3, 3), 1
        self.register_buffer("codes", (source.weight.detach() * 10).round().to(torch.int8))
        self.register_buffer("scale", torch.ones(16, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.codes.to(x.dtype) * self.scale, padding=1)


class PackedTable(nn.Module):
    def __init__(self, source: nn.Embedding) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = 50, 16
        self.register_buffer("codes", nibbles((source.weight.detach()).round().clamp(-8, 7).to(torch.int8), 1))
        self.register_buffer("scale", torch.ones(50, 1))

    def forward(self, ids: Tensor) -> Tensor:
        raw = self.codes[ids]
        return (torch.cat([raw & 15, raw >> 4], -1).float() - 8) * self.scale[ids]


def test_a_packed_convolution_and_a_packed_table_are_one_op_each() -> None:
    source = nn.Conv2d(8, 16, 3, padding=1, bias=False)
    x = torch.randn(2, 8, 9, 9)
    graph = graph_of(PackedConv(source), x)
    (op,) = ops(graph)
    assert (op.op, op.flops, op.param_count) == ("conv2d", float_flops(source, x), source.weight.numel())
    ids = torch.randint(0, 50, (2, 6))
    (op,) = ops(graph_of(PackedTable(nn.Embedding(50, 16)), ids))
    assert (op.op, op.shapes, op.param_count, op.flops) == ("embedding", ((2, 6, 16),), 800, 0)


def dynamic(model: nn.Module, kind: type[nn.Module]) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: nn.Module = torch.ao.quantization.quantize_dynamic(model, {kind}, dtype=torch.qint8)
    return made


@pytest.mark.parametrize(
    ("kind", "make", "args"),
    [
        (nn.Linear, lambda: nn.Linear(IN, OUT), (X,)),
        (nn.LSTM, lambda: nn.LSTM(IN, OUT), (X,)),
        (nn.LSTM, lambda: nn.LSTM(IN, OUT, num_layers=2, bidirectional=True), (X,)),
        (nn.GRU, lambda: nn.GRU(IN, OUT), (X,)),
    ],
    ids=["linear", "lstm", "deep lstm", "gru"],
)
def test_packed_objects_of_torch_show_what_they_hold(kind: Any, make: Callable[[], nn.Module], args: Any) -> None:
    """Reported of torch.ao: none of a quantized layer's parameters are seen."""
    original = make()
    graph = graph_of(dynamic(nn.Sequential(original), kind), *args)
    assert not graph.errors
    assert len(ops(graph)) == 1
    assert not graph.unreached
    assert graph.totals.param_count == sum(p.numel() for p in original.parameters())
    matrices = [p.numel() for p in original.parameters() if p.dim() == 2]
    assert graph.totals.flops == 2 * 35 * sum(matrices)
    assert graph.totals.param_bytes == sum(matrices) + 4 * (graph.totals.param_count - sum(matrices))


# ------------------------------------------------------------------------------------------ neighbours


class Masked(nn.Module):
    """A float weight with a mask of whole numbers: nothing is quantized."""

    def __init__(self) -> None:
        super().__init__()
        self.in_features, self.out_features = IN, OUT
        self.weight = nn.Parameter(torch.randn(OUT, IN))
        self.register_buffer("mask", torch.ones(OUT, IN, dtype=torch.uint8))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.mask)


class Causal(nn.Module):
    """A core of attention with a mask of bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", torch.ones(IN, IN, dtype=torch.uint8).tril())

    def forward(self, x: Tensor) -> Tensor:
        scores = x @ x.transpose(1, 2)
        return scores.masked_fill(self.mask[:7, :7] == 0, -1e9).softmax(-1) @ x


class Relative(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(13, IN))
        self.register_buffer("index", torch.randint(0, 13, (7, 7)).int())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[self.index].mean(0)


@pytest.mark.parametrize(
    ("model", "count"), [(Masked(), 2), (Causal(), 7), (Relative(), 3)], ids=["masked", "causal", "relative"]
)
def test_whole_numbers_beside_float_weights_do_not_quantize(model: nn.Module, count: int) -> None:
    graph = graph_of(model, X)
    assert len(ops(graph)) == count
    assert not any(p.scheme for p in graph.parameters)
    assert graph.totals.param_count == sum(p.numel() for p in model.parameters())


def test_the_packed_weights_are_left_as_found() -> None:
    layer, wrapped = Int32Layer(nn.Linear(IN, OUT)), nn.Linear(IN, OUT)
    wrapped.weight = nn.Parameter(TENSORS["functional"][0](wrapped.weight), requires_grad=False)
    model = nn.Sequential(wrapped, nn.Linear(OUT, IN), layer)
    before = model(X)
    weight, keys = wrapped.weight, {name: set(vars(module)) for name, module in model.named_modules()}
    graph_of(model, X)
    assert torch.equal(model(X), before)
    assert wrapped.weight is weight
    assert {name: set(vars(module)) for name, module in model.named_modules()} == keys


@pytest.mark.filterwarnings("ignore")
def test_a_statically_quantized_network_is_drawn_whole() -> None:
    """Reported of torch.ao: packed convolutions, whose kernels want quantized tensors."""

    class Static(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.quant, self.dequant = torch.ao.quantization.QuantStub(), torch.ao.quantization.DeQuantStub()
            self.conv, self.relu, self.fc = nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Linear(8, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.dequant(self.fc(self.relu(self.conv(self.quant(x))).mean((2, 3))))

    x = torch.randn(2, 3, 12, 12)
    model = Static().eval()
    flops, count = float_flops(model, x), sum(p.numel() for p in model.parameters())
    model.qconfig = torch.ao.quantization.get_default_qconfig(torch.backends.quantized.engine)
    torch.ao.quantization.prepare(model, inplace=True)
    model(x)
    torch.ao.quantization.convert(model, inplace=True)
    graph = graph_of(model, x)
    assert not graph.errors
    assert (graph.totals.flops, graph.totals.param_count, graph.totals.param_reached) == (flops, count, count)
    assert not graph.unreached
