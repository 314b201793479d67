"""Images moved by a pixel."""

from __future__ import annotations

from afn.training.augmentations.moves import Moves


class Shift(Moves):
    """Moves by -1, 0 or 1 pixel each way."""

    def padding(self, size: int) -> int:
        return 1
