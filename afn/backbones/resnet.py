"""Residual networks with a 3x3 stem for small images. Paper: He et al. 2016, arXiv 1512.03385."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]
Shortcut = Literal["convolution", "padding"]


class PaddedShortcut(nn.Module):
    """The shortcut without parameters (option A): every other pixel, new channels zero.

    The new channels stand half before and half behind the old ones.
    """

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        before = (outputs - inputs) // 2
        self.stride, self.channels = stride, (before, outputs - inputs - before)

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return nn.functional.pad(x, (0, 0, 0, 0, *self.channels))


def make_shortcut(
    norm: Norm, kind: Shortcut, inputs: int, outputs: int, stride: int
) -> nn.Module | None:
    """What leads around a block; None where the shape stays: the identity."""
    if stride == 1 and inputs == outputs:
        return None
    if kind == "padding":
        return PaddedShortcut(inputs, outputs, stride)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), norm(outputs))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut; a 1x1 convolution where the shape changes."""

    expansion = 1

    def __init__(
        self,
        norm: Norm,
        inputs: int,
        width: int,
        stride: int,
        shortcut: Shortcut = "convolution",
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.norm1 = norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = norm(width)
        self.shortcut = make_shortcut(norm, shortcut, inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return torch.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride) and 1x1 convolutions; the last has four times the width."""

    expansion = 4

    def __init__(
        self,
        norm: Norm,
        inputs: int,
        width: int,
        stride: int,
        shortcut: Shortcut = "convolution",
    ):
        super().__init__()
        outputs = self.expansion * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.norm1 = norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.norm2 = norm(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.norm3 = norm(outputs)
        self.shortcut = make_shortcut(norm, shortcut, inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        y = torch.relu(self.norm2(self.conv2(y)))
        y = self.norm3(self.conv3(y))
        return torch.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class SmallResNet(nn.Module):
    """A ResNet with a 3x3 stem and one stage per width; all but the first stage halve the map.

    Parameters
    ----------
    norm
        ``norm(num_features)`` builds one normalisation layer.
    in_channels, num_classes
        Of the task.
    widths
        Channels of the stages (of their 3x3 convolutions).
    blocks
        Blocks per stage: one number for all stages, or one each.
    block
        `BasicBlock` or `Bottleneck`.
    shortcut
        What leads around a block that changes the shape: a 1x1 convolution with a norm, or the
        padding without parameters of He et al.'s CIFAR networks (option A).
    """

    def __init__(
        self,
        norm: Norm,
        *,
        in_channels: int,
        num_classes: int,
        widths: tuple[int, ...],
        blocks: int | tuple[int, ...],
        block: type[BasicBlock] | type[Bottleneck] = BasicBlock,
        shortcut: Shortcut = "convolution",
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, widths[0], 3, 1, 1, bias=False)
        self.norm1 = norm(widths[0])
        self.stages = nn.Sequential()
        depths = (blocks,) * len(widths) if isinstance(blocks, int) else blocks
        inputs = widths[0]
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            made = []
            for number in range(depth):
                stride = 2 if stage and not number else 1
                made.append(block(norm, inputs, width, stride, shortcut))
                inputs = width * block.expansion
            self.stages.append(nn.Sequential(*made))
        self.head = nn.Linear(inputs, num_classes)

    def maps(self, x: Tensor) -> Tensor:
        """The last maps (N, D, h, w) of images (N, in_channels, H, W)."""
        return self.stages(torch.relu(self.norm1(self.conv1(x))))

    def embed(self, maps: Tensor) -> Tensor:
        """Features (N, D) of maps (N, D, h, w): the mean over their positions."""
        return maps.mean((2, 3))

    def features(self, x: Tensor) -> Tensor:
        """Features (N, D): the last maps, averaged over their positions."""
        return self.embed(self.maps(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def require_pixels(name: str, image_size: int, least: int) -> None:
    """Raise ValueError for images whose last maps would be a single pixel."""
    if image_size < least:
        raise ValueError(f"{name} needs images of at least {least} pixels, not {image_size}")


def resnet8(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 16,
) -> SmallResNet:
    """ResNet-8 (6n + 2 layers, n = 1): stages of width, 2 width, 4 width; 9 norms.

    On 8x8 images they see maps of 8, 4 and 2 pixels.
    """
    require_pixels("resnet8", image_size, 8)
    return SmallResNet(
        norm,
        in_channels=in_channels,
        num_classes=num_classes,
        widths=(width, 2 * width, 4 * width),
        blocks=1,
    )


def resnet32(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 16,
    shortcut: Shortcut = "convolution",
) -> SmallResNet:
    """ResNet-32 for 32x32 images (6n + 2 layers, n = 5): stages of width, 2 width, 4 width."""
    require_pixels("resnet32", image_size, 8)
    return SmallResNet(
        norm,
        in_channels=in_channels,
        num_classes=num_classes,
        widths=(width, 2 * width, 4 * width),
        blocks=5,
        shortcut=shortcut,
    )


def resnet56(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 16,
    shortcut: Shortcut = "convolution",
) -> SmallResNet:
    """ResNet-56 for 32x32 images (6n + 2 layers, n = 9): stages of width, 2 width, 4 width."""
    require_pixels("resnet56", image_size, 8)
    return SmallResNet(
        norm,
        in_channels=in_channels,
        num_classes=num_classes,
        widths=(width, 2 * width, 4 * width),
        blocks=9,
        shortcut=shortcut,
    )


def resnet110(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 16,
    shortcut: Shortcut = "convolution",
) -> SmallResNet:
    """ResNet-110 for 32x32 images (6n + 2 layers, n = 18): stages of width, 2 width, 4 width."""
    require_pixels("resnet110", image_size, 8)
    return SmallResNet(
        norm,
        in_channels=in_channels,
        num_classes=num_classes,
        widths=(width, 2 * width, 4 * width),
        blocks=18,
        shortcut=shortcut,
    )
