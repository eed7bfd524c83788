"""Graphs of working models, compared with known numbers and with real runs."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import models
import pytest
import torch
from torch import Tensor, nn

from capture.compare import differences
from idlmav.capture import capture
from idlmav.metrics.totals import complete

BATCH = torch.zeros(1, 3, 224, 224)


def ids(graph: Any) -> list[str]:
    return [node.id for node in graph.nodes]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", [name for name in models.WORKING if name not in ("stateful", "data_dependent")])
def test_agrees_with_a_real_run(name: str, training: bool) -> None:
    example = models.WORKING[name]
    found, graph = differences(example.model().train(training), example.args(), example.kwargs())
    assert found == []
    assert graph.errors == ()
    assert {node.status for node in graph.nodes} == {"ran"}


# The counter cannot run these: no tensor, no parameter to move, or values that decide.
UNCOUNTED = {"empty", "stateful", "data_dependent", "packed"}


@pytest.mark.parametrize("name", [name for name in models.WORKING if name not in UNCOUNTED])
def test_flops_equal_torchs_counter(name: str, counted_flops: Callable[..., int]) -> None:
    example = models.WORKING[name]
    model, args, kwargs = example.model(), example.args(), example.kwargs()
    graph = complete(capture(model, args, kwargs))
    assert graph.totals.flops == counted_flops(model, args, kwargs)
    assert graph.totals.flops == sum(node.flops or 0 for node in graph.nodes if node.flops_source == "counted")


@pytest.mark.parametrize(
    ("name", "flops", "parameters", "convolutions"),
    [
        ("resnet18", 3628146688, 11689512, 20),
        ("resnet50", 8178368512, 25557032, 53),
        ("vit_b_16", 35127656448, 86567656, 1),
    ],
)
def test_torchvision(
    name: str,
    flops: int,
    parameters: int,
    convolutions: int,
    torchvision: ModuleType,
    counted_flops: Callable[..., int],
) -> None:
    model = getattr(torchvision.models, name)().eval()
    graph = complete(capture(model, (BATCH,)))
    assert graph.totals.flops == flops
    assert graph.totals.param_count == parameters == sum(p.numel() for p in model.parameters())
    assert sum(node.operation == "nn.Conv2d" for node in graph.nodes) == convolutions
    assert graph.nodes[-1].shapes == ((1, 1000),)
    assert flops == counted_flops(model, (BATCH,), {})


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v3_small", "swin_t"])
def test_torchvision_agrees_with_a_real_run(name: str, torchvision: ModuleType) -> None:
    model = getattr(torchvision.models, name)().eval()
    assert differences(model, (torch.randn(1, 3, 64, 64),), {})[0] == []


def test_ids_paths_and_operations_of_resnet(torchvision: ModuleType) -> None:
    graph = capture(torchvision.models.resnet18(), (BATCH,))
    assert ids(graph)[:5] == ["x", "conv1", "bn1", "relu", "maxpool"]
    assert {"layer1.0.relu", "layer1.0.relu#2", "layer1.0:add", "flatten", "fc", "output"} <= set(ids(graph))
    assert len(set(ids(graph))) == len(graph.nodes)
    conv, add = graph.node_by_id["layer1.0.conv1"], graph.node_by_id["layer1.0:add"]
    assert (conv.op, conv.operation, conv.path, conv.params) == (
        "conv2d",
        "nn.Conv2d",
        "layer1.0.conv1",
        ("layer1.0.conv1.weight",),
    )
    assert graph.node_by_id["conv1"].args == "stride=(2, 2), padding=(3, 3)"
    assert (add.op, add.operation, add.path, add.notes) == ("add", "add()", "layer1.0", ("inplace",))
    assert graph.sources["layer1.0:add"] == ("layer1.0.bn2", "maxpool")
    assert conv.source is not None
    assert conv.source.startswith("torchvision/models/resnet.py:")
    assert [call.path for call in graph.call_chain(conv)] == ["layer1.0.conv1", "layer1.0", "layer1", ""]
    assert not any("num_batches_tracked" in str(node.params) for node in graph.nodes)


def test_edges_point_forward_and_name_known_nodes() -> None:
    for example in models.WORKING.values():
        graph = capture(example.model(), example.args(), example.kwargs())
        place = {node.id: index for index, node in enumerate(graph.nodes)}
        assert all(place[edge.source] < place[edge.target] for edge in graph.edges)
        assert len({(edge.source, edge.target) for edge in graph.edges}) == len(graph.edges)
        assert all(node.call is None or graph.calls[node.call].path == node.path for node in graph.nodes)


def test_capture_is_repeatable() -> None:
    example = models.WORKING["unet"]
    model, args = example.model(), example.args()
    assert capture(model, args) == capture(model, args)


def test_layers_that_do_nothing_stay_visible() -> None:
    example = models.WORKING["residual"]
    graph = capture(example.model().eval(), example.args())
    skip, drop = graph.node_by_id["skip"], graph.node_by_id["drop"]
    assert (skip.operation, drop.operation) == ("nn.Identity", "nn.Dropout")
    assert "identity" in skip.notes
    assert "identity" in drop.notes
    assert graph.sources["conv"] == ("x",)
    assert graph.sources["drop"] == ("conv",)
    assert set(graph.sources["add"]) == {"drop", "skip"}


def test_writing_into_a_part_reaches_readers_of_the_whole() -> None:
    model, args = models.InplaceOnView(), (torch.randn(2, 8),)
    for graph in (capture(model, args), capture(model, args)):  # cold memo and warm
        assert set(graph.sources["setitem"]) == {"mul", "add"}
        assert graph.sources["sum"] == ("setitem",)


def test_parameters_used_directly_belong_to_the_op_that_reads_them() -> None:
    example = models.WORKING["transformer"]
    graph = complete(capture(example.model(), example.args()))
    assert graph.node_by_id["expand"].params == ("token",)
    assert graph.node_by_id["add"].params == ("position",)
    assert graph.node_by_id["encoder.layers.0.self_attn"].op == "multi_head_attention_forward"
    assert graph.totals.param_count == sum(node.param_count for node in graph.nodes)


def test_shared_modules_are_counted_once_and_numbered() -> None:
    graph = complete(capture(models.SharedBlock(), (torch.randn(2, 8),)))
    assert [node.id for node in graph.nodes if node.path == "block.0"] == ["block.0", "block.0#2", "block.0#3"]
    assert graph.module_by_path["block.0"].calls == 3
    assert [call.number for call in graph.calls if call.path == "block"] == [1, 2, 3]
    assert graph.node_by_id["block.0#2"].shares_params
    assert graph.node_by_id["tied"].shares_params
    assert graph.parameters[-1].aliases == ("tied.weight",)


def test_layers_with_several_ops() -> None:
    example = models.WORKING["lstm"]
    graph = capture(example.model(), example.args())
    lstm = graph.node_by_id["lstm"]
    assert (lstm.op, lstm.operation, len(lstm.params)) == ("lstm", "nn.LSTM", 16)
    assert graph.node_by_id["lstm:zeros#2"].operation == "zeros()"
    assert lstm.shapes == ((3, 7, 64), (4, 3, 32), (4, 3, 32))


def test_inputs_are_named_as_the_forward_method_names_them() -> None:
    example = models.WORKING["dict"]
    graph = capture(example.model(), example.args(), example.kwargs())
    assert [node.id for node in graph.nodes if node.kind == "input"] == ["batch.ids", "batch.image.pixels", "scale"]
    assert graph.inputs == "batch.ids: (2, 5) int64, batch.image.pixels: (2, 12) float32, scale: (2, 1) float32"
    assert graph.nodes[-1].shapes == ((2, 4), (2, 16))
    assert graph.sources["output"] == ("head", "mul")


def test_models_without_ops_or_parameters() -> None:
    untouched = complete(capture(models.Untouched(), (torch.zeros(2, 8),)))
    assert untouched.sources["output"] == ("x",)
    assert untouched.module_by_path["unused"].calls == 0
    assert untouched.totals.param_count == 6
    empty = complete(capture(models.Empty()))
    assert [node.id for node in empty.nodes] == ["output"]
    assert empty.totals.param_count == 0


def test_unregistered_modules_belong_to_their_caller() -> None:
    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [nn.Linear(2, 2)]

        def forward(self, x: Tensor) -> Tensor:
            return self.layers[0](x)

    graph = capture(Hidden(), (torch.zeros(1, 2),))
    assert ids(graph) == ["x", "linear", "output"]
    assert graph.node_by_id["linear"].path == ""


def test_decisions_are_true_and_guesses_are_marked() -> None:
    model = models.DataDependent()
    graph = capture(model, (torch.randn(2, 4), torch.tensor([2, 5])))
    assert graph.module_by_path["large"].calls == 1
    assert "guess" not in {note for node in graph.nodes for note in node.notes}
    graph = capture(model, (torch.randn(2, 4, device="meta"), torch.tensor([2, 3])))
    assert graph.node_by_id["bool"].notes == ("guess",)
    assert graph.module_by_path["small"].calls == 1


def test_transformers(torchvision: ModuleType, counted_flops: Callable[..., int]) -> None:
    transformers = pytest.importorskip("transformers")
    tokens = torch.zeros(1, 32, dtype=torch.int64)
    bert = transformers.BertModel(transformers.BertConfig(num_hidden_layers=2)).eval()
    gpt2 = transformers.GPT2LMHeadModel(transformers.GPT2Config(n_layer=2)).eval()
    for model, wanted in ((bert, (1, 32, 768)), (gpt2, (1, 32, 50257))):
        found, graph = differences(model, (tokens,), {"attention_mask": torch.ones_like(tokens)})
        assert found == []
        assert graph.nodes[-1].shapes[0] == wanted
        assert "guess" not in {note for node in graph.nodes for note in node.notes}
        graph = complete(capture(model, (tokens,)))
        assert graph.totals.param_count == sum(p.numel() for p in model.parameters())
        assert graph.totals.flops == counted_flops(model, (tokens,), {})


def test_seventy_billion_parameters_without_memory(torchvision: ModuleType) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        hidden_size=8192, intermediate_size=28672, num_hidden_layers=80, num_attention_heads=64, num_key_value_heads=8
    )
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(config)
    graph = complete(capture(model, (torch.zeros(1, 16, dtype=torch.int64),)))
    assert graph.errors == ()
    assert graph.totals.param_count == sum(p.numel() for p in model.parameters()) > 68e9
    assert graph.nodes[-1].shapes[0] == (1, 16, 32000)
    # Every weight matrix multiplies each of 16 tokens once; attention adds a little.
    matrices = sum(p.numel() for name, p in model.named_parameters() if p.dim() == 2 and "embed" not in name)
    assert graph.totals.flops == pytest.approx(2 * 16 * matrices, rel=1e-3)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match=r"needs a torch\.nn\.Module, got function"):
        capture(lambda x: x, (BATCH,))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="needs a tuple of positional arguments, got Tensor"):
        capture(models.Untouched(), BATCH)  # type: ignore[arg-type]


def test_first_capture_imports_nothing_heavy() -> None:
    program = """
        import sys, torch
        from torch import nn
        from idlmav.capture import capture
        before = set(sys.modules)
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(True), nn.MaxPool2d(2), nn.Flatten(),
                              nn.Linear(8 * 15 * 15, 4), nn.LayerNorm(4), nn.GELU(), nn.Softmax(-1))
        graph = capture(model, (torch.zeros(2, 3, 32, 32),))
        assert not graph.errors
        heavy = {"torch._dynamo", "torch._subclasses.fake_tensor", "sympy", "torch._refs", "torch._inductor"}
        print(sorted(heavy & (set(sys.modules) - before)))
    """
    lines = "\n".join(line[8:] for line in program.splitlines())
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_lazy_layers_stay_lazy() -> None:
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    graph = complete(capture(model, (torch.zeros(1, 3, 8, 8),)))
    assert graph.errors == ()
    assert graph.nodes[-1].shapes == ((1, 2),)
    assert all(torch.nn.parameter.is_lazy(parameter) for parameter in model.parameters())
    assert [parameter.shape for parameter in graph.parameters] == [None] * 4


def test_autocast_changes_types() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                return self.linear(x)

    assert capture(Mixed(), (torch.zeros(1, 4),)).node_by_id["linear"].dtypes == ("bfloat16",)
    assert capture(Mixed().linear, (torch.zeros(1, 4),)).node_by_id["linear"].dtypes == ("float32",)


def test_caches_and_other_objects_are_copied() -> None:
    class Cache:
        def __init__(self) -> None:
            self.keys: list[Tensor] = [torch.zeros(1, 2)]

    class Appends(nn.Module):
        def forward(self, x: Tensor, cache: Cache) -> Cache:
            cache.keys.append(torch.cat([cache.keys[-1], x]))
            return cache

    cache = Cache()
    graph = capture(Appends(), (torch.zeros(1, 2), cache))
    assert len(cache.keys) == 1
    assert graph.nodes[-1].shapes == ((1, 2), (2, 2))
    assert "cat" in graph.sources["output"]


def test_a_model_is_a_layer_itself() -> None:
    graph = capture(nn.Linear(3, 2), (torch.zeros(1, 3),))
    assert ids(graph) == ["input", "linear", "output"]
    assert graph.node_by_id["linear"].operation == "nn.Linear"


def test_ten_thousand_ops_and_a_thousand_levels() -> None:
    class Chain(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            for _ in range(10_000):
                x = x + 1
            return x

    assert len(capture(Chain(), (torch.zeros(1),)).nodes) == 10_002
    shared = nn.Sequential(*[nn.ReLU()] * 300)
    assert len(capture(copy.deepcopy(shared), (torch.zeros(1),)).nodes) == 302
