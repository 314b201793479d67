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
    last_pool
        Also pool behind the last stage.
    bias
        Of the convolutions; idle under a norm, but the published counts hold it.
    """

    def __init__(
        self,
        norm: Norm,
        *,
        in_channels: int,
        num_classes: int,
        stages: tuple[tuple[int, ...], ...],
        hidden: int,
        last_pool: bool = False,
        bias: bool = False,
    ):
        super().__init__()
        self.stages = nn.Sequential()
        inputs = in_channels
        for index, widths in enumerate(stages):
            stage: list[nn.Module] = [nn.MaxPool2d(2)] if index else []
            for width in widths:
                conv = nn.Conv2d(inputs, width, 3, padding=1, bias=bias)
                stage += [conv, norm(width), nn.ReLU()]
                inputs = width
            if last_pool and index == len(stages) - 1:
                stage.append(nn.MaxPool2d(2))
            self.stages.append(nn.Sequential(*stage))
        self.fc = nn.Linear(inputs, hidden) if hidden else None
        self.head = nn.Linear(hidden or inputs, num_classes)

    def maps(self, x: Tensor) -> Tensor:
        """The last maps (N, D, h, w) of images (N, in_channels, H, W)."""
        return self.stages(x)

    def embed(self, maps: Tensor) -> Tensor:
        """Features (N, hidden) of maps: their mean over positions, and `fc`."""
        x = maps.mean((2, 3))
        return x if self.fc is None else torch.relu(self.fc(x))

    def features(self, x: Tensor) -> Tensor:
        """Features (N, hidden): the last maps, averaged over their positions, and `fc`."""
        return self.embed(self.maps(x))

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


def _published(name: str, norm: Norm, convolutions: tuple[int, ...], **shape: int) -> VGG:
    """Five stages of 64, 128, 256, 512 and 512 channels, a pool behind each, one linear layer."""
    width, image_size = shape.pop("width"), shape.pop("image_size")
    if image_size < 32:
        raise ValueError(f"{name} needs images of at least 32 pixels, not {image_size}")
    widths = (width, 2 * width, 4 * width, 8 * width, 8 * width)
    stages = tuple((w,) * n for w, n in zip(widths, convolutions, strict=True))
    return VGG(norm, stages=stages, hidden=0, last_pool=True, bias=True, **shape)


def vgg13_bn(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 64,
) -> VGG:
    """VGG-13 for 32x32 images: 10 convolutions with a norm each, one fully connected layer.

    The norms see maps of 32, 16, 8, 4 and 2 pixels.
    """
    return _published(
        "vgg13_bn",
        norm,
        (2, 2, 2, 2, 2),
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        width=width,
    )


def vgg16_bn(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 64,
) -> VGG:
    """VGG-16 for 32x32 images: 13 convolutions with a norm each, one fully connected layer.

    The norms see maps of 32, 16, 8, 4 and 2 pixels.
    """
    return _published(
        "vgg16_bn",
        norm,
        (2, 2, 3, 3, 3),
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        width=width,
    )


def vgg19_bn(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 64,
) -> VGG:
    """VGG-19 for 32x32 images: 16 convolutions with a norm each, one fully connected layer.

    The norms see maps of 32, 16, 8, 4 and 2 pixels.
    """
    return _published(
        "vgg19_bn",
        norm,
        (2, 2, 4, 4, 4),
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        width=width,
    )
