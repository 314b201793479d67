"""A rising learning rate at the start, in front of any schedule."""

from __future__ import annotations

from afn.training.schedules.constant import Constant


class WarmUp:
    """Another schedule whose first ``warmup_epochs`` w run at 1, 2, ..., w times lr / (w + 1).

    The schedule underneath counts these epochs, too, so that a cosine still ends with the training.
    """

    def __init__(self, schedule: Constant, warmup_epochs: int) -> None:
        self.schedule, self.warmup_epochs = schedule, warmup_epochs

    def lr(self, epoch: int) -> float:
        return self.schedule.lr(epoch) * min(1.0, epoch / (self.warmup_epochs + 1))

    def observe(self, loss: float) -> None:
        self.schedule.observe(loss)

    def state_dict(self) -> dict[str, float]:
        return self.schedule.state_dict()

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.schedule.load_state_dict(state)
