"""
The models of the gallery: a few that are part of the package, and some of torchvision's.

`MODELS` are always available; `torchvision_models` adds more where torchvision can be imported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from idlmav.gallery.architectures import (
    GPT,
    Autoencoder,
    InceptionNet,
    LSTMClassifier,
    ResNet20,
    UNet,
    WorkInProgress,
)

__all__ = ["MODELS", "GalleryModel", "all_models", "torchvision_models"]


@dataclass(frozen=True, slots=True)
class GalleryModel:
    """A model and the positional arguments of its forward pass, made on demand; `summary` is one sentence."""

    title: str
    summary: str
    build: Callable[[], nn.Module]
    inputs: Callable[[], tuple[Any, ...]]

    def make(self) -> tuple[nn.Module, tuple[Any, ...]]:
        """Return the model, in evaluation mode, and its inputs on the meta device: they have shapes but no memory."""
        with torch.device("meta"):
            return self.build().eval(), self.inputs()


def _images(channels: int, size: int) -> tuple[Tensor]:
    return (torch.zeros(1, channels, size, size),)


def _tokens(count: int) -> tuple[Tensor]:
    return (torch.zeros(1, count, dtype=torch.long),)


MODELS: dict[str, GalleryModel] = {
    "resnet20": GalleryModel("ResNet-20", "Residual blocks in three stages.", ResNet20, partial(_images, 3, 32)),
    "unet": GalleryModel("U-Net", "Skip connections across four levels.", UNet, partial(_images, 1, 256)),
    "gpt": GalleryModel("GPT", "Six transformer blocks; shared weights.", GPT, partial(_tokens, 128)),
    "lstm": GalleryModel("LSTM classifier", "A recurrent network for texts.", LSTMClassifier, partial(_tokens, 64)),
    "autoencoder": GalleryModel(
        "Autoencoder", "Down to the layer named latent, and up again.", Autoencoder, partial(_images, 1, 28)
    ),
    "inception": GalleryModel("Inception", "Four parallel branches a block.", InceptionNet, partial(_images, 3, 224)),
    "unfinished": GalleryModel(
        "Work in progress",
        "Its forward pass raises halfway; all of it is drawn.",
        WorkInProgress,
        partial(_images, 3, 32),
    ),
}
"""The models that need torch only, under the names that links use."""

TORCHVISION = (
    "resnet18",
    "resnet50",
    "vit_b_16",
    "densenet121",
    "mobilenet_v3_large",
    "convnext_tiny",
    "efficientnet_b0",
    "swin_t",
    "googlenet",
)


def all_models() -> tuple[GalleryModel, ...]:
    """Return the package's models and those of torchvision, if it can be imported; no title occurs twice."""
    return (*MODELS.values(), *torchvision_models()[0].values())


def torchvision_models() -> tuple[dict[str, GalleryModel], str]:
    """Return some of torchvision's models under its names, and why there are none as text for the gallery, or ``""``."""
    if find_spec("torchvision") is None:
        return {}, "torchvision is not installed"
    try:
        library = import_module("torchvision.models")
    except (ImportError, RuntimeError) as error:
        # RuntimeError: registering its operators fails with a torch that it was not built for.
        return {}, f"torchvision cannot be imported: {error}"
    found = {}
    for name in TORCHVISION:
        # GoogLeNet warns if this option is left out; the values of the weights do not matter here.
        options = {"init_weights": False} if name == "googlenet" else {}
        build = partial(library.get_model, name, weights=None, **options)
        found[name] = GalleryModel(name, "From torchvision.", build, partial(_images, 3, 224))
    return found, ""
