"""Small convolutional networks for digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]


class ConvNet(nn.Module):
    """conv3x3 - norm - ReLU - pool, twice, then two fully connected layers.

    Parameters
    ----------
    norm
        ``norm(num_features)`` builds one normalisation layer.
    in_channels, num_classes, image_size
        Of the task; images (N, in_channels, image_size, image_size), image_size a multiple of 4.
    widths
        Channels of the two convolutions.
    hidden
        Width of the first fully connected layer, which gives the features.
    """

    def __init__(
        self,
        norm: Norm,
        *,
        in_channels: int,
        num_classes: int,
        image_size: int,
        widths: tuple[int, int],
        hidden: int,
    ):
        super().__init__()
        if image_size < 8 or image_size % 4:
            raise ValueError(f"a ConvNet needs images of 8, 12, ... pixels, not {image_size}")
        first, second = widths
        self.conv1 = nn.Conv2d(in_channels, first, 3, padding=1, bias=False)
        self.norm1 = norm(first)
        self.conv2 = nn.Conv2d(first, second, 3, padding=1, bias=False)
        self.norm2 = norm(second)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(second * (image_size // 4) ** 2, hidden)
        self.head = nn.Linear(hidden, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """Features (N, hidden) of images (N, in_channels, image_size, image_size)."""
        x = self.pool(torch.relu(self.norm1(self.conv1(x))))
        x = self.pool(torch.relu(self.norm2(self.conv2(x))))
        return torch.relu(self.fc(x.flatten(1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def convnet_small(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 16,
    hidden: Annotated[int, Ge(1)] = 128,
) -> ConvNet:
    """conv3x3 16, conv3x3 32, fc 128, fc classes: the network of AFN's released digits code.

    The norms see maps of image_size and image_size / 2.
    """
    return ConvNet(
        norm,
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        widths=(width, 2 * width),
        hidden=hidden,
    )
