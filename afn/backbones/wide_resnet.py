"""Wide residual networks. Paper: Zagoruyko & Komodakis 2016, arXiv 1605.07146.

``wrn_D_K`` has depth D and widening factor K. Norm and ReLU stand before each convolution; no
convolution has a bias, no dropout.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

from afn.backbones.matching import nearest_width

Norm = Callable[[int], nn.Module]


class PreActivationBlock(nn.Module):
    """norm - ReLU - conv3x3, twice; a shortcut that changes the shape starts behind the ReLU."""

    def __init__(self, norm: Norm, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.norm1 = norm(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(x))
        shortcut = x if self.shortcut is None else self.shortcut(y)
        y = self.conv2(torch.relu(self.norm2(self.conv1(y))))
        return y + shortcut


class WideResNet(nn.Module):
    """Three stages of (depth - 4) / 6 blocks; the second and the third halve the map.

    Parameters
    ----------
    norm
        ``norm(num_features)`` builds one normalisation layer.
    in_channels, num_classes
        Of the task.
    depth
        6n + 4 for n blocks per stage.
    stem, width
        Channels of the stem (16 in the paper) and of the first stage (16 K); each further stage
        doubles them.
    """

    def __init__(
        self,
        norm: Norm,
        *,
        in_channels: int,
        num_classes: int,
        depth: int,
        stem: int,
        width: int,
    ):
        super().__init__()
        if depth % 6 != 4:
            raise ValueError(f"a wide ResNet has a depth of 6n + 4, not {depth}")
        self.conv1 = nn.Conv2d(in_channels, stem, 3, 1, 1, bias=False)
        self.stages = nn.Sequential()
        inputs = stem
        for stage in range(3):
            outputs = width * 2**stage
            made = []
            for number in range((depth - 4) // 6):
                made.append(
                    PreActivationBlock(norm, inputs, outputs, 2 if stage and not number else 1)
                )
                inputs = outputs
            self.stages.append(nn.Sequential(*made))
        self.norm = norm(inputs)
        self.head = nn.Linear(inputs, num_classes)

    def maps(self, x: Tensor) -> Tensor:
        """The last maps (N, D, h, w) of images (N, in_channels, H, W)."""
        return torch.relu(self.norm(self.stages(self.conv1(x))))

    def embed(self, maps: Tensor) -> Tensor:
        """Features (N, D) of maps (N, D, h, w): the mean over their positions."""
        return maps.mean((2, 3))

    def features(self, x: Tensor) -> Tensor:
        """Features (N, D): the last maps, averaged over their positions."""
        return self.embed(self.maps(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def _build(
    norm: Norm,
    depth: int,
    factor: int,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: int,
    parameters: int,
) -> WideResNet:
    if image_size < 8:
        raise ValueError(
            f"wrn_{depth}_{factor} needs images of at least 8 pixels, not {image_size}"
        )

    def build(stage: int) -> WideResNet:
        return WideResNet(
            norm,
            in_channels=in_channels,
            num_classes=num_classes,
            depth=depth,
            stem=width,
            width=stage,
        )

    stage = width * factor
    return build(nearest_width(build, stage, parameters) if parameters else stage)


def wrn_16_2(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 16,
    parameters: Annotated[int, Ge(0)] = 0,
) -> WideResNet:
    """WRN-16-2: depth 16, 2 times as wide as a ResNet; 13 norms.

    With ``parameters`` the stages are as wide as brings the network, with these norms, nearest to
    that number of parameters: norms of different size can so be compared at equal size.
    """
    return _build(
        norm,
        16,
        2,
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        width=width,
        parameters=parameters,
    )


def wrn_16_4(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 16,
    parameters: Annotated[int, Ge(0)] = 0,
) -> WideResNet:
    """WRN-16-4: depth 16, 4 times as wide as a ResNet; 13 norms."""
    return _build(
        norm,
        16,
        4,
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        width=width,
        parameters=parameters,
    )


def wrn_28_10(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 16,
    parameters: Annotated[int, Ge(0)] = 0,
) -> WideResNet:
    """WRN-28-10: depth 28, 10 times as wide as a ResNet; 25 norms."""
    return _build(
        norm,
        28,
        10,
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        width=width,
        parameters=parameters,
    )


def wrn_40_2(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 16,
    parameters: Annotated[int, Ge(0)] = 0,
) -> WideResNet:
    """WRN-40-2: depth 40, 2 times as wide as a ResNet; 37 norms."""
    return _build(
        norm,
        40,
        2,
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        width=width,
        parameters=parameters,
    )


def wrn_40_4(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 16,
    parameters: Annotated[int, Ge(0)] = 0,
) -> WideResNet:
    """WRN-40-4: depth 40, 4 times as wide as a ResNet; 37 norms."""
    return _build(
        norm,
        40,
        4,
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        width=width,
        parameters=parameters,
    )


def wrn_40_10(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 16,
    parameters: Annotated[int, Ge(0)] = 0,
) -> WideResNet:
    """WRN-40-10: depth 40, 10 times as wide as a ResNet; 37 norms."""
    return _build(
        norm,
        40,
        10,
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        width=width,
        parameters=parameters,
    )
