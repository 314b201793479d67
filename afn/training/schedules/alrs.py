"""The adaptive schedule of the authors' code."""

from __future__ import annotations

import math

from afn.training.schedules.constant import Constant


class ALRS(Constant):
    """The adaptive schedule of the authors' code: decay when the training loss stalls.

    After each epoch, with delta = last loss - loss: if delta < ``alrs_threshold`` and
    delta / last loss < ``alrs_ratio``, the learning rate is multiplied by ``alrs_decay``. The first
    epoch never decays. The authors' AFN code has (0.01, 0.01, 0.97), their NICO code
    (0.02, 0.02, 0.9). It follows each arm's own loss, so arms get different schedules.
    """

    def __init__(
        self,
        lr: float,
        epochs: int,
        *,
        alrs_threshold: float = 0.01,
        alrs_ratio: float = 0.01,
        alrs_decay: float = 0.97,
    ) -> None:
        super().__init__(lr, epochs)
        self.threshold, self.ratio, self.decay = alrs_threshold, alrs_ratio, alrs_decay
        self.current, self.last = lr, math.inf

    def lr(self, epoch: int) -> float:
        return self.current

    def observe(self, loss: float) -> None:
        delta = self.last - loss
        # A last loss of 0 leaves no ratio; the loss cannot have fallen, so it has stalled.
        relative = delta / self.last if self.last else -math.inf
        if math.isfinite(self.last) and delta < self.threshold and relative < self.ratio:
            self.current *= self.decay
        self.last = loss

    def state_dict(self) -> dict[str, float]:
        return {"current": self.current, "last": self.last}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.current, self.last = state["current"], state["last"]
