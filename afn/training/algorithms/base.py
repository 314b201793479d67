"""What the loop needs of a training algorithm, and how one that has only a loss comes to the rest.

In: the object that a recipe names. Out: an `Algorithm`. Called by the training loop
(`afn.training.loop.engine`) and, for its types, by whoever writes an algorithm.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

if TYPE_CHECKING:
    from afn.training.loop.engine import Training


class Algorithm(ABC):
    """How a loss is made of a batch, and what goes with it.

    `loss` is all that an algorithm must have; the other methods do nothing unless they are
    overridden. Keyword-only arguments of ``__init__`` are options of the recipe. A class from
    outside need not inherit from this one: see `adapted`.

    Attributes
    ----------
    recordable : bool
        Whether `loss` does the same on the device at every step, whatever the values are and
        however many steps came before, and draws from no generator of the host: such a step may be
        recorded once and replayed. It counts only in the class that defines the loss, so that a
        subclass with another loss says it for itself.
    """

    recordable = False

    @abstractmethod
    def loss(
        self, model: nn.Module, images: Tensor, labels: Tensor, label_smoothing: float
    ) -> tuple[Tensor, Tensor]:
        """Return the loss to minimise (a scalar) and the logits that the accuracy is taken from.

        Parameters
        ----------
        model : nn.Module
            The network, in training mode; ``model.features`` and ``model.head`` are its two parts.
        images, labels : Tensor
            One normalised batch (B, C, H, W) and its classes (B,).
        label_smoothing : float
            Share of the target that is spread over all classes.
        """

    def begin(self, training: Training) -> None:  # noqa: B027
        """Called once, before the first step."""

    def after_step(self) -> None:  # noqa: B027
        """Called after every step, when the weights have moved."""

    def state_dict(self) -> dict[str, Any]:
        """What it carries from one step to the next, for checkpoints."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Go on from what `state_dict` returned, if that was anything."""


class Adapted(Algorithm):
    """An algorithm that inherits from nothing here: what it lacks does nothing."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def loss(
        self, model: nn.Module, images: Tensor, labels: Tensor, label_smoothing: float
    ) -> tuple[Tensor, Tensor]:
        return self.given.loss(model, images, labels, label_smoothing)

    def begin(self, training: Training) -> None:
        self._call("begin", training)

    def after_step(self) -> None:
        self._call("after_step")

    def state_dict(self) -> dict[str, Any]:
        return self._call("state_dict") or {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._call("load_state_dict", state)

    def _call(self, name: str, *given: Any) -> Any:
        method = getattr(self.given, name, None)
        return None if method is None else method(*given)


def adapted(given: Any) -> Algorithm:
    """The object itself where it is an `Algorithm`; else one that asks it for what it has."""
    return given if isinstance(given, Algorithm) else Adapted(given)
