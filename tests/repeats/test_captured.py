"""Runs in captured models: those of real families, and of loops as people write them."""

from __future__ import annotations

import pytest
import torch
from layout.invariants import problems
from torch import Tensor, nn

from idlmav.capture import capture
from idlmav.graph import Graph
from idlmav.layout import Layout, compute_layout, first_folds, fold
from idlmav.layout.input.labels import node_sizes

TOKENS = {"input_ids": torch.ones(1, 8, dtype=torch.long)}


def layout_of(model: nn.Module, *args: object, **kwargs: object) -> tuple[Graph, Layout]:
    graph = capture(model, args, kwargs)
    return graph, compute_layout(graph, node_sizes(graph))


def titles(layout: Layout) -> dict[str, str]:
    return {name: group.title for name, group in layout.groups.items() if group.kind == "repeat"}


def check_folds(layout: Layout) -> None:
    """Whatever is folded of the runs, the picture is in order."""
    runs = [name for name, group in layout.groups.items() if group.kind == "repeat"]
    rests = [name for name, group in layout.groups.items() if group.kind == "rest"]
    for folded in ([], runs, rests, [*runs, *rests], first_folds(layout)):
        assert problems(fold(layout, folded)) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet18", {"layer1": "layer1: 2 x BasicBlock"}),
        (
            "resnet50",
            {
                "layer1.1..2": "2 x Bottleneck",
                "layer2.1..3": "3 x Bottleneck",
                "layer3.1..5": "5 x Bottleneck",
                "layer4.1..2": "2 x Bottleneck",
            },
        ),
        ("vit_b_16", {"encoder.layers": "layers: 12 x EncoderBlock"}),
        (
            "swin_t",
            {
                "features.5": "5: 3 x (2 x SwinTransformerBlock)",
                "features.7": "7: 2 x SwinTransformerBlock",
            },
        ),
    ],
)
def test_torchvision_s_stages(torchvision, name, expected):
    with torch.device("meta"):
        model, image = getattr(torchvision.models, name)(), torch.zeros(1, 3, 224, 224)
    _, layout = layout_of(model.eval(), image)
    assert titles(layout) == expected
    if name != "swin_t":
        check_folds(layout)


def transformer(name: str) -> tuple[nn.Module, dict[str, Tensor]]:
    import transformers

    small = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 50}
    kwargs = dict(TOKENS)
    with torch.device("meta"):
        if name == "bert":
            model = transformers.BertModel(transformers.BertConfig(**small, num_hidden_layers=3))
        elif name == "albert":
            model = transformers.AlbertModel(transformers.AlbertConfig(**small, embedding_size=8, num_hidden_layers=4))
        elif name == "gpt2":
            model = transformers.GPT2LMHeadModel(transformers.GPT2Config(n_embd=16, n_head=2, n_layer=4, vocab_size=50))
        elif name == "llama":
            model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**small, num_hidden_layers=9))
        else:
            config = transformers.T5Config(d_model=16, d_ff=32, d_kv=8, num_heads=2, num_layers=4, vocab_size=50)
            model = transformers.T5ForConditionalGeneration(config)
            kwargs["decoder_input_ids"] = TOKENS["input_ids"]
    return model.eval(), kwargs


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bert", ["encoder: 3 x BertLayer"]),
        ("albert", ["4 x AlbertLayer, shared weights"]),
        ("gpt2", ["4 x GPT2Block"]),
        ("llama", ["9 x LlamaDecoderLayer"]),
        ("t5", ["3 x T5Block", "3 x T5Block"]),
    ],
)
def test_transformer_layers(torchvision, name, expected):
    model, kwargs = transformer(name)
    graph, layout = layout_of(model, **kwargs)
    assert list(titles(layout).values()) == expected
    check_folds(layout)
    boxes = fold(layout, first_folds(layout)).boxes
    assert len(boxes) <= 20 or len(graph.nodes) <= 300
    if name == "t5":
        assert all("block.0" not in name for name in titles(layout)), "the first block makes the position bias"


# ------------------------------------------------------------------------------------------- loops people write


class Mixer(nn.Module):
    """A block with a skip connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inside, self.outside = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.outside(torch.relu(self.inside(x)))


class SameMixer(Mixer):
    """The same under another name."""


class Narrow(Mixer):
    """Another activation."""

    def forward(self, x: Tensor) -> Tensor:
        return x + self.outside(torch.tanh(self.inside(x)))


class Listed(nn.Module):
    """Modules called in turn, as they come."""

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class Interleaved(nn.Module):
    """Two lists, taken in turn, with skip connections of the model's own."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.first = nn.ModuleList(Mixer(8) for _ in range(count))
        self.second = nn.ModuleList(Narrow(8) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        for first, second in zip(self.first, self.second, strict=True):
            x = x + first(x)
            x = x * second(x)
        return x


class Plain(nn.Module):
    """Layers without a block around them."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x


def stages() -> nn.Module:
    return nn.Sequential(*(nn.Sequential(*(Mixer(8) for _ in range(3))) for _ in range(4)))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: Listed(*(Mixer(8) for _ in range(6))), ["6 x Mixer"]),
        (lambda: nn.Sequential(*(Mixer(8) for _ in range(6))), ["6 x Mixer"]),
        (lambda: Listed(Mixer(8), SameMixer(8), Mixer(8)), ["3 x Mixer"]),
        (lambda: Listed(Mixer(8), Mixer(8), Narrow(8), Mixer(8), Mixer(8)), ["2 x Mixer", "2 x Mixer"]),
        (lambda: Listed(*[Mixer(8)] * 5), ["5 x Mixer, shared weights"]),
        (lambda: Interleaved(4), ["4 x (Mixer, Narrow)"]),
        (lambda: Plain(5), ["5 x (Linear, relu)"]),
        (stages, ["4 x Sequential", *["{}: 3 x Mixer"] * 4]),
    ],
)
def test_loops(build, expected):
    _, layout = layout_of(build(), torch.randn(2, 8))
    wanted = [title.format(number - 1) for number, title in enumerate(expected)]
    assert list(titles(layout).values()) == wanted
    check_folds(layout)


def test_another_stride_is_another_block():
    convolutions = [nn.Sequential(nn.Conv2d(4, 4, 1, stride=s), nn.ReLU()) for s in (1, 1, 2, 1, 1)]
    _, layout = layout_of(nn.Sequential(*convolutions), torch.randn(1, 4, 8, 8))
    assert titles(layout) == {"0..1": "2 x Sequential", "3..4": "2 x Sequential"}


def test_a_small_model_is_open_at_first():
    _, layout = layout_of(stages(), torch.randn(2, 8))
    assert first_folds(layout) == []
