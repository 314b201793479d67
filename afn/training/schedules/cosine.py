"""A learning rate that falls along half a cosine."""

from __future__ import annotations

import math

from afn.training.schedules.constant import Constant


class Cosine(Constant):
    """From the full rate down half a cosine, which would reach 0 one epoch after the last.

    The values are those of ``torch.optim.lr_scheduler.CosineAnnealingLR`` stepped per epoch.
    """

    def lr(self, epoch: int) -> float:
        return self.start * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / self.epochs))
