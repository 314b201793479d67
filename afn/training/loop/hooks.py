"""What a layer may have beside its forward pass, as types, and who in a network has it.

In: a network. Out: the methods that the training loop calls after every step and every epoch. A
layer need not inherit from anything: it has a hook if it has the method.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class WithStepHook(Protocol):
    """A layer that has the last word on its parameters after a step of the optimiser."""

    def after_step(self) -> None:
        """Called after every step; works on tensors in place."""


@runtime_checkable
class WithScalars(Protocol):
    """A layer with values that a history follows."""

    def scalars(self) -> dict[str, float]:
        """Called after every epoch."""
        ...


def hooks_after_step(model: nn.Module) -> list[Callable[[], None]]:
    """What is called after every step, in the order of the network's layers."""
    return [module.after_step for module in model.modules() if isinstance(module, WithStepHook)]


def scalars(model: nn.Module) -> dict[str, float]:
    """What the layers want followed over training, as ``"<scalar>:<qualified layer name>"``."""
    return {
        f"{scalar}:{path}": float(value)
        for path, module in model.named_modules()
        if isinstance(module, WithScalars)
        for scalar, value in module.scalars().items()
    }
