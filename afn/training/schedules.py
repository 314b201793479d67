"""Learning-rate schedules. Each is asked once per epoch, and told the epoch's training loss.

``lr(epoch)`` with epochs from 1; ``observe(loss)`` after each epoch; the state is a small dict.
"""

from __future__ import annotations

import math
from types import SimpleNamespace


class Constant:
    """The same learning rate in every epoch."""

    def __init__(self, recipe: SimpleNamespace) -> None:
        self.start = recipe.lr

    def lr(self, epoch: int) -> float:
        return self.start

    def observe(self, loss: float) -> None:
        """Only ALRS looks at the loss."""

    def state_dict(self) -> dict[str, float]:
        return {}

    def load_state_dict(self, state: dict[str, float]) -> None:
        pass


class Cosine(Constant):
    """From the full rate down half a cosine, which would reach 0 one epoch after the last.

    The values are those of ``torch.optim.lr_scheduler.CosineAnnealingLR`` stepped per epoch.
    """

    def __init__(self, recipe: SimpleNamespace) -> None:
        super().__init__(recipe)
        self.epochs = recipe.epochs

    def lr(self, epoch: int) -> float:
        return self.start * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / self.epochs))


class Step(Constant):
    """Multiply by ``step_gamma`` after every ``step_size`` epochs."""

    def __init__(self, recipe: SimpleNamespace) -> None:
        super().__init__(recipe)
        self.size, self.gamma = recipe.step_size, recipe.step_gamma

    def lr(self, epoch: int) -> float:
        return self.start * self.gamma ** ((epoch - 1) // self.size)


class ALRS(Constant):
    """The adaptive schedule of the authors' code: decay when the training loss stalls.

    After each epoch, with delta = last loss - loss: if delta < ``alrs_threshold`` and
    delta / last loss < ``alrs_ratio``, the learning rate is multiplied by ``alrs_decay``. The first
    epoch never decays. The authors' AFN code has (0.01, 0.01, 0.97), their NICO code
    (0.02, 0.02, 0.9). It follows each arm's own loss, so arms get different schedules.
    """

    def __init__(self, recipe: SimpleNamespace) -> None:
        super().__init__(recipe)
        self.threshold, self.ratio = recipe.alrs_threshold, recipe.alrs_ratio
        self.decay = recipe.alrs_decay
        self.current = recipe.lr
        self.last = math.inf

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


class WarmUp(Constant):
    """Another schedule whose first ``warmup_epochs`` w run at 1, 2, ..., w times lr / (w + 1).

    The schedule underneath counts these epochs, too, so that a cosine still ends with the training.
    """

    def __init__(self, recipe: SimpleNamespace, schedule: Constant) -> None:
        super().__init__(recipe)
        self.epochs, self.schedule = recipe.warmup_epochs, schedule

    def lr(self, epoch: int) -> float:
        return self.schedule.lr(epoch) * min(1.0, epoch / (self.epochs + 1))

    def observe(self, loss: float) -> None:
        self.schedule.observe(loss)

    def state_dict(self) -> dict[str, float]:
        return self.schedule.state_dict()

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.schedule.load_state_dict(state)


SCHEDULES = {"constant": Constant, "cosine": Cosine, "step": Step, "alrs": ALRS}


def make(recipe: SimpleNamespace) -> Constant:
    """The schedule of a recipe."""
    if recipe.schedule not in SCHEDULES:
        valid = ", ".join(SCHEDULES)
        raise ValueError(f"unknown schedule {recipe.schedule!r}; valid: {valid}")
    schedule = SCHEDULES[recipe.schedule](recipe)
    return WarmUp(recipe, schedule) if recipe.warmup_epochs else schedule
