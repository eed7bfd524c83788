"""
Modules, edges, names and parameters where they belong, with models that do unusual things with modules (issue 12, point 6).

The truth is the model itself: the calls that its hooks see, its parameters, the names that its code uses.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from idlmav.capture import capture
from idlmav.graph import Graph
from idlmav.metrics.totals import complete

X = torch.randn(2, 8)


def graph_of(model: nn.Module, *args: Any) -> Graph:
    graph = complete(capture(model, args))
    assert not graph.errors
    assert not unconnected(graph)
    return graph


def unconnected(graph: Graph) -> list[str]:
    """Return the ops that neither an input nor a parameter nor a constant leads to, though they read something."""
    return [
        node.id
        for node in graph.nodes
        if node.kind == "op" and not graph.sources[node.id] and not node.params and "constant" not in node.notes
    ]


def paths(graph: Graph) -> list[str]:
    return [node.path for node in graph.nodes if node.kind == "op"]


def block() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU())


class Net(nn.Module):
    def __init__(self, *changed: Any) -> None:
        super().__init__()
        self.a, self.b = block(), block()

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x))


# ------------------------------------------------------------------------------------------ compiled


@pytest.mark.parametrize("which", ["a", "b", "a.0", ""])
def test_a_module_compiled_in_place_has_its_calls(which: str) -> None:
    """Reported of torchtitan's models: `block.compile()`, after which blocks have no frame."""
    model, plain = Net(), Net()
    compiled = model.get_submodule(which)
    compiled.compile(backend="eager")
    call = compiled._compiled_call_impl
    graph, wanted = graph_of(model, X), graph_of(plain, X)
    assert [(module.path, module.calls) for module in graph.modules] == [(m.path, m.calls) for m in wanted.modules]
    assert graph.calls == wanted.calls
    assert compiled._compiled_call_impl is call


def test_a_compiled_child_is_drawn_as_the_original() -> None:
    model = Net()
    model.a = torch.compile(model.a, backend="eager")  # type: ignore[assignment]
    assert paths(graph_of(model, X)) == ["a.0", "a.1", "b.0", "b.1"]


# ------------------------------------------------------------------------------------------ vmap


def test_layers_under_vmap_are_in_their_modules() -> None:
    class Mapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = block(), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(torch.vmap(self.body)(x))

    graph = graph_of(Mapped(), torch.randn(5, 2, 8))
    assert paths(graph) == ["body.0", "body.1", "head"]
    assert [edge.source for edge in graph.edges] == ["x", "body.0", "body.1", "head"]


# ------------------------------------------------------------------------------------------ shared modules


class Block(nn.Module):
    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.conv, self.act = nn.Linear(8, 8), act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv(x))


class Shared(nn.Module):
    """As YOLOv5: one activation for all blocks."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.SiLU()
        self.model = nn.ModuleList([Block(act) for _ in range(4)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.model:
            x = layer(x)
        return x


class SharedInLists(nn.Module):
    """The blocks are dictionaries, which have no call of their own."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.ReLU()
        self.model = nn.ModuleList([nn.ModuleDict({"conv": nn.Linear(8, 8), "act": act}) for _ in range(4)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.model:
            x = layer["act"](layer["conv"](x))  # type: ignore[index]
        return x


class SharedFromTop(nn.Module):
    """The first place of the activation is not that of any call."""

    def __init__(self) -> None:
        super().__init__()
        self.default = nn.GELU()
        self.model = nn.ModuleList([Block(self.default) for _ in range(4)])

    forward = Shared.forward


@pytest.mark.parametrize("kind", [Shared, SharedInLists, SharedFromTop])
def test_a_shared_activation_is_named_after_its_caller(kind: type[nn.Module]) -> None:
    """Reported of YOLOv5: `model.0.act#45` in the last block."""
    graph = graph_of(kind(), X)
    nodes = [node.id for node in graph.nodes if node.kind == "op"]
    assert nodes == [f"model.{i}.{name}" for i in range(4) for name in ("conv", "act")]
    assert [(m.path, m.calls) for m in graph.modules if m.path.endswith("act")] == [
        (f"model.{i}.act", 1) for i in range(4)
    ]
    assert not graph.unreached
    order = [m.path for m in graph.modules if m.path.startswith("model.")]
    assert order == [f"model.{i}{name}" for i in range(4) for name in ("", ".conv", ".act")]


def test_a_shared_layer_with_weights_keeps_one_name() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(8, 8)
            self.second = self.first

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(x))

    graph = graph_of(Tied(), X)
    assert paths(graph) == ["first", "first"]
    assert graph.totals.param_count == 72


# ------------------------------------------------------------------------------------------ used by methods


class Flow(nn.Module):
    """A layer of a flow: its inverse is another method."""

    def forward(self, x: Tensor) -> Tensor:
        return x.tanh()

    def inverse(self, x: Tensor) -> Tensor:
        return x.atanh()


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.encode(x)

    def encode(self, x: Tensor) -> Tensor:
        return self.inner(x)


class UsesMethods(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.flow, self.encoder, self.lin, self.idle = Flow(), Encoder(), nn.Linear(8, 8), nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.encoder.encode(self.flow.inverse(x)), self.lin.weight)


def test_a_layer_used_by_another_method_is_not_unused() -> None:
    """Reported of nflows: a layer that is only inverted is said to be never called."""
    graph = graph_of(UsesMethods(), X)
    assert [module.path for module in graph.unreached] == ["idle"]


# ------------------------------------------------------------------------------------------ inputs in objects


class Store:
    def __init__(self, **values: Any) -> None:
        self.__dict__["_mapping"] = dict(values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_mapping"][name]
        except KeyError:
            raise AttributeError(name) from None


class Data:
    """As PyTorch Geometric's: what it holds goes through a store."""

    def __init__(self, **values: Any) -> None:
        self.__dict__["_store"] = Store(**values)

    def __getattr__(self, name: str) -> Any:
        if "_store" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.__dict__["_store"], name)


class OnGraphs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(8, 4)

    def forward(self, data: Any, weight: Tensor | None = None) -> Tensor:
        hidden = self.lin(data.x)
        out = torch.zeros(5, 4).index_add_(0, data.edge_index[1], hidden[data.edge_index[0]])
        return out if weight is None else out * weight


def test_inputs_in_a_store_have_the_names_that_the_model_uses() -> None:
    """Reported of PyG models: inputs are called `data._store._mapping.x`."""
    data = Data(x=torch.randn(5, 8), edge_index=torch.tensor([[0, 1], [2, 4]]))
    graph = graph_of(OnGraphs(), data)
    assert [node.id for node in graph.nodes if node.kind == "input"] == ["x", "edge_index"]
    data = Data(weight=torch.randn(5, 8), x=torch.randn(5, 8), edge_index=torch.tensor([[0, 1], [2, 4]]))
    graph = graph_of(OnGraphs(), data, torch.ones(5, 4))
    assert [node.id for node in graph.nodes if node.kind == "input"] == ["data.weight", "x", "edge_index", "weight"]


class CopiesItself:
    """As TensorDict: a container whose copy does not ask what is copied already."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._values[name] = value

    def __deepcopy__(self, memo: Any) -> CopiesItself:
        return CopiesItself(
            {k: v.__deepcopy__({}) if isinstance(v, CopiesItself) else v.clone() for k, v in self._values.items()}
        )


def test_a_container_that_copies_itself_keeps_its_edges() -> None:
    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(8, 4)

        def forward(self, td: Any) -> Any:
            td["out"] = self.lin(td["agent"]["obs"]) + td["bias"]
            return td["out"]

    td = CopiesItself({"agent": CopiesItself({"obs": torch.randn(3, 8)}), "bias": torch.randn(4)})
    graph = graph_of(Reads(), td)
    assert [(edge.source, edge.target) for edge in graph.edges] == [
        ("agent.obs" if "agent.obs" in graph.node_by_id else "obs", "lin"), ("lin", "add"), ("bias", "add"), ("add", "output"),
    ]  # fmt: skip
    assert set(td._values) == {"agent", "bias"}


# ------------------------------------------------------------------------------------------ TorchScript


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("make", [torch.jit.script, lambda block: torch.jit.trace(block, X)], ids=["script", "trace"])
@pytest.mark.parametrize("whole", [True, False])
def test_compiled_torchscript_reads_its_parameters(make: Any, whole: bool) -> None:
    model: Any = Net()
    if whole:
        model = make(model)
    else:
        model.a = make(model.a)
    graph = graph_of(model, X)
    assert graph.totals.param_reached == graph.totals.param_count == 144
    assert not graph.unreached


def test_a_distributed_weight_is_one_of_the_model(tmp_path: Any) -> None:
    """Reported of tensor parallel models: parameters that no op reads, or ops torn apart."""
    dist = pytest.importorskip("torch.distributed")
    if not dist.is_available() or dist.is_initialized():
        pytest.skip("needs a process group of its own")
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    try:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.tensor import Replicate, Shard, distribute_tensor
        from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

        mesh = init_device_mesh("cpu", (1,))

        class Mlp(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)

            def forward(self, x: Tensor) -> Tensor:
                return self.down(self.up(x).relu())

        model = parallelize_module(Mlp(), mesh, {"up": ColwiseParallel(), "down": RowwiseParallel()})
        graph = graph_of(model, X)
        assert paths(graph) == ["up", "", "down"]
        assert graph.totals.param_reached == graph.totals.param_count == 280
        assert graph.totals.flops == 2 * 2 * 2 * 8 * 16
        assert not any(p.scheme for p in graph.parameters)

        class Direct(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.w = nn.Parameter(distribute_tensor(torch.randn(8, 4), mesh, [Shard(0)]))

            def forward(self, x: Tensor) -> Any:
                return (distribute_tensor(x, mesh, [Replicate()]) @ self.w).full_tensor()  # type: ignore[attr-defined]

        graph = complete(capture(Direct(), (X,)))
        assert not graph.errors
        assert next(node for node in graph.nodes if node.op == "matmul").flops == 2 * 2 * 8 * 4
        assert graph.nodes[-1].shapes == ((2, 4),)
    finally:
        dist.destroy_process_group()
