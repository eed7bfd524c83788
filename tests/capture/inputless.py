"""Models of all kinds whose inputs are to be found, small enough to be tried in a test."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

__all__ = ["INPUTLESS"]


def _torchvision(name: str, **options: Any) -> Callable[[], nn.Module]:
    return lambda: _vision(lambda: import_module("torchvision.models").get_model(name, weights=None, **options))


def _timm(name: str, **options: Any) -> Callable[[], nn.Module]:
    return lambda: _vision(lambda: import_module("timm").create_model(name, pretrained=False, **options))


def _hf(name: str, config: str, **options: Any) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        library = import_module("transformers")
        return getattr(library, name)(getattr(library, config)(**options))

    return lambda: _vision(build)


def _vision(build: Callable[[], nn.Module]) -> nn.Module:
    import_module("torchvision_shim")  # what imports torchvision needs it
    with torch.device("meta"):
        return build().eval()


class Forward(nn.Module):
    """Layers by name, and a function that is its forward pass."""

    layers: ClassVar[dict[str, Any]]

    def __init__(self) -> None:
        super().__init__()
        for name, (kind, *args) in self.layers.items():
            self.add_module(name, kind(*args))


class Perceptron(Forward):
    layers: ClassVar = {"a": (nn.Linear, 20, 16), "b": (nn.Linear, 16, 3)}

    def forward(self, features: Tensor) -> Tensor:
        return self.b(torch.relu(self.a(features)))


class Series(Forward):
    layers: ClassVar = {"lstm": (nn.LSTM, 6, 12, 2), "head": (nn.Linear, 12, 1)}

    def forward(self, x: Tensor) -> Tensor:
        out, (hidden, _) = self.lstm(x)
        return self.head(out) + self.head(hidden[-1])


class Signal(Forward):
    layers: ClassVar = {"a": (nn.Conv1d, 2, 8, 9, 4), "b": (nn.Conv1d, 8, 16, 9, 4), "head": (nn.Linear, 16, 4)}

    def forward(self, wave: Tensor) -> Tensor:
        return self.head(torch.relu(self.b(torch.relu(self.a(wave)))).mean(-1))


class Volume(Forward):
    layers: ClassVar = {"a": (nn.Conv3d, 1, 4, 3), "pool": (nn.MaxPool3d, 2), "head": (nn.Linear, 4, 2)}

    def forward(self, scan: Tensor) -> Tensor:
        return self.head(self.pool(self.a(scan)).mean((2, 3, 4)))


class Film(Forward):
    layers: ClassVar = {"a": (nn.Conv2d, 3, 8, 16, 16), "places": (nn.Embedding, 16, 8)}

    def forward(self, frames: Tensor) -> Tensor:
        batch, steps, channels, height, width = frames.shape
        seen = self.a(frames.reshape(batch * steps, channels, height, width)).mean((2, 3)).view(batch, steps, -1)
        return seen + self.places.weight


class TwoTowers(Forward):
    layers: ClassVar = {"words": (nn.Embedding, 30, 8), "conv": (nn.Conv2d, 3, 8, 3), "head": (nn.Linear, 16, 2)}

    def forward(self, image: Tensor, ids: Tensor) -> Tensor:
        seen, read = self.conv(image).mean((2, 3)), self.words(ids).mean(1)
        return self.head(torch.cat([seen, read], dim=-1))


class Batch(Forward):
    layers: ClassVar = {"a": (nn.Linear, 7, 4), "b": (nn.Conv2d, 1, 4, 3)}

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"sum": self.a(batch["table"]) + self.b(batch["image"]).mean((2, 3))}


class Scales(Forward):
    layers: ClassVar = {"a": (nn.Conv2d, 8, 4, 1), "b": (nn.Conv2d, 16, 4, 1)}

    def forward(self, features: list[Tensor]) -> Tensor:
        return self.a(features[0]).mean((2, 3)) + self.b(features[1]).mean((2, 3))


class Pairs(Forward):
    layers: ClassVar = {"a": (nn.Linear, 5, 4), "b": (nn.Linear, 6, 4)}

    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:
        left, right = pair
        return self.a(left) + self.b(right)


class Optional(Forward):
    layers: ClassVar = {"a": (nn.Linear, 9, 4)}

    def forward(self, x: Tensor, mask: Tensor | None = None, scale: float = 1.0) -> Tensor:
        x = self.a(x) * scale
        return x if mask is None else x * mask


class OnlyKeywords(Forward):
    layers: ClassVar = {"words": (nn.Embedding, 30, 8), "head": (nn.Linear, 8, 2)}

    def forward(self, *, tokens: Tensor, weights: Tensor) -> Tensor:
        return self.head(self.words(tokens) * weights.unsqueeze(-1))


class Masked(Forward):
    layers: ClassVar = {
        "words": (nn.Embedding, 30, 8),
        "layer": (nn.TransformerEncoderLayer, 8, 2, 16, 0.0, "relu", 1e-5, True),
    }

    def forward(self, ids: Tensor, padding: Tensor) -> Tensor:
        return self.layer(self.words(ids), src_key_padding_mask=padding.bool())


class Pooled(Forward):
    layers: ClassVar = {"a": (nn.Conv2d, 3, 8, 3), "head": (nn.Linear, 8 * 15 * 15, 10)}

    def forward(self, x: Tensor) -> Tensor:
        return self.head(nn.functional.max_pool2d(self.a(x), 2).flatten(1))


class Checked(Forward):
    layers: ClassVar = {"a": (nn.Conv2d, 4, 8, 3), "head": (nn.Linear, 8, 10)}

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[-1] != 48:
            raise ValueError("images of 48 pixels")
        return self.head(self.a(x).mean((2, 3)))


_BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 37}
INPUTLESS: dict[str, Callable[[], nn.Module]] = {
    **{kind.__name__: kind for kind in (
        Perceptron, Series, Signal, Volume, Film, TwoTowers, Batch, Scales, Pairs, Optional, OnlyKeywords, Masked, Pooled, Checked,
    )},
    **{name: _torchvision(name) for name in ("resnet18", "mobilenet_v3_small", "vgg11", "squeezenet1_1", "vit_b_32", "swin_t")},
    "googlenet": _torchvision("googlenet", init_weights=False, aux_logits=False),
    "fcn": _torchvision("fcn_resnet50", weights_backbone=None),
    "r3d_18": _torchvision("r3d_18"),
    "vit_96": _timm("vit_tiny_patch16_224", img_size=96, depth=2),
    "vit_gray": _timm("vit_tiny_patch16_224", img_size=(64, 32), in_chans=1, depth=2),
    "convnext_five_channels": _timm("convnext_atto", in_chans=5),
    "efficientnet": _timm("efficientnet_b0"),
    "swin_odd": _timm("swin_tiny_patch4_window7_224", img_size=112, depths=(1, 1), num_heads=(2, 4)),
    "mixer": _timm("mixer_s32_224"),
    "beit": _timm("beit_base_patch16_224", depth=2),
    "bert": _hf("BertModel", "BertConfig", vocab_size=99, **_BERT),
    "gpt2": _hf("GPT2LMHeadModel", "GPT2Config", vocab_size=99, n_embd=32, n_layer=2, n_head=4),
    "llama": _hf("LlamaForCausalLM", "LlamaConfig", vocab_size=99, num_key_value_heads=2, **_BERT),
    "t5": _hf("T5ForConditionalGeneration", "T5Config", vocab_size=99, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4),
    "bart": _hf("BartModel", "BartConfig", vocab_size=99, d_model=32, encoder_layers=2, decoder_layers=2,
                encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=37, decoder_ffn_dim=37),
    "vit": _hf("ViTModel", "ViTConfig", image_size=64, **_BERT),
    "clip": _hf("CLIPModel", "CLIPConfig", text_config={"vocab_size": 99, **_BERT}, vision_config={"image_size": 64, **_BERT}),
    "wav2vec2": _hf("Wav2Vec2Model", "Wav2Vec2Config", vocab_size=32, **_BERT),
    "whisper": _hf("WhisperModel", "WhisperConfig", vocab_size=99, pad_token_id=0, d_model=32, encoder_layers=2, decoder_layers=2,
                   encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=37, decoder_ffn_dim=37),
}  # fmt: skip
