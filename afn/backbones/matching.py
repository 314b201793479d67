"""Networks of equal size: the width that brings a network nearest to a number of parameters."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def count_parameters(model: nn.Module) -> int:
    """Learnable numbers of a model, frozen ones included."""
    return sum(p.numel() for p in model.parameters())


def nearest_width(build: Callable[[int], nn.Module], start: int, parameters: int) -> int:
    """The width at which ``build(width)`` comes nearest to ``parameters`` parameters.

    Parameters
    ----------
    build
        Builds the network of a width; its size must grow with the width. What it draws from
        torch's global generator is given back.
    start
        The width to begin with; the answer if it fits exactly.
    parameters
        The size wanted; the smaller width wins a tie.
    """
    state = torch.get_rng_state()
    sizes: dict[int, int] = {}

    def size(width: int) -> int:
        if width not in sizes:
            sizes[width] = count_parameters(build(width))
        return sizes[width]

    low = high = max(1, start)
    while low > 1 and size(low) > parameters:
        low = max(1, low * 3 // 4)
    while size(high) < parameters:
        high += max(1, high // 4)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) <= parameters else (low, middle)
    torch.set_rng_state(state)
    return min((low, high), key=lambda width: abs(size(width) - parameters))
