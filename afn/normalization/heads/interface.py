"""What a head is to the passes and layers that call it, and the types of what goes in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from torch import Tensor

# Comments and not docstrings: Sphinx takes a type with one for data, whose value it cannot print.

# What a layer hands to its head beside statistics and parameters. AFN and ASR: dropout factors, or
# None. Switchable and batch-instance normalisation: `State`.
Extra = TypeVar("Extra", contravariant=True)

# a and b of y = a * (x - mean) + b, in the shape of the statistics.
Factors: TypeAlias = tuple[Tensor, Tensor]
# What a head's `forward` leaves for its `backward`, which alone looks into it. Each way to compute
# a head has a named tuple of its own, and `backward` goes the way that the tuple is of.
Saved: TypeAlias = tuple[object, ...]
# c1 and c2 of dx = a * dy + c1 + c2 * (x - mean), and the gradients of the parameters.
Slopes: TypeAlias = tuple[Tensor, Tensor, Sequence[Tensor]]


class State(NamedTuple):
    """Where a head takes the batch part from: ``running`` statistics (mean and variance, (1, C)),
    or else the instance ones, pooled over each of ``groups`` groups of samples."""

    groups: int
    running: tuple[Tensor, Tensor] | None


class Head(Protocol[Extra]):
    """From the statistics of x to one factor and one offset for each of them.

    Parameters of all methods: ``mean`` and ``var`` (biased), taken over ``count`` values each;
    ``extra``, what the layer hands over beside (`Extra`), which a head calls by what it is to it;
    ``params``, the layer's own tensors, in the head's order.
    """

    def coefficients(
        self, mean: Tensor, var: Tensor, count: int, extra: Extra, /, *params: Tensor
    ) -> Factors:
        """a, b for statistics (G, C), differentiable in all tensors."""
        ...

    def factors(
        self, mean: Tensor, var: Tensor, count: int, extra: Extra, /, *params: Tensor
    ) -> Factors:
        """a and b of `forward`, where no backward follows."""
        ...

    def forward(
        self, mean: Tensor, var: Tensor, count: int, extra: Extra, /, *params: Tensor
    ) -> tuple[Tensor, Tensor, Saved]:
        """The numbers of `coefficients` for statistics of any shape with G * C values, outside of
        autograd, and what `backward` needs."""
        ...

    def backward(self, saved: Saved, g_a: Tensor, g_b: Tensor, count: int) -> Slopes:
        """From the sums of dy * (x - mean) and of dy to the gradients of x and parameters."""
        ...
