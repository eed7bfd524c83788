"""
The default zoo: torchvision, timm and transformers, all with random weights and the smallest variants and inputs.

`ZOO` maps names to (model factory, inputs factory); `KNOWN` lists what differs from a real run, with date and reason.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

__all__ = ["KNOWN", "ZOO", "shrunk"]

Factories = tuple[Callable[[], nn.Module], Callable[[], Any]]

KNOWN: dict[str, dict[str, str]] = {}

CLASSIFICATION = """
alexnet convnext_tiny convnext_small convnext_base densenet121 densenet161 densenet169 densenet201 efficientnet_b0
efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_v2_s efficientnet_v2_m googlenet inception_v3
maxvit_t mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small regnet_x_400mf
regnet_x_800mf regnet_x_1_6gf regnet_x_3_2gf regnet_x_8gf regnet_y_400mf regnet_y_800mf regnet_y_1_6gf regnet_y_3_2gf
regnet_y_8gf resnet101 resnet152 resnet18 resnet34 resnet50 resnext101_32x8d resnext50_32x4d shufflenet_v2_x0_5
shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0 squeezenet1_0 squeezenet1_1 swin_b swin_s swin_t swin_v2_s swin_v2_t
vgg11 vgg11_bn vgg13 vgg16 vgg16_bn vgg19_bn vit_b_16 vit_b_32 wide_resnet50_2
"""
FULL_SIZE = {"maxvit_t", "vit_b_16", "vit_b_32"}
SEGMENTATION = "deeplabv3_mobilenet_v3_large deeplabv3_resnet50 fcn_resnet50 lraspp_mobilenet_v3_large"
VIDEO = {"mc3_18": 64, "r2plus1d_18": 64, "r3d_18": 64, "s3d": 224, "mvit_v1_b": 224, "mvit_v2_s": 224, "swin3d_t": 64}

TIMM = """
beit_base_patch16_224:224 caformer_s18:64 cait_xxs24_224:224 coat_tiny:224 convit_tiny:224 convmixer_768_32:64
convnext_atto:64 cpubone_nano:64 crossvit_tiny_240:64 cs3darknet_s:64 csatv2:64 cspnext_tiny:64 davit_tiny:64
deit_tiny_patch16_224:224 densenet121:64 dla46x_c:64 dpn48b:64 edgenext_xx_small:64 efficientformer_l1:224
efficientformerv2_s0:224 efficientvim_m1:64 efficientvit_b0:64 efficientvit_m0:64 ese_vovnet19b_slim_dw:64 fasternet_t0:64
fastvit_t8:64 focalnet_tiny_srf:64 gcvit_xxtiny:224 gemma4_vit_167m:64 ghostnet_050:64 gmlp_ti16_224:224 halonet_h1:256
hardcorenas_b:64 hgnetv2_b0:64 hiera_tiny_224:224 hrnet_w18_small:64 iformer_t:64 inception_next_atto:64
inception_resnet_v2:96 inception_v3:96 inception_v4:96 lcnetv2_small:64 legacy_seresnet18:64 legacy_xception:64
levit_128s:224 lowformer_b0:64 maxvit_pico_rw_256:256 mobilenetv3_small_050:64 mobilenetv5_base:64 mobileone_s0:64
mobilevit_xxs:64 mvitv2_tiny:64 naflexvit_base_patch16_gap:64 nasnetalarge:64 nest_tiny:224 nextvit_small:64 nf_regnet_b0:64
pit_ti_224:224 pnasnet5large:64 pvt_v2_b0:64 qwen3_vit_88m:64 rdnet_tiny:64 regnetx_002:64 repghostnet_050:64 repvit_m1:64
res2next50:64 resnest14d:64 resnet10t:64 resnetv2_18:64 rexnet_100:64 sam2_hiera_tiny:64 samvit_base_patch16_224:64
selecsls42:64 sequencer2d_s:64 shvit_s1:64 skresnet18:64 starnet_s050:64 swiftformer_xs:64
swin_tiny_patch4_window7_224:224 swinv2_cr_tiny_224:224 swinv2_tiny_window8_256:256 test_mambaout:64 test_vit_relpos:160
tiny_vit_5m_224:64 tinynet_e:64 tnt_s_legacy_patch16_224:224 tresnet_m:64 twins_svt_small:64 vgg11:64 visformer_tiny:224
vit_tiny_patch16_224:224 vit_tiny_patch16_dinov3_qkvb:64 vit_tiny_r_s16_p8_224:224 vitamin_small_224:224 volo_d1_224:224
xception41p:64 xcit_nano_12_p8_224:64
"""

TEXT = """
AfmoeModel AlbertModel ArceeModel BartModel BertModel BertLMHeadModel BigBirdModel BioGptModel BitNetModel BloomModel
CanineModel CohereModel ConvBertModel CTRLModel DebertaModel DebertaV2Model DistilBertModel ElectraModel Ernie4_5_MoeModel
FalconModel FNetModel FunnelModel GemmaModel Gemma2Model Gemma3TextModel GlmModel GPT2LMHeadModel GPTNeoXModel GptOssModel
GraniteMoeModel IBertModel LEDModel Lfm2Model Llama4TextModel LlamaForCausalLM LongformerModel LongT5Model MarianModel
MiniMaxModel MistralModel MixtralModel MobileBertModel ModernBertModel MPNetModel MptModel MT5Model NystromformerModel
OlmoeModel OPTModel PegasusXModel Phi3Model PhimoeModel ProphetNetModel Qwen2MoeModel Qwen3Model Qwen3MoeModel RobertaModel
RoFormerModel SqueezeBertModel StableLmModel T5Model T5Gemma2Model TapasModel UMT5Model XLMModel XLNetModel YosoModel
"""
MIXED_EXPERTS = "MixtralForCausalLM Qwen3MoeForCausalLM GptOssForCausalLM OlmoeForCausalLM"
"""In bfloat16, as torch's grouped matrix product takes nothing else on the meta device."""
VISION = """
BeitModel Data2VecVisionModel DetrModel Dinov2Model DINOv3ViTModel DPTModel FocalNetModel HieraModel LevitModel
MaskFormerModel MobileNetV2Model MobileViTModel PoolFormerModel PvtModel RegNetModel SegformerModel SwiftFormerModel ViTModel
ViTMAEModel YolosModel
"""
SPEECH = "Data2VecAudioModel HubertModel SEWModel UniSpeechModel Wav2Vec2Model Wav2Vec2ConformerModel WavLMModel"

_SMALL = {
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "embed_dim", "dim", "embedding_size", "decoder_hidden_size"), 32),
    **dict.fromkeys(("intermediate_size", "encoder_ffn_dim", "decoder_ffn_dim", "d_ff", "ffn_dim", "hidden_dim"), 64),
    **dict.fromkeys(("num_hidden_layers", "num_layers", "n_layer", "n_layers", "encoder_layers", "decoder_layers"), 2),
    **dict.fromkeys(("num_decoder_layers", "num_encoder_layers", "num_key_value_heads", "num_experts_per_tok"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads"), 4),
    **dict.fromkeys(("decoder_attention_heads", "num_experts", "num_local_experts", "n_routed_experts"), 4),
    "d_kv": 8, "head_dim": 8, "moe_intermediate_size": 16, "vocab_size": 128, "max_position_embeddings": 64,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1,
}  # fmt: skip


def shrunk(config: Any) -> Any:
    """Return a configuration of transformers, and those in it, with few layers and small sizes."""
    from transformers import PretrainedConfig

    for name, value in _SMALL.items():
        if type(getattr(config, name, None)) is int:
            with contextlib.suppress(AttributeError, NotImplementedError):  # derived from others
                setattr(config, name, value)
    for value in list(vars(config).values()):
        if isinstance(value, PretrainedConfig):
            shrunk(value)
    kinds = getattr(config, "layer_types", None)
    if isinstance(kinds, list) and hasattr(config, "num_hidden_layers"):
        config.layer_types = kinds[: config.num_hidden_layers]
    return config


def from_torchvision(name: str, **settings: Any) -> nn.Module:
    import torchvision

    return torchvision.models.get_model(name, weights=None, **settings).eval()


def from_timm(name: str) -> nn.Module:
    import timm

    return timm.create_model(name, pretrained=False).eval()


def from_transformers(name: str, dtype: torch.dtype = torch.float32, **settings: Any) -> nn.Module:
    """Return a model of transformers: shrunk, or with the given settings and nothing else changed."""
    import transformers

    kind = getattr(transformers, name)
    config = kind.config_class(**settings) if settings else shrunk(kind.config_class())
    return kind(config).to(dtype).eval()


def image(size: int, *leading: int) -> torch.Tensor:
    return torch.randn(*(leading or (1, 3)), size, size)


def tokens(name: str = "", **more: Callable[[], torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return token ids, and whatever else a model needs; for a decoder, too, if it has one."""
    import transformers

    found = {"input_ids": torch.randint(3, 100, (2, 12))}
    if name and "decoder_input_ids" in inspect.signature(getattr(transformers, name).forward).parameters:
        found["decoder_input_ids"] = torch.randint(3, 100, (2, 5))
    return {**found, **{key: make() for key, make in more.items()}}


def pixels(name: str) -> dict[str, torch.Tensor]:
    import transformers

    size = getattr(getattr(transformers, name).config_class(), "image_size", None) or 64
    return {"pixel_values": image(size if isinstance(size, int) else size[0])}


def _tower(**more: Any) -> dict[str, Any]:
    return {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, **more}


_STATE_SPACE = {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 128, "state_size": 8}
_FRAMES = {"image_size": 32, "num_frames": 4, **_tower()}
_SWIN = {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 4], "image_size": 64, "window_size": 4}
_TWO = {"text_config": _tower(vocab_size=128), "vision_config": _tower(image_size=32, patch_size=8)}
_LLAVA = {
    "text_config": _tower(vocab_size=128, model_type="llama"),
    "vision_config": _tower(image_size=32, patch_size=8, model_type="clip_vision_model"), "image_token_index": 99,
}  # fmt: skip
_SERIES = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "prediction_length": 4,
    "context_length": 8,
    "lags_sequence": [1, 2],
}
_WHISPER = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
    "vocab_size": 128, "max_source_positions": 50, "pad_token_id": 0, "decoder_start_token_id": 1,
}  # fmt: skip


def _series() -> dict[str, torch.Tensor]:
    return {
        "past_values": torch.randn(2, 10), "past_time_features": torch.randn(2, 10, 1), "past_observed_mask": torch.ones(2, 10),
        "future_values": torch.randn(2, 4), "future_time_features": torch.randn(2, 4, 1),
    }  # fmt: skip


def _with_image_tokens() -> dict[str, torch.Tensor]:
    return {"input_ids": torch.tensor([[1, *[99] * 16, 5, 6]]), "pixel_values": image(32)}


def _with_cache() -> dict[str, Any]:
    """Return one further token, with what a model keeps of those before it."""
    from transformers import DynamicCache

    cache = DynamicCache()
    for layer in range(2):
        cache.update(torch.randn(1, 2, 7, 8), torch.randn(1, 2, 7, 8), layer)
    return {"input_ids": torch.tensor([[5]]), "past_key_values": cache}


SETTINGS: dict[str, tuple[dict[str, Any], Callable[[], Any]]] = {
    "ASTModel": (_tower(max_length=64, num_mel_bins=32), lambda: {"input_values": torch.randn(1, 64, 32)}),
    "BlipForImageTextRetrieval": (
        {"text_config": _tower(vocab_size=128, encoder_hidden_size=32), "vision_config": _tower(image_size=32, patch_size=8)},
        partial(tokens, pixel_values=lambda: image(32, 2, 3)),
    ),
    "CLIPModel": (_TWO, partial(tokens, pixel_values=lambda: image(32, 2, 3))),
    "ConvNextModel": ({"hidden_sizes": [8, 16, 32, 64], "depths": [1, 1, 2, 1]}, lambda: image(64)),
    "EncodecModel": (
        {"num_filters": 4, "hidden_size": 16, "codebook_dim": 16, "upsampling_ratios": [4, 2], "num_lstm_layers": 1, "target_bandwidths": [90.0]},
        lambda: torch.randn(1, 1, 400),
    ),
    "FalconMambaModel": (_STATE_SPACE, tokens),
    "InformerModel": ({**_SERIES, "num_time_features": 1}, _series),
    "LlavaForConditionalGeneration": (_LLAVA, _with_image_tokens),
    "Mamba2Model": ({**_STATE_SPACE, "num_heads": 8, "head_dim": 8, "n_groups": 1, "chunk_size": 8}, tokens),
    "MambaForCausalLM": (_STATE_SPACE, tokens),
    "ReformerModel": (
        {"hidden_size": 32, "axial_pos_embds_dim": (16, 16), "axial_pos_shape": (4, 16), "num_attention_heads": 2,
         "attention_head_size": 16, "feed_forward_size": 64, "lsh_attn_chunk_length": 8, "local_attn_chunk_length": 8,
         "num_buckets": 4, "vocab_size": 128, "attn_layers": ["local", "lsh"], "is_decoder": True},
        lambda: {"input_ids": torch.randint(3, 100, (2, 64))},
    ),
    "RwkvModel": ({"hidden_size": 32, "attention_hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 128}, tokens),
    "SamModel": (
        {"vision_config": _tower(image_size=64, patch_size=8, output_channels=16, global_attn_indexes=[1], window_size=4, num_pos_feats=8),
         "prompt_encoder_config": {"hidden_size": 16, "image_size": 64, "patch_size": 8},
         "mask_decoder_config": {"hidden_size": 16, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16}},
        lambda: {"pixel_values": image(64), "input_points": torch.tensor([[[[10.0, 20.0]]]])},
    ),
    "SiglipModel": (_TWO, partial(tokens, pixel_values=lambda: image(32, 2, 3))),
    "Speech2TextModel": (
        {**{k: v for k, v in _WHISPER.items() if k != "max_source_positions"}, "input_feat_per_channel": 16, "conv_channels": 32},
        lambda: {"input_features": torch.randn(1, 40, 16), "decoder_input_ids": torch.tensor([[1, 2, 3]])},
    ),
    "Swin2SRModel": ({**_SWIN, "window_size": 4, "upscale": 2}, lambda: image(64)),
    "SwinModel": (_SWIN, lambda: image(64)),
    "Swinv2Model": (_SWIN, lambda: image(64)),
    "TimeSeriesTransformerModel": ({**_SERIES, "num_time_features": 1}, _series),
    "TimesformerModel": (_FRAMES, lambda: torch.randn(1, 4, 3, 32, 32)),
    "VideoMAEModel": (_FRAMES, lambda: torch.randn(1, 4, 3, 32, 32)),
    "ViltModel": (_tower(image_size=32, patch_size=8, vocab_size=128), partial(tokens, pixel_values=lambda: image(32, 2, 3))),
    "VivitModel": (_FRAMES, lambda: torch.randn(1, 4, 3, 32, 32)),
    "WhisperModel": (_WHISPER, lambda: {"input_features": torch.randn(1, 80, 100), "decoder_input_ids": torch.tensor([[1, 2, 3]])}),
    "MistralForCausalLM": (
        _tower(num_key_value_heads=2, head_dim=8, vocab_size=128), _with_cache),
}  # fmt: skip


def _zoo() -> dict[str, Factories]:
    zoo: dict[str, Factories] = {}
    for name in CLASSIFICATION.split():
        # Random weights for its own sake cost GoogLeNet and Inception more than everything else.
        settings = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        size = 224 if name in FULL_SIZE else 96 if name == "inception_v3" else 64
        zoo[f"torchvision/{name}"] = partial(from_torchvision, name, **settings), partial(image, size)
    for name in SEGMENTATION.split():
        zoo[f"torchvision/{name}"] = partial(from_torchvision, name, weights_backbone=None), partial(image, 64)
    for name, size in VIDEO.items():
        frames = 16 if size == 224 else 8
        zoo[f"torchvision/{name}"] = partial(from_torchvision, name), partial(image, size, 1, 3, frames)
    for entry in TIMM.split():
        name, _, side = entry.partition(":")
        zoo[f"timm/{name}"] = partial(from_timm, name), partial(image, int(side))
    for name in TEXT.split():
        zoo[f"transformers/{name}"] = partial(from_transformers, name), partial(tokens, name)
    for name in MIXED_EXPERTS.split():
        zoo[f"transformers/{name}"] = partial(from_transformers, name, torch.bfloat16), tokens
    for name in VISION.split():
        zoo[f"transformers/{name}"] = partial(from_transformers, name), partial(pixels, name)
    for name in SPEECH.split():
        zoo[f"transformers/{name}"] = partial(from_transformers, name), partial(torch.randn, 1, 4000)
    for name, (settings, inputs) in SETTINGS.items():
        zoo[f"transformers/{name}"] = partial(from_transformers, name, **settings), inputs
    return zoo


ZOO: dict[str, Factories] = _zoo()
