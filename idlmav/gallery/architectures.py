"""Small networks as in their papers, and one with an error."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["GPT", "Autoencoder", "InceptionNet", "LSTMClassifier", "ResNet20", "UNet", "WorkInProgress"]


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut around them."""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in_channels, h, w) to (batch, channels, h / stride, w / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + shortcut)


class ResNet20(nn.Module):
    """
    Classify 32 x 32 images with 20 layers of residual blocks in three stages.

    References
    ----------
    He et al., Deep Residual Learning for Image Recognition, section 4.2, doi:10.1109/CVPR.2016.90
    """

    def __init__(self, classes: int = 10, blocks: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = self._stage(16, 16, blocks, stride=1)
        self.layer2 = self._stage(16, 32, blocks, stride=2)
        self.layer3 = self._stage(32, 64, blocks, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, classes)

    @staticmethod
    def _stage(in_channels: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
        first = BasicBlock(in_channels, channels, stride)
        return nn.Sequential(first, *(BasicBlock(channels, channels) for _ in range(blocks - 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Map images (batch, 3, h, w) to scores (batch, classes)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class ConvNormReLU(nn.Sequential):
    """A convolution that keeps the size, with normalization and ReLU."""

    def __init__(self, in_channels: int, channels: int, size: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, channels, size, padding=size // 2, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )


class DoubleConv(nn.Sequential):
    """Two convolutions, each with normalization and ReLU."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__(*ConvNormReLU(in_channels, channels, 3), *ConvNormReLU(channels, channels, 3))


class UpBlock(nn.Module):
    """Double the resolution and join the result with the encoder's features of that resolution."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, channels, 2, stride=2)
        self.conv = DoubleConv(2 * channels, channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Map (batch, in_channels, h, w) and a skip (batch, channels, 2 h, 2 w) to the shape of the skip."""
        return self.conv(torch.cat([skip, self.up(x)], dim=1))


class UNet(nn.Module):
    """
    Label every pixel: four levels down, a bottleneck, four levels up, a skip connection at each.

    References
    ----------
    Ronneberger et al., U-Net: Convolutional Networks for Biomedical Image Segmentation,
    doi:10.1007/978-3-319-24574-4_28 (padded here, so that the output has the input's size)
    """

    def __init__(self, in_channels: int = 1, classes: int = 2, width: int = 64) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(5)]
        self.encoder = nn.ModuleList(map(DoubleConv, [in_channels, *widths[:3]], widths[:4]))
        self.pool = nn.MaxPool2d(2)
        self.bottleneck = DoubleConv(widths[3], widths[4])
        self.decoder = nn.ModuleList(map(UpBlock, widths[:0:-1], widths[-2::-1]))
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (batch, in_channels, h, w), h and w multiples of 16, to scores (batch, classes, h, w)."""
        skips = []
        for down in self.encoder:
            x = down(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottleneck(x)
        for up in self.decoder:
            x = up(x, skips.pop())
        return self.head(x)


class CausalSelfAttention(nn.Module):
    """Attention with several heads, from every token to itself and the tokens before it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, tokens, width) to the same shape."""
        batch, tokens, width = x.shape
        # (batch, tokens, width) -> (batch, heads, tokens, width / heads)
        q, k, v = (part.view(batch, tokens, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))


class TransformerBlock(nn.Module):
    """Attention, then a small network for every token; both are added to their input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = CausalSelfAttention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, tokens, width) to the same shape."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """
    Predict the next token; the output layer shares its weights with the embedding.

    References
    ----------
    Radford et al., Language Models are Unsupervised Multitask Learners, 2019
    """

    def __init__(self, vocabulary: int = 50257, context: int = 256, width: int = 384, heads: int = 6, depth: int = 6):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(context, width)
        self.h = nn.ModuleList(TransformerBlock(width, heads) for _ in range(depth))
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids: Tensor) -> Tensor:
        """Map token ids (batch, tokens) to scores (batch, tokens, vocabulary)."""
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = self.wte(ids) + self.wpe(positions)
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


class LSTMClassifier(nn.Module):
    """Classify a text by the last states of two recurrent layers, one in each direction."""

    def __init__(self, vocabulary: int = 20000, width: int = 128, hidden: int = 256, classes: int = 2) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.lstm = nn.LSTM(width, hidden, num_layers=2, batch_first=True, bidirectional=True, dropout=0.3)
        self.dropout = nn.Dropout(0.3)
        self.fc = nn.Linear(2 * hidden, classes)

    def forward(self, ids: Tensor) -> Tensor:
        """Map token ids (batch, tokens) to scores (batch, classes)."""
        _, (hidden, _) = self.lstm(self.embedding(ids))
        ends = torch.cat([hidden[-2], hidden[-1]], dim=1)
        return self.fc(self.dropout(ends))


class Autoencoder(nn.Module):
    """Encode an image as a few numbers, the `latent` layer, and decode them again."""

    def __init__(self, latent: int = 32) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.latent = nn.Linear(64 * 7 * 7, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, 64 * 7 * 7),
            nn.Unflatten(1, (64, 7, 7)),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 2, stride=2),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 2, stride=2),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map images (batch, 1, 28, 28) to images of the same shape."""
        return self.decoder(self.latent(self.encoder(x)))


class Inception(nn.Module):
    """Four branches with kernels of different sizes, joined along the channels."""

    def __init__(self, in_channels: int, b1: int, b2: tuple[int, int], b3: tuple[int, int], b4: int) -> None:
        super().__init__()
        self.branch1 = ConvNormReLU(in_channels, b1, 1)
        self.branch2 = nn.Sequential(ConvNormReLU(in_channels, b2[0], 1), ConvNormReLU(b2[0], b2[1], 3))
        self.branch3 = nn.Sequential(ConvNormReLU(in_channels, b3[0], 1), ConvNormReLU(b3[0], b3[1], 5))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), ConvNormReLU(in_channels, b4, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in_channels, h, w) to (batch, sum of the branches, h, w)."""
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], dim=1)


class InceptionNet(nn.Module):
    """
    Classify images with three inception blocks: the start of GoogLeNet.

    References
    ----------
    Szegedy et al., Going Deeper with Convolutions, doi:10.1109/CVPR.2015.7298594
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, stride=2, padding=3), nn.ReLU(), nn.MaxPool2d(3, 2, 1), ConvNormReLU(64, 192, 3)
        )
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.inception3a = Inception(192, 64, (96, 128), (16, 32), 32)
        self.inception3b = Inception(256, 128, (128, 192), (32, 96), 64)
        self.inception4a = Inception(480, 192, (96, 208), (16, 48), 64)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (batch, 3, h, w) to scores (batch, classes)."""
        x = self.inception3b(self.inception3a(self.pool(self.stem(x))))
        x = self.inception4a(self.pool(x))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class WorkInProgress(nn.Module):
    """A classifier with an error: `fc1` expects half as many features as the pooling returns."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            ConvNormReLU(3, 32, 3), nn.MaxPool2d(2), ConvNormReLU(32, 64, 3), nn.AdaptiveAvgPool2d(4)
        )
        self.fc1 = nn.Linear(64 * 4 * 2, 128)
        self.act = nn.ReLU()
        self.fc2 = nn.Linear(128, classes)
        self.auxiliary = nn.Linear(64, classes)  # forward does not call it yet

    def forward(self, x: Tensor) -> Tensor:
        """Raise a RuntimeError halfway."""
        x = torch.flatten(self.features(x), 1)
        x = self.act(self.fc1(x))
        return self.fc2(x)
