"""A learning rate that falls in steps."""

from __future__ import annotations

from afn.training.schedules.constant import Constant


class Step(Constant):
    """Multiply by ``step_gamma`` after every ``step_size`` epochs."""

    def __init__(
        self, lr: float, epochs: int, *, step_size: int = 30, step_gamma: float = 0.1
    ) -> None:
        super().__init__(lr, epochs)
        self.size, self.gamma = step_size, step_gamma

    def lr(self, epoch: int) -> float:
        return self.start * self.gamma ** ((epoch - 1) // self.size)
