"""Hand-written models that the tests of every stage share: small, each for one difficulty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["BROKEN", "HOSTILE_CLASS", "HOSTILE_MODULE", "MODELS", "SPECIAL", "WORKING", "Example"]


@dataclass(frozen=True)
class Example:
    """A model with inputs for it."""

    model: Callable[[], nn.Module]
    args: Callable[[], tuple[Any, ...]] = tuple
    kwargs: Callable[[], dict[str, Any]] = dict


class DoubleConv(nn.Module):
    """Two convolutions, each with normalization."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(x)))


class UNet(nn.Module):
    """A U-Net whose skip connections are concatenated."""

    def __init__(self, width: int = 8, depth: int = 3) -> None:
        super().__init__()
        widths = [width << level for level in range(depth + 1)]
        self.down = nn.ModuleList(DoubleConv(i, o) for i, o in zip([3, *widths], widths[:-1], strict=False))
        self.pool = nn.MaxPool2d(2)
        self.bottom = DoubleConv(widths[-2], widths[-1])
        self.grow = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in reversed(widths[:-1]))
        self.up = nn.ModuleList(DoubleConv(2 * w, w) for w in reversed(widths[:-1]))
        self.head = nn.Conv2d(width, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottom(x)
        for grow, block in zip(self.grow, self.up, strict=True):
            x = block(torch.cat([grow(x), skips.pop()], dim=1))
        return self.head(x)


class DictModel(nn.Module):
    """Takes a dict (nested, with text in it) and keyword arguments, returns a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 16)
        self.image = nn.Linear(12, 16)
        self.head = nn.Linear(16, 4)

    def forward(self, batch: dict[str, Any], *, scale: Tensor | None = None) -> dict[str, Any]:
        mixed = self.words(batch["ids"]).mean(1) + self.image(batch["image"]["pixels"])
        if scale is not None:
            mixed = mixed * scale
        return {"logits": self.head(mixed), "features": [mixed], "name": batch["name"]}


class LstmClassifier(nn.Module):
    """Embedding, two bidirectional LSTM layers, the last step classified."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 16)
        self.lstm = nn.LSTM(16, 32, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(64, 5)

    def forward(self, ids: Tensor) -> Tensor:
        outputs, _ = self.lstm(self.embed(ids))
        return self.head(outputs[:, -1])


class TransformerClassifier(nn.Module):
    """torch's own encoder with a class token and a position embedding used directly."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.zeros(1, 7, width))
        layer = nn.TransformerEncoderLayer(width, 4, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.position
        return self.head(self.encoder(x)[:, 0])


class SharedBlock(nn.Module):
    """One block called three times, and one weight used by two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        self.first = nn.Linear(8, 8, bias=False)
        self.tied = nn.Linear(8, 8, bias=False)
        self.tied.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.block(x) + x
        return self.tied(self.first(x))


class Parameterless(nn.Module):
    """No parameters, no layers."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(x.flatten(1), dim=-1) * 2.0


class Untouched(nn.Module):
    """Returns what it is given; its layer is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return x


class Empty(nn.Module):
    """Takes nothing and returns nothing."""

    def forward(self) -> None:
        return None


class Residual(nn.Module):
    """A layer that does nothing in front of a branch; an activation in place behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.skip = nn.Identity()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.drop = nn.Dropout(0.5)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        kept = self.skip(x)
        x = self.drop(self.conv(x))
        x += kept
        return self.act(x)


class InplaceOnView(nn.Module):
    """Writes into a part of a tensor, then reads the whole."""

    def forward(self, x: Tensor) -> Tensor:
        whole = x * 1.0
        left, right = whole.chunk(2, dim=1)
        left.add_(right)
        whole[:, 0] = 0.0
        return whole.sum(1)


class Stateful(nn.Module):
    """Changes all that a forward pass can change."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.linear = nn.Linear(4, 4)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("average", torch.zeros(4))
        self.seen: list[Any] = []
        self.cache: dict[str, Any] = {}

    def forward(self, x: Tensor) -> Tensor:
        self.steps += 1
        self.average.mul_(0.9).add_(x.mean(0), alpha=0.1)
        self.average[0] = 1.0
        self.linear.weight.data.clamp_(-1, 1)
        self.linear.bias.data = self.linear.bias.data * 2
        self.seen.append(x)
        self.cache["x"] = x
        self.flag = True
        self.extra = nn.Linear(2, 2)
        self.norm.train()
        return self.linear(self.norm(x)) + torch.randn_like(x) + self.average


class DataDependent(nn.Module):
    """Branches on whole numbers that are known, and on activations that are not."""

    def __init__(self) -> None:
        super().__init__()
        self.small = nn.Linear(4, 4)
        self.large = nn.Linear(4, 4)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        x = self.large(x) if int(lengths.max()) > 3 else self.small(x)
        return x * 2 if x.sum() > 0 else x


class PackedSequences(nn.Module):
    """A recurrent layer on sequences of unequal length."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 5, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True)[0]


class WrongSize(nn.Module):
    """The second layer does not fit the first."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 16)
        self.second = nn.Linear(12, 4)
        self.third = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        x = self.second(x)
        return self.third(x)


class WrongChannels(nn.Module):
    """A convolution in a nested block expects other channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.block = nn.Sequential(nn.Conv2d(16, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block(self.stem(x)))


class WrongType(nn.Module):
    """A convolution gets doubles."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.double())


class Unfinished(nn.Module):
    """A layer that is not written yet."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.todo = NotWritten()
        self.last = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.todo(self.first(x)))


class NotWritten(nn.Module):
    """Raises."""

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError("attention is still to be written")


class MissingLayer(nn.Module):
    """Calls a layer that does not exist."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.last = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x = self.middle(x)
        return self.last(x)


class Asserts(nn.Module):
    """An assertion about shapes does not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        assert x.shape[-1] == 9, "expected 9 features"
        return x


class WrongRank(nn.Module):
    """A layer of torch checks the number of dimensions by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x * 2)


class Recovers(nn.Module):
    """Handles the error of one of its ops by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        try:
            return self.linear(x)
        except RuntimeError:
            return self.linear(x.T)


class DeadBranch(nn.Module):
    """More layers than a table shows at once, and two that forward does not call."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(*[nn.Linear(4, 4) for _ in range(60)])
        self.dead = nn.Sequential(nn.Linear(4, 30))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class NeverCalled(nn.Module):
    """Layers that forward never calls, one of them named like an op."""

    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Linear(4, 4)
        self.add = nn.Linear(4, 2)
        self.rest = nn.ModuleList([nn.ReLU()])

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x) + 1


class Branches(nn.Module):
    """Three branches side by side, and a skip connection around them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.left, self.middle, self.right = (nn.Conv2d(4, 4, 1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return torch.cat([self.left(x), self.middle(x), self.right(x)], 1)


class Mystery(nn.Module):
    """A counted, an estimated, a moving and an unknown op, and a layer that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.inner = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        self.dead = nn.Linear(30, 40)
        self.layer.weight.requires_grad = False

    def forward(self, x: Tensor) -> Tensor:
        return torch.matrix_exp(self.inner(torch.relu(self.layer(x))).reshape(8, 8))


class Exponential(nn.Module):
    """Only ops that have no formula for FLOPs."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.matrix_exp(torch.matrix_exp(x))


class OtherOrder(nn.Module):
    """The layers of the U-Net in another order, with more around them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Sigmoid(), nn.MaxPool2d(2), nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(x)
        return torch.relu(torch.cat([x.flip(1), F.relu(x)], dim=1)).softmax(1)


def _hostile_class() -> nn.Module:
    """Return a model whose class and error message are HTML."""

    class Hostile(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError(HOSTILE_CLASS)

    Hostile.__name__ = HOSTILE_CLASS
    return Hostile()


def _hostile_module() -> nn.Module:
    """Return a model one of whose modules has a path, a class and an error message of HTML."""

    class Hostile(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError(HOSTILE_MODULE)

    Hostile.__name__ = HOSTILE_MODULE
    model = nn.Sequential()
    model.add_module(HOSTILE_MODULE.replace(".", "_"), nn.Sequential(nn.Linear(2, 2), Hostile()))
    return model


def _frozen() -> nn.Module:
    """Return a model with a frozen weight, and a layer without a bias."""
    norm = nn.BatchNorm1d(4)
    norm.weight.requires_grad = False
    return nn.Sequential(norm, nn.Linear(4, 2, bias=False))


def _resnet18() -> nn.Module:
    """Return the model of the README."""
    import_module("torchvision_shim")
    return import_module("torchvision").models.resnet18()


HOSTILE_CLASS = '</script><img src="http://evil.example/x.png" onerror="alert(1)">'
HOSTILE_MODULE = "<img src=x onerror=window.attacked=1>"


def _image(size: int = 32) -> tuple[Tensor]:
    return (torch.randn(2, 3, size, size),)


def _rows() -> tuple[Tensor]:
    return (torch.randn(2, 8),)


WORKING: dict[str, Example] = {
    "unet": Example(UNet, _image),
    "dict": Example(
        DictModel,
        lambda: ({"ids": torch.randint(0, 50, (2, 5)), "image": {"pixels": torch.randn(2, 12)}, "name": "cat"},),
        lambda: {"scale": torch.ones(2, 1)},
    ),
    "lstm": Example(LstmClassifier, lambda: (torch.randint(0, 100, (3, 7)),)),
    "transformer": Example(TransformerClassifier, lambda: (torch.randn(2, 6, 16),)),
    "shared": Example(SharedBlock, _rows),
    "parameterless": Example(Parameterless, _image),
    "untouched": Example(Untouched, _rows),
    "empty": Example(Empty),
    "residual": Example(Residual, lambda: (torch.randn(2, 4, 8, 8),)),
    "inplace_on_view": Example(InplaceOnView, _rows),
    "stateful": Example(Stateful, lambda: (torch.randn(6, 4),)),
    "data_dependent": Example(DataDependent, lambda: (torch.randn(2, 4), torch.tensor([2, 5]))),
    "packed": Example(PackedSequences, lambda: (torch.randn(3, 6, 4), torch.tensor([6, 2, 4]))),
    "recovers": Example(Recovers, lambda: (torch.randn(8, 3),)),
}
"""Models that run."""

BROKEN: dict[str, Example] = {
    "wrong_size": Example(WrongSize, _rows),
    "wrong_channels": Example(WrongChannels, _image),
    "wrong_type": Example(WrongType, _image),
    "unfinished": Example(Unfinished, _rows),
    "missing_layer": Example(MissingLayer, _rows),
    "asserts": Example(Asserts, _rows),
    "wrong_rank": Example(WrongRank, _rows),
    "missing_argument": Example(SharedBlock),
}
"""Models that raise midway."""

SPECIAL: dict[str, Example] = {
    "relu": Example(nn.ReLU, lambda: (torch.ones(2),)),
    "conv": Example(lambda: nn.Conv2d(3, 4, 3), lambda: (torch.ones(1, 3, 8, 8),)),
    "linear": Example(lambda: nn.Linear(4, 4), lambda: (torch.zeros(2, 4),)),
    "lazy": Example(lambda: nn.LazyLinear(4), lambda: (torch.zeros(2, 4),)),
    "pair": Example(lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU()), lambda: (torch.zeros(2, 4),)),
    "frozen": Example(_frozen, lambda: (torch.zeros(3, 4),)),
    "branches": Example(Branches, lambda: (torch.zeros(1, 3, 4, 4),)),
    "dead_branch": Example(DeadBranch, lambda: (torch.zeros(2, 4),)),
    "never_called": Example(NeverCalled, lambda: (torch.zeros(2, 4),)),
    "mystery": Example(Mystery, lambda: (torch.zeros(8, 8),)),
    "exponential": Example(lambda: nn.Sequential(Exponential(), nn.ReLU()), lambda: (torch.zeros(3, 3),)),
    "other_order": Example(OtherOrder, lambda: (torch.ones(1, 3, 8, 8),)),
    "hostile_class": Example(_hostile_class, lambda: (torch.ones(2),)),
    "hostile_module": Example(_hostile_module, lambda: (torch.ones(1, 2),)),
    "resnet18": Example(_resnet18, lambda: (torch.empty(16, 3, 160, 160, device="meta"),)),
}
"""Models for single tests."""

MODELS = {"working": WORKING, "broken": BROKEN, "special": SPECIAL}
"""All of them by kind; each is in a file, too, see `pictures.py`."""
