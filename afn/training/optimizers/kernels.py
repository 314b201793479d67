"""Torch's fused kernels, which no public interface has, and what serves without them.

In: the name of a kernel. Out: it, or None in a torch without it; then the class of ``torch.optim``
moves the same tensors to the same bits. Called by the optimisers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def fused_kernel(name: str) -> Callable[..., None] | None:
    """The private function ``name`` of torch, where there is one."""
    return getattr(torch, name, None)


def by_torch(
    kind: Callable[..., torch.optim.Optimizer],
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    state: dict[str, Sequence[Tensor]],
    **options: Any,
) -> None:
    """One step of a class of ``torch.optim``.

    Parameters
    ----------
    kind : callable
        The class.
    parameters, gradients : sequence of Tensor
        Of equal length; the parameters move.
    state : dict
        By the class's own names, a tensor for each parameter; they move, too.
    **options
        Of the class.
    """
    optimizer = kind(list(parameters), fused=True, **options)
    for number, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
        parameter.grad = gradient
        optimizer.state[parameter] = {name: tensors[number] for name, tensors in state.items()}
    optimizer.step()
