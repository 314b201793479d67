"""ResNet-18, 34 and 50 with a 3x3 stem for small images.

Paper: He et al. 2016, arXiv 1512.03385; four stages of width, 2 width, 4 width and 8 width as for
ImageNet, but the stem keeps the size of the image, as usual for 32x32 pixels.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from afn.backbones.matching import nearest_width
from afn.backbones.resnet import BasicBlock, Bottleneck, Norm, SmallResNet, require_pixels


def _four_stages(
    norm: Norm,
    name: str,
    blocks: tuple[int, int, int, int],
    block: type[BasicBlock] | type[Bottleneck],
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: int,
    parameters: int,
) -> SmallResNet:
    require_pixels(name, image_size, 16)

    def build(width: int) -> SmallResNet:
        return SmallResNet(
            norm,
            in_channels=in_channels,
            num_classes=num_classes,
            widths=(width, 2 * width, 4 * width, 8 * width),
            blocks=blocks,
            block=block,
        )

    return build(nearest_width(build, width, parameters) if parameters else width)


def resnet18(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 64,
    parameters: Annotated[int, Ge(0)] = 0,
) -> SmallResNet:
    """ResNet-18, 20 norms; on 32x32 images they see maps of 32, 16, 8 and 4 pixels.

    With ``parameters`` the width is the one whose network, with these norms, comes nearest to that
    number of parameters: norms of different size can so be compared at equal size.
    """
    return _four_stages(
        norm,
        "resnet18",
        (2, 2, 2, 2),
        BasicBlock,
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        width=width,
        parameters=parameters,
    )


def resnet34(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 64,
    parameters: Annotated[int, Ge(0)] = 0,
) -> SmallResNet:
    """ResNet-34, 36 norms; ``parameters`` as for `resnet18`."""
    return _four_stages(
        norm,
        "resnet34",
        (3, 4, 6, 3),
        BasicBlock,
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        width=width,
        parameters=parameters,
    )


def resnet50(
    norm: Norm,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int,
    width: Annotated[int, Ge(1)] = 64,
    parameters: Annotated[int, Ge(0)] = 0,
) -> SmallResNet:
    """ResNet-50, 53 norms; ``parameters`` as for `resnet18`."""
    return _four_stages(
        norm,
        "resnet50",
        (3, 4, 6, 3),
        Bottleneck,
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        width=width,
        parameters=parameters,
    )
