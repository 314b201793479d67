"""Residual networks. Paper: He et al. 2016, arXiv 1512.03385."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut; a 1x1 convolution where the shape changes."""

    def __init__(self, norm: Norm, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = norm(outputs)
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), norm(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
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
        Channels of the stages.
    blocks
        Basic blocks per stage.
    """

    def __init__(
        self,
        norm: Norm,
        *,
        in_channels: int,
        num_classes: int,
        widths: tuple[int, ...],
        blocks: int,
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, widths[0], 3, 1, 1, bias=False)
        self.norm1 = norm(widths[0])
        self.stages = nn.Sequential()
        inputs = widths[0]
        for stage, width in enumerate(widths):
            made = []
            for block in range(blocks):
                made.append(BasicBlock(norm, inputs, width, 2 if stage and not block else 1))
                inputs = width
            self.stages.append(nn.Sequential(*made))
        self.head = nn.Linear(inputs, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """Features (N, widths[-1]): the last maps, averaged over their positions."""
        x = torch.relu(self.norm1(self.conv1(x)))
        return self.stages(x).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


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
    if image_size < 8:
        raise ValueError(f"resnet8 needs images of at least 8 pixels, not {image_size}")
    return SmallResNet(
        norm,
        in_channels=in_channels,
        num_classes=num_classes,
        widths=(width, 2 * width, 4 * width),
        blocks=1,
    )
