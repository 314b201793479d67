"""Translations and mirror images of a whole batch at a time, by indexing, where the images are.

The draws of an epoch are made at its start, from a generator of their own on the CPU: the same
images are moved in the same way under every method, on every device.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Moves:
    """Random translations of images (N, H, W, C), with zeros beyond the border.

    What `draw` returns for an epoch is indexed by image, and `apply` gets the rows of its batch:
    the interface of every augmentation. Keyword-only arguments of ``__init__`` get the settings of
    the recipe with their names.

    Parameters
    ----------
    size : int
        Height and width of the images.
    """

    flip = False
    """Whether half of the images are mirrored."""
    any_values = True
    """Whether images may hold other numbers than uint8, which are moved as they are."""

    def __init__(self, size: int) -> None:
        self.size, self.pad = size, self.padding(size)

    def padding(self, size: int) -> int:
        """By how many pixels an image is moved at most, each way."""
        raise NotImplementedError

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
