"""The gallery's models run as their papers say, the unfinished one fails as it says, and none costs memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from idlmav.capture import capture
from idlmav.gallery.models import MODELS, TORCHVISION, all_models, torchvision_models
from idlmav.gallery.saved import saved_models
from idlmav.graph.files import dumps, loads
from idlmav.metrics.totals import complete

SHAPES = {
    "resnet20": (1, 10),
    "unet": (1, 2, 256, 256),
    "gpt": (1, 128, 50257),
    "lstm": (1, 2),
    "autoencoder": (1, 1, 28, 28),
    "inception": (1, 1000),
}
# As published for other implementations: the paper's 0.27 M with projection shortcuts; the usual padded U-Net with
# normalization and transposed convolutions, 31,037,698 for three input channels, of which 2 * 64 * 9 weights fall away.
PARAMETERS = {"resnet20": 272_474, "unet": 31_037_698 - 2 * 64 * 9}


@pytest.mark.parametrize("name", SHAPES)
def test_a_model_runs_on_the_meta_device(name):
    model, inputs = MODELS[name].make()
    assert {tensor.device.type for tensor in [*model.parameters(), *model.buffers(), *inputs]} == {"meta"}
    assert model(*inputs).shape == SHAPES[name]
    assert not model.training


@pytest.mark.parametrize("name", ["resnet20", "autoencoder", "lstm"])
def test_a_model_runs_for_real(name):
    gallery_model = MODELS[name]
    result = gallery_model.build().eval()(*gallery_model.inputs())
    assert result.shape == SHAPES[name]
    assert torch.isfinite(result).all()


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_parameters_are_those_of_the_paper(name):
    model, _ = MODELS[name].make()
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[name]


def test_resnet20_has_twenty_layers_on_its_main_path():
    model, _ = MODELS["resnet20"].make()
    layers = [name for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len([name for name in layers if "downsample" not in name]) == 20


def test_gpt_shares_its_embedding():
    model, _ = MODELS["gpt"].make()
    assert model.lm_head.weight is model.wte.weight


def test_the_autoencoder_names_its_latent_layer():
    model, _ = MODELS["autoencoder"].make()
    assert model.latent.out_features == 32


def test_the_unfinished_model_fails_halfway_and_leaves_a_layer_out():
    model, inputs = MODELS["unfinished"].make()
    called = []
    for name, layer in model.named_children():
        layer.register_forward_pre_hook(lambda *_, name=name: called.append(name))
    with pytest.raises(RuntimeError, match=r"\[1, 1024\] X \[512, 128\]"):
        model(*inputs)
    assert called == ["features", "fc1"]


@pytest.mark.parametrize("name", MODELS)
def test_a_captured_graph_comes_back_equal_from_a_file(name):
    model, inputs = MODELS[name].make()
    graph = complete(capture(model, inputs, {}))
    assert len(graph.nodes) > 5
    assert loads(dumps(graph)) == graph


def test_every_model_has_a_title_of_its_own_and_a_summary(torchvision):
    models = all_models()
    assert len({model.title for model in models}) == len(models) == len(MODELS) + len(TORCHVISION)
    assert all(model.summary.endswith(".") for model in models)


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvisions_models_run_on_the_meta_device(torchvision, name):
    models, reason = torchvision_models()
    assert reason == ""
    model, inputs = models[name].make()
    assert model(*inputs).shape == (1, 1000)


@pytest.mark.parametrize("blocked", ["torchvision", "torchvision.models"])
def test_without_torchvision_a_reason_is_returned(monkeypatch, blocked, torchvision):
    monkeypatch.setitem(sys.modules, blocked, None)
    if blocked == "torchvision":
        # None there stands for a module that must not be imported; find_spec raises for it.
        monkeypatch.setattr("idlmav.gallery.models.find_spec", lambda name: None)
    models, reason = torchvision_models()
    assert models == {}
    assert reason.startswith("torchvision ")


def test_the_saved_gallery_is_the_gallery():
    texts = [(model.name, model.title, model.summary) for model in saved_models()]
    assert texts == [(name, model.title, model.summary) for name, model in MODELS.items()], (
        "python apps/save_gallery.py"
    )


@pytest.mark.parametrize("saved", saved_models(), ids=lambda saved: saved.name)
def test_a_saved_graph_equals_a_new_capture(saved):
    def facts(graph):
        nodes = [(node.id, node.operation, node.shapes, node.flops, node.status) for node in graph.nodes]
        return nodes, graph.edges, graph.modules, graph.calls, graph.parameters, graph.totals

    model, inputs = MODELS[saved.name].make()
    today = complete(capture(model, inputs, {}))
    assert facts(saved.graph()) == facts(today), "python apps/save_gallery.py"


def test_the_explorer_opens_without_torch(run_python):
    code = """
        import runpy, warnings

        warnings.filterwarnings("ignore", "The inplace keyword in", DeprecationWarning)  # see pyproject.toml
        names = runpy.run_path("apps/explorer.py")
        print(*names["MODELS"], sep=",")
        print(len([names["explorer"](title) for title in names["MODELS"]]))
    """
    titles, count = run_python(code, without=["torch"]).splitlines()
    assert titles.split(",") == [model.title for model in MODELS.values()]
    assert int(count) == len(MODELS)


def test_the_explorer_can_be_converted_for_pyodide():
    # Panel puts statements of its own before the script.
    script = (Path(__file__).parents[1] / "apps" / "explorer.py").read_text("utf-8")
    compile(f"import asyncio\n{script}", "explorer.py", "exec")
