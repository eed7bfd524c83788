"""Numbers: sums that add up, formulas on shapes, provenance."""

from __future__ import annotations

import pytest

from idlmav.graph import Edge, Graph, Module, Node, Parameter
from idlmav.metrics import ESTIMATES, MOVES, activation_bytes, complete, estimate, estimated


def node(op: str, shape: tuple[int | None, ...] | None = (2, 3), **kwargs: object) -> Node:
    fields: dict[str, object] = {
        "id": op,
        "op": op,
        "operation": f"{op}()",
        "shapes": (shape,),
        "dtypes": ("float32",),
        **kwargs,
    }
    return Node(**fields)  # type: ignore[arg-type]


@pytest.fixture
def graph() -> Graph:
    weight = Parameter(name="a.weight", shape=(4, 3), dtype="float32", itemsize=4, aliases=("b.weight",))
    bias = Parameter(name="a.bias", shape=(4,), dtype="float16", itemsize=2, trainable=False)
    steps = Parameter(name="b.steps", shape=(), dtype="int64", itemsize=8, buffer=True)
    return Graph(
        name="Model",
        nodes=(
            node("input", (2, 3), kind="input"),
            node("linear", (2, 4), id="a", path="a", params=("a.weight", "a.bias"), flops=48, flops_source="counted"),
            node("relu", (2, 4), notes=("inplace",)),
            node("linear", (2, 4), id="b", path="b", params=("b.weight",), flops=48, flops_source="counted"),
            node("mystery", (2, 4), path="b"),
            node("max_pool2d", (2, 2), args="3, stride=2", path="b.c"),
            node("output", (2, 2), kind="output"),
        ),
        edges=(
            Edge("input", "a"),
            Edge("a", "relu"),
            Edge("relu", "b"),
            Edge("b", "mystery"),
            Edge("mystery", "max_pool2d"),
        ),
        modules=(
            Module(path="", class_name="Model"),
            Module(path="a", class_name="Linear", params=("a.weight", "a.bias")),
            Module(path="b", class_name="Block", params=("b.weight", "b.steps")),
            Module(path="b.c", class_name="Pool"),
        ),
        parameters=(weight, bias, steps),
    )


def test_parameters_count_at_their_first_use(graph: Graph) -> None:
    done = complete(graph)
    assert [n.param_count for n in done.nodes] == [0, 16, 0, 0, 0, 0, 0]
    assert [n.shares_params for n in done.nodes] == [False, False, False, True, False, False, False]
    assert (done.totals.param_count, done.totals.trainable_count) == (16, 12)
    assert (done.totals.param_bytes, done.totals.buffer_bytes) == (4 * 12 + 2 * 4, 8)


def test_module_totals_are_sums_of_their_ops(graph: Graph) -> None:
    done = complete(graph)
    root, a, b, c = done.modules
    assert (root.flops, a.flops, b.flops, c.flops) == (96, 48, 48, 0)
    assert (root.flops_estimated, b.flops_estimated, c.flops_estimated) == (8 + 36, 36, 36)
    assert (root.flops_unknown, a.flops_unknown, b.flops_unknown, c.flops_unknown) == (1, 0, 1, 0)
    assert (root.param_count, a.param_count, b.param_count, c.param_count) == (16, 16, 12, 0)
    assert (b.buffer_bytes, a.buffer_bytes) == (8, 0)
    totals = done.totals
    fields = (
        "flops",
        "flops_estimated",
        "flops_unknown",
        "activation_bytes",
        "param_count",
        "param_bytes",
        "buffer_bytes",
    )
    assert [getattr(root, name) for name in fields] == [getattr(totals, name) for name in fields]
    assert totals.node_count == 5


def test_failed_modules_are_marked_up_to_the_model(graph: Graph) -> None:
    nodes = [
        *graph.nodes[:5],
        node("max_pool2d", None, shapes=(), dtypes=(), path="b.c", status="failed", error="ValueError: no"),
    ]
    done = complete(Graph(name="Model", nodes=tuple(nodes), modules=graph.modules, parameters=graph.parameters))
    assert [module.failed for module in done.modules] == [True, False, True, True]


def test_completing_twice_changes_nothing(graph: Graph) -> None:
    done = complete(graph)
    assert complete(done) == done


@pytest.mark.parametrize(
    ("op", "shape", "inputs", "args", "wanted"),
    [
        ("relu", (2, 3), [(2, 3)], "", (6, "estimated")),
        ("gelu", (2, 3), [(2, 3)], "", (24, "estimated")),
        ("batch_norm", (2, 3), [(2, 3)], "", (12, "estimated")),
        ("layer_norm", (2, 3), [(2, 3)], "", (30, "estimated")),
        ("softmax", (2, 3), [(2, 3)], "", (30, "estimated")),
        ("mean", (2,), [(2, 3)], "dim=1", (6, "estimated")),
        ("adaptive_avg_pool2d", (1, 4, 1, 1), [(1, 4, 7, 7)], "1", (196, "estimated")),
        ("max_pool2d", (1, 4, 2, 2), [(1, 4, 4, 4)], "2", (64, "estimated")),
        ("max_pool2d", (1, 4, 2, 2), [(1, 4, 4, 4)], "(2, 3), stride=2", (96, "estimated")),
        ("max_pool1d", (1, 4, 2), [(1, 4, 6)], "kernel_size=3", (24, "estimated")),
        ("max_pool2d", (1, 4, 2, 2), [(1, 4, 4, 4)], "kernel", (None, "unknown")),
        ("reshape", (6,), [(2, 3)], "", (0, "counted")),
        ("mystery", (6,), [(2, 3)], "", (None, "unknown")),
        ("relu", (2, None), [(2, 3)], "", (None, "unknown")),
        ("relu", None, [], "", (None, "unknown")),
    ],
)
def test_estimates(
    op: str,
    shape: tuple[int | None, ...] | None,
    inputs: list[tuple[int, ...]],
    args: str,
    wanted: tuple[int | None, str],
) -> None:
    assert estimate(node(op, shape, args=args), list(inputs)) == wanted


def test_a_layer_that_hands_through_computes_nothing() -> None:
    assert estimate(node("dropout", notes=("identity",)), []) == (0, "counted")
    assert estimate(node("dropout"), []) == (12, "estimated")


def test_a_second_formula_is_refused() -> None:
    assert not MOVES & ESTIMATES.keys()
    for op in ("relu", "reshape"):
        with pytest.raises(ValueError, match="defined twice"):
            estimated(op)(lambda node, inputs, elements: 0)


def test_activation_bytes_are_those_of_new_memory() -> None:
    assert activation_bytes(node("relu")) == 24
    assert activation_bytes(node("relu", dtypes=("bfloat16",))) == 12
    assert activation_bytes(node("relu", notes=("inplace",))) == 0
    assert activation_bytes(node("transpose")) == 0
    assert activation_bytes(node("relu", None)) is None
    assert activation_bytes(node("relu", (2, None))) is None
    assert activation_bytes(node("split", shapes=((1,), (2,)), dtypes=("float32",) * 2)) == 0
    assert activation_bytes(node("lstm", shapes=((1,), (2,)), dtypes=("float32",) * 2)) == 12
