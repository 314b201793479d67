"""VGG networks. Paper: Simonyan & Zisserman 2015, arXiv 1409.1556."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]


class VGG(nn.Module):
    """Stages of 3x3 convolutions with norm and ReLU; a pool between two stages, a mean at the end.

    Parameters
    ----------
    norm
        ``norm(num_features)`` builds one normalisation layer.
    in_channels, num_classes
        Of the task.
    stages
        Per stage the channels of its convolutions.
    hidden
        Width of the fully connected layer that gives the features; 0 for none.
    """

    def __init__(
        self,
        norm: Norm,
        *,
        in_channels: int,
        num_classes: int,
        stages: tuple[tuple[int, ...], ...],
        hidden: int,
    ):
        super().__init__()
        self.stages = nn.Sequential()
        inputs = in_channels
        for index, widths in enumerate(stages):
            stage: list[nn.Module] = [nn.MaxPool2d(2)] if index else []
            for width in widths:
                conv = nn.Conv2d(inputs, width, 3, padding=1, bias=False)
                stage += [conv, norm(width), nn.ReLU()]
                inputs = width
            self.stages.append(nn.Sequential(*stage))
        self.fc = nn.Linear(inputs, hidden) if hidden else None
        self.head = nn.Linear(hidden or inputs, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """Features (N, hidden): the last maps, averaged over their positions, and `fc`."""
        x = self.stages(x).mean((2, 3))
        return x if self.fc is None else torch.relu(self.fc(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def vgg8(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 32,
) -> VGG:
    """VGG with six convolutions (width, 2 width, 4 width, two each) and two linear layers.

    On 8x8 images the norms see maps of 8, 4 and 2 pixels.
    """
    if image_size < 8:
        raise ValueError(f"vgg8 needs images of at least 8 pixels, not {image_size}")
    stages = tuple((k * width, k * width) for k in (1, 2, 4))
    return VGG(
        norm, in_channels=in_channels, num_classes=num_classes, stages=stages, hidden=4 * width
    )
