"""The augmentation of AFN's released code for CIFAR, a batch at a time.

A mirror image half of the time; brightness, contrast and saturation times U(.9, 1.1), in this
order; one of the 25 policies of AutoAugment for CIFAR-10 (Cubuk et al., arXiv 1805.09501); a
rotation by U(-5, 5) degrees, nearest neighbour, black beyond the border. No crop. Operations and
tables are torchvision's; images with the same operation go through it together.

Draws stay on the host, operations are applied where the images are, and nothing waits there for a
value: where torchvision's own would (equalize, and matrices that it sends to the device), the same
numbers are had in another way.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.autoaugment import AutoAugment, AutoAugmentPolicy, _apply_op
from torchvision.transforms.functional import rgb_to_grayscale

JITTER, DEGREES = 0.1, 5.0
FLIP, BRIGHTNESS, CONTRAST, SATURATION, POLICY, FIRST, SECOND, SIGNS, ANGLE = range(9)
"""Columns of the draws, each U(0, 1)."""
MOVES = {"ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"}
"""Operations that move pixels and change none."""


class Released:
    """Same interface as `afn.training.augmentations.moves.Moves`, for 1 or 3 channels."""

    def __init__(self, size: int) -> None:
        self.size = size
        table = AutoAugment(AutoAugmentPolicy.CIFAR10)
        self.policies = table.policies
        self.magnitudes = table._augmentation_space(10, (size, size))

    def draw(self, n: int, generator: torch.Generator, device: torch.device) -> Tensor:
        """Draw (n, 9) uniform numbers, kept on the CPU, where batches are sorted by operation."""
        return torch.rand((n, 9), generator=generator, dtype=torch.float64)

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        """Return the images (B, H, W, C) as their draws (B, 9) say; uint8 in, uint8 out."""
        x = images.permute(0, 3, 1, 2)
        mirrored = there(draws[:, FLIP] < 0.5, x.device).view(-1, 1, 1, 1)
        x = torch.where(mirrored, x.flip(3), x)
        factors = 1 + JITTER * (2 * draws[:, BRIGHTNESS : SATURATION + 1] - 1)
        x = jitter(x, *there(factors, x.device).view(-1, 3, 1, 1, 1).unbind(1))
        x = self.auto_augment(x, draws)
        x = rotate(x, DEGREES * (2 * draws[:, ANGLE] - 1))
        return x.permute(0, 2, 3, 1)

    def auto_augment(self, x: Tensor, draws: Tensor) -> Tensor:
        """Apply to each image (B, C, H, W) the two operations of its policy, or one, or none."""
        chosen = (draws[:, POLICY] * len(self.policies)).long()
        signs = (draws[:, SIGNS] * 4).long()
        for step, column in enumerate((FIRST, SECOND)):
            source, x = x, x.clone()
            negative = (signs >> step) & 1 == 0
            for policy in chosen.unique().tolist():
                name, probability, level = self.policies[policy][step]
                values, signed = self.magnitudes[name]
                size = 0.0 if level is None else values[level].item()
                ours = (chosen == policy) & (draws[:, column] <= probability)
                for flipped in (False, True) if signed else (False,):
                    rows = (ours & (negative == flipped) if signed else ours).nonzero()[:, 0]
                    if len(rows):
                        rows = there(rows, x.device)
                        x[rows] = operate(source[rows], name, -size if flipped else size)
        return x


def there(values: Tensor, device: torch.device) -> Tensor:
    """Values of the host on a device, without waiting for it."""
    return values.to(device, non_blocking=True)


def operate(images: Tensor, name: str, magnitude: float) -> Tensor:
    """One operation of AutoAugment on images (B, C, H, W), by its name in torchvision."""
    if name == "Equalize":
        return equalize(images)
    if name not in MOVES:
        return _apply_op(images, name, magnitude, InterpolationMode.NEAREST, None)
    sources = origins(name, magnitude, images.shape[-2:], images.device)
    flat = torch.nn.functional.pad(images.flatten(2), (1, 0))
    return flat[:, :, sources].view(images.shape)


@functools.lru_cache(maxsize=1024)
def origins(name: str, magnitude: float, size: tuple[int, int], device: torch.device) -> Tensor:
    """From which pixel (counted from 1) each of (H W) comes; 0 for those from beyond the border."""
    numbers = torch.arange(1, size[0] * size[1] + 1, dtype=torch.float32).view(1, 1, *size)
    moved = _apply_op(numbers, name, magnitude, InterpolationMode.NEAREST, None)
    return moved.round().long().flatten().to(device)


def equalize(images: Tensor) -> Tensor:
    """Torchvision's, for all images and channels (B, C, H, W) at a time."""
    flat = images.flatten(2).flatten(0, 1).long()
    counts = flat.new_zeros((len(flat), 256)).scatter_add_(1, flat, torch.ones_like(flat))
    # All pixels but those of the largest value, in 255 steps.
    step = (flat.shape[1] - counts.gather(1, flat.amax(1, keepdim=True))) // 255
    table = (counts.cumsum(1) + step // 2) // step.clamp(min=1)
    table = torch.nn.functional.pad(table, (1, 0))[:, :-1].clamp(0, 255)
    found = torch.where(step == 0, flat, table.gather(1, flat))
    return found.to(torch.uint8).view(images.shape)


def jitter(x: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """Torchvision's three adjustments with a factor (B, 1, 1, 1) for each image."""

    def blend(other: Tensor | float, factor: Tensor) -> Tensor:
        # Rounded to single precision where torchvision does, so that no grey level differs.
        mixed = factor.float() * x + (1 - factor).float() * other
        return mixed.clamp(0, 255).to(torch.uint8)

    x = blend(0.0, brightness)
    x = blend(grey(x).float().mean((1, 2, 3), keepdim=True), contrast)
    return blend(grey(x), saturation) if x.shape[1] == 3 else x


def grey(x: Tensor) -> Tensor:
    return rgb_to_grayscale(x) if x.shape[1] == 3 else x


def rotate(x: Tensor, degrees: Tensor) -> Tensor:
    """Turn each image (B, C, H, W) by its angle (B,), counter-clockwise, nearest neighbour."""
    size = x.shape[-1]
    angle = there(degrees * math.pi / 180, x.device)
    cos, sin = angle.cos().float(), angle.sin().float()
    centred = torch.arange(size, device=x.device, dtype=torch.float32) - (size - 1) / 2
    row, column = centred[:, None], centred[None, :]
    cos, sin = cos.view(-1, 1, 1), sin.view(-1, 1, 1)
    grid = torch.stack([cos * column - sin * row, sin * column + cos * row], -1) / (0.5 * size)
    turned = torch.nn.functional.grid_sample(
        x.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False
    )
    return turned.round().to(torch.uint8)
