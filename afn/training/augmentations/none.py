"""Images as they are."""

from __future__ import annotations

from afn.training.augmentations.moves import Moves


class Nothing(Moves):
    """No augmentation; nothing is drawn."""

    def padding(self, size: int) -> int:
        return 0
