"""Numbers: sums that add up, formulas on shapes, provenance."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlmav.graph import Edge, Graph, ModuleInfo, Node, ParameterInfo, Totals
from idlmav.metrics.flops import estimate
from idlmav.metrics.totals import activation_bytes, complete


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
    weight = ParameterInfo(name="a.weight", shape=(4, 3), dtype="float32", itemsize=4, aliases=("b.weight",))
    bias = ParameterInfo(name="a.bias", shape=(4,), dtype="float16", itemsize=2, trainable=False)
    steps = ParameterInfo(name="b.steps", shape=(), dtype="int64", itemsize=8, buffer=True)
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
            ModuleInfo(path="", class_name="Model"),
            ModuleInfo(path="a", class_name="Linear", params=("a.weight", "a.bias")),
            ModuleInfo(path="b", class_name="Block", params=("b.weight", "b.steps")),
            ModuleInfo(path="b.c", class_name="Pool"),
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


def test_a_layer_that_returns_its_input_computes_nothing() -> None:
    assert estimate(node("dropout", notes=("identity",)), []) == (0, "counted")
    assert estimate(node("dropout"), []) == (12, "estimated")


def test_activation_bytes_are_those_of_new_memory() -> None:
    assert activation_bytes(node("relu")) == 24
    assert activation_bytes(node("relu", dtypes=("bfloat16",))) == 12
    assert activation_bytes(node("relu", notes=("inplace",))) == 0
    assert activation_bytes(node("transpose")) == 0
    assert activation_bytes(node("relu", None)) is None
    assert activation_bytes(node("relu", (2, None))) is None
    assert activation_bytes(node("split", shapes=((1,), (2,)), dtypes=("float32",) * 2)) == 0
    assert activation_bytes(node("lstm", shapes=((1,), (2,)), dtypes=("float32",) * 2)) == 12


# ------------------------------------------------------------------------------- what holds of every graph

PATHS = ("", "a", "a.x", "a.x.deep", "a.y", "b", "b.x")
SIZES = st.sampled_from([(2, 3), (4,), (), (2, None), None])


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Ops in any module, parameters held by any modules, tied or not, sized or not, read or not."""
    names = [f"p{i}" for i in range(draw(st.integers(0, 5)))]
    held: dict[str, list[str]] = {path: [] for path in PATHS}
    parameters = []
    for name in names:
        holders = draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=3, unique=True))
        own = [f"{path}.{name}" for path in holders]
        for path, full in zip(holders, own, strict=True):
            held[path].append(full)
        shape, buffer, trainable = draw(
            st.tuples(st.sampled_from([(2, 3), (5,), (), None]), st.booleans(), st.booleans())
        )
        parameters.append(
            ParameterInfo(name=own[0], shape=shape, dtype="float16", itemsize=2, buffer=buffer,
                      trainable=trainable and not buffer, aliases=tuple(own[1:]))
        )  # fmt: skip
    ops = st.sampled_from(["conv2d", "relu", "mystery", "reshape", "input"])
    nodes = []
    for i, (op, path, shape) in enumerate(draw(st.lists(st.tuples(ops, st.sampled_from(PATHS), SIZES), max_size=8))):
        read = draw(st.lists(st.sampled_from([p.name for p in parameters]), max_size=2)) if parameters else []
        flops, source = draw(st.sampled_from([(7, "counted"), (11, "measured"), (None, "unknown")]))
        kind = "input" if op == "input" else "op"
        if kind == "input":
            path, read, flops, source = "", [], None, "unknown"
        nodes.append(
            node(op, shape, id=f"n{i}", path=path, kind=kind, params=tuple(read), flops=flops, flops_source=source,
                 status=draw(st.sampled_from(["ran", "failed", "not_run"])))
        )  # fmt: skip
    modules = tuple(ModuleInfo(path=path, class_name="M", params=tuple(held[path])) for path in PATHS)
    return Graph(name="Random", nodes=tuple(nodes), modules=modules, parameters=tuple(parameters))


def inside(path: str, module: str) -> bool:
    return module == "" or path == module or path.startswith(f"{module}.")


@given(graphs())
def test_sums_are_the_sums_of_their_parts(graph: Graph) -> None:
    done = complete(graph)
    for module in done.modules:
        ops = [n for n in done.nodes if n.kind == "op" and inside(n.path, module.path)]
        for source, name in (("counted", "flops"), ("estimated", "flops_estimated"), ("measured", "flops_measured")):
            assert getattr(module, name) == sum(n.flops or 0 for n in ops if n.flops_source == source)
        assert module.flops_unknown == sum(n.flops is None for n in ops)
        assert module.activation_bytes == sum(n.activation_bytes or 0 for n in ops)
        assert module.activation_unknown == sum(n.activation_bytes is None for n in ops)
        assert module.failed == any(n.status == "failed" for n in ops)
        names = {name for other in graph.modules if inside(other.path, module.path) for name in other.params}
        held = [p for p in graph.parameters if names & {p.name, *p.aliases}]
        weights = [p for p in held if not p.buffer]
        assert module.param_count == sum(p.numel for p in weights)
        assert module.trainable_count == sum(p.numel for p in weights if p.trainable)
        assert module.frozen_count == sum(p.numel for p in weights if not p.trainable)
        assert module.shared_count == sum(p.numel for p in weights if p.aliases)
        assert module.param_unknown == sum(p.shape is None for p in weights)
        assert module.weight_bytes == sum(p.numel * p.itemsize for p in held)


@given(graphs())
def test_totals_are_those_of_the_model(graph: Graph) -> None:
    done = complete(graph)
    root, totals = done.modules[0], done.totals
    inputs = [n for n in done.nodes if n.kind != "op"]
    same = {field.name for field in fields(Totals)} - {
        "node_count",
        "param_reached",
        "activation_bytes",
        "activation_unknown",
    }
    assert {name: getattr(root, name) for name in same} == {name: getattr(totals, name) for name in same}
    assert root.activation_bytes == totals.activation_bytes, "inputs are memory of the caller"
    assert totals.param_reached == sum(n.param_count for n in done.nodes) <= totals.param_count
    read = {name for n in done.nodes for name in n.params}
    assert totals.param_reached == sum(p.numel for p in graph.parameters if p.name in read and not p.buffer)
    assert all(n.flops == 0 for n in inputs)


@given(graphs())
def test_no_number_is_silently_zero(graph: Graph) -> None:
    for n in complete(graph).nodes:
        assert (n.flops is None) == (n.flops_source == "unknown")
        if n.flops == 0 and n.kind == "op":
            assert n.op == "reshape" or n.flops_source == "estimated"


@given(graphs())
def test_modules_without_a_trace_are_unreached(graph: Graph) -> None:
    done = complete(graph)
    for module in done.modules[1:]:
        below = [n for n in done.nodes if n.kind == "op" and inside(n.path, module.path)]
        if below:
            assert module.reached
        names = {name for other in graph.modules if inside(other.path, module.path) for name in other.params}
        read = {name for n in done.nodes for name in n.params}
        if not below and not any(names & {p.name, *p.aliases} for p in graph.parameters if p.name in read):
            assert not module.reached


def test_a_tied_weight_read_elsewhere_does_not_reach_a_module() -> None:
    tied = ParameterInfo(name="a.w", shape=(3,), dtype="float32", itemsize=4, aliases=("b.w",))
    modules = (
        ModuleInfo(path="", class_name="M", calls=1),
        ModuleInfo(path="a", class_name="A", params=("a.w",), calls=1),
        ModuleInfo(path="b", class_name="B", params=("b.w",)),
        ModuleInfo(path="c", class_name="ModuleList", container=True),
    )
    graph = Graph(name="M", nodes=(node("linear", path="a", params=("a.w",)),), modules=modules, parameters=(tied,))
    done = complete(graph)
    assert [module.path for module in done.unreached] == ["b"]
    # A function that reads the weight of a layer that is never called, as multi-head attention does.
    direct = replace(
        graph, nodes=(node("linear", path="", params=("a.w",)),), modules=(modules[0], replace(modules[1], calls=0))
    )
    assert complete(direct).unreached == ()


def test_nothing_inside_an_opaque_op_is_unreached() -> None:
    modules = (ModuleInfo(path="", class_name="M", calls=1), ModuleInfo(path="s", class_name="Script", calls=1),
               ModuleInfo(path="s.relu", class_name="ReLU"))  # fmt: skip
    seen = Graph(name="M", nodes=(node("script", path="s", notes=("opaque",)),), modules=modules)
    assert complete(seen).unreached == ()
    assert [m.path for m in complete(replace(seen, nodes=(node("script", path="s"),))).unreached] == ["s.relu"]


def test_a_failed_op_has_no_number() -> None:
    for op in ("relu", "reshape"):
        assert estimate(node(op, status="failed"), [(2, 3)]) == (None, "unknown")
