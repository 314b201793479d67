"""Small convolutional networks for digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]


class ConvNet(nn.Module):
    """conv - norm - ReLU - pool, twice, then two or three fully connected layers.

    Parameters
    ----------
    norm
        ``norm(num_features)`` builds one normalisation layer.
    in_channels, num_classes, image_size
        Of the task; images (N, in_channels, image_size, image_size).
    widths
        Channels of the two convolutions.
    hidden
        Width of the fully connected layers before the head; the last gives the features.
    kernel, padding
        Of both convolutions.
    """

    def __init__(
        self,
        norm: Norm,
        *,
        in_channels: int,
        num_classes: int,
        image_size: int,
        widths: tuple[int, int],
        hidden: tuple[int, ...],
        kernel: int = 3,
        padding: int = 1,
    ):
        super().__init__()
        lost = kernel - 1 - 2 * padding
        least = 8 + 2 * lost
        if image_size < least or (image_size - lost) % 2 or (image_size - lost) // 2 % 2:
            raise ValueError(
                f"a ConvNet of {kernel}x{kernel} convolutions needs images of {least}, "
                f"{least + 4}, ... pixels, not {image_size}"
            )
        first, second = widths
        self.conv1 = nn.Conv2d(in_channels, first, kernel, padding=padding, bias=False)
        self.norm1 = norm(first)
        self.conv2 = nn.Conv2d(first, second, kernel, padding=padding, bias=False)
        self.norm2 = norm(second)
        self.pool = nn.MaxPool2d(2)
        last = ((image_size - lost) // 2 - lost) // 2
        self.fc = nn.Linear(second * last**2, hidden[0])
        self.fc2 = nn.Linear(*hidden) if len(hidden) == 2 else None
        self.head = nn.Linear(hidden[-1], num_classes)

    def maps(self, x: Tensor) -> Tensor:
        """The last maps (N, D, h, w) of images (N, in_channels, image_size, image_size)."""
        x = self.pool(torch.relu(self.norm1(self.conv1(x))))
        return self.pool(torch.relu(self.norm2(self.conv2(x))))

    def embed(self, maps: Tensor) -> Tensor:
        """Features (N, hidden) of maps, through the fully connected layers."""
        x = torch.relu(self.fc(maps.flatten(1)))
        return x if self.fc2 is None else torch.relu(self.fc2(x))

    def features(self, x: Tensor) -> Tensor:
        """Features (N, hidden) of images (N, in_channels, image_size, image_size)."""
        return self.embed(self.maps(x))

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
        hidden=(hidden,),
    )


def convnet(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 64,
    hidden: Annotated[int, Ge(1)] = 1024,
) -> ConvNet:
    """conv5x5 64, conv5x5 128, fc 1024, fc 1024, fc classes: the literature's network for Digits.

    The convolutions are not padded (Volpi et al. 2018, arXiv 1805.12018); on 32x32 images the norms
    see maps of 28 and 10 pixels.
    """
    return ConvNet(
        norm,
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        widths=(width, 2 * width),
        hidden=(hidden, hidden),
        kernel=5,
        padding=0,
    )
