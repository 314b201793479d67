"""Crops of padded images, and mirror images."""

from __future__ import annotations

from afn.training.augmentations.moves import Moves


class CropFlip(Moves):
    """The usual recipe for small photographs.

    A crop after padding by an eighth of the size (4 pixels at 32), and a mirror image half of the
    time.
    """

    flip = True

    def padding(self, size: int) -> int:
        return max(1, size // 8)
