"""A constant learning rate, and what every schedule has."""

from __future__ import annotations


class Constant:
    """The same learning rate in every epoch; the interface of every other schedule.

    ``lr(epoch)`` with epochs from 1 is asked once per epoch, then ``observe(loss)`` told its mean
    loss; the state is a small dict of plain values. Keyword-only arguments of ``__init__`` get the
    settings of the recipe with their names.

    Parameters
    ----------
    lr : float
        The rate that the recipe starts from.
    epochs : int
        Epochs of the whole training.
    """

    def __init__(self, lr: float, epochs: int) -> None:
        self.start, self.epochs = lr, epochs

    def lr(self, epoch: int) -> float:
        return self.start

    def observe(self, loss: float) -> None:
        """Only ALRS looks at the loss."""

    def state_dict(self) -> dict[str, float]:
        return {}

    def load_state_dict(self, state: dict[str, float]) -> None:
        pass
