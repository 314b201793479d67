"""Augmentation of a whole batch at a time, by indexing, on the device where the images are.

The draws of an epoch are made at its start, from a generator of their own on the CPU: the same
images are moved in the same way under every method, on every device.
"""

from __future__ import annotations

import torch
from torch import Tensor

KINDS = ("none", "shift", "crop_flip", "released")


def make(kind: str, size: int):
    """The augmentation of a recipe, for images of ``size`` pixels.

    ``released`` is in a module of its own, which loads torchvision.
    """
    if kind == "released":
        from afn.training.released_augmentation import Released

        return Released(size)
    return Augmentation(kind, size)


class Augmentation:
    """Random translations of images (N, H, W, C), with zeros beyond the border.

    ``shift`` moves by -1, 0 or 1 pixel each way. ``crop_flip`` is the usual recipe for small
    photographs: a crop after padding by an eighth of the size (4 pixels at 32), and a mirror image
    half of the time.

    Parameters
    ----------
    kind : str
        One of `KINDS`, but not ``released``, see `make`.
    size : int
        Height and width of the images.
    """

    def __init__(self, kind: str, size: int) -> None:
        if kind not in KINDS:
            raise ValueError(f"unknown augmentation {kind!r}; valid: {', '.join(KINDS)}")
        if kind == "released":
            raise ValueError("make('released', size) makes the augmentation of the released code")
        self.flip = kind == "crop_flip"
        self.pad = {"none": 0, "shift": 1, "crop_flip": max(1, size // 8)}[kind]
        self.size = size

    def draw(self, n: int, generator: torch.Generator, device: torch.device) -> Tensor | None:
        """Draw what happens to each of ``n`` images; (n, 3): row and column offset, mirrored."""
        if not self.pad:
            return None
        draws = torch.randint(0, 2 * self.pad + 1, (n, 3), generator=generator)
        draws[:, 2] = torch.randint(0, 2, (n,), generator=generator) if self.flip else 0
        return draws.to(device)

    def apply(self, images: Tensor, draws: Tensor | None) -> Tensor:
        """Return the images (B, H, W, C) as their draws (B, 3) say; uint8 in, uint8 out."""
        if draws is None:
            return images
        padded = torch.nn.functional.pad(images, (0, 0, self.pad, self.pad, self.pad, self.pad))
        steps = torch.arange(self.size, device=images.device)
        mirrored = torch.where(draws[:, 2:] == 1, self.size - 1 - steps, steps)
        rows = (draws[:, :1] + steps)[:, :, None]
        columns = (draws[:, 1:2] + mirrored)[:, None, :]
        return padded[torch.arange(len(images), device=images.device)[:, None, None], rows, columns]
