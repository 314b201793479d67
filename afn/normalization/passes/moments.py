"""Means and variances of activations, by the fastest kernel that torch has for each case.

All variances are biased. Results are float32 for half-precision input, else of the input's type.
`aten::batch_norm_update_stats` takes a tenth to a twentieth of `torch.var_mean`'s time on
channels_last tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor


def has_kernels(x: Tensor) -> bool:
    """Whether the native batch normalisation kernels serve this tensor's device."""
    return x.is_cpu or x.is_cuda


def wide(dtype: torch.dtype) -> torch.dtype:
    """The type in which statistics of ``dtype`` are held: at least float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def channel_moments(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    momentum: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Mean and biased variance over all but dimension 1; updates running statistics in passing.

    Parameters
    ----------
    x
        (N, C, ...), more than one value per channel.
    running_mean, running_var
        (C,) or None; moved by ``momentum`` towards the mean and the *unbiased* variance, as
        BatchNorm does.

    Returns
    -------
    mean, var
        (C,) each.
    """
    dtype = wide(x.dtype)
    if running_mean is None or running_var is None:
        if x.dtype != dtype:  # the kernel answers in the type of the running statistics
            running_mean, running_var = x.new_zeros((2, x.shape[1]), dtype=dtype).unbind()
        return torch.batch_norm_update_stats(x, running_mean, running_var, momentum)
    if running_mean.dtype == dtype:
        return torch.batch_norm_update_stats(x, running_mean, running_var, momentum)
    # A model cast to another type as a whole: statistics in the wide type, buffers follow.
    mean, var = channel_moments(x)
    update_running(running_mean, running_var, mean, var, x.numel() // x.shape[1], momentum)
    return mean, var


def update_running(
    running_mean: Tensor,
    running_var: Tensor,
    mean: Tensor,
    var: Tensor,
    count: int,
    momentum: float,
) -> None:
    """Move running statistics (C,) towards batch statistics (C,), in place, as BatchNorm does."""
    with torch.no_grad():
        running_mean.mul_(1 - momentum).add_(mean.to(running_mean.dtype), alpha=momentum)
        unbiased = momentum * count / (count - 1)
        running_var.mul_(1 - momentum).add_(var.to(running_var.dtype), alpha=unbiased)


def group_moments(x: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Mean and biased variance (G, C) of each of G consecutive equal groups of samples.

    Each group goes through the kernel that a batch of its own would go through, so grouping
    changes no number.
    """
    size = x.shape[0] // groups
    pairs = [channel_moments(x.narrow(0, g * size, size)) for g in range(groups)]
    return torch.stack([p[0] for p in pairs]), torch.stack([p[1] for p in pairs])


def differentiable_moments(x: Tensor, over: str) -> tuple[Tensor, Tensor]:
    """The same numbers through plain differentiable operations: (1, C) or (N, C).

    ``over`` is ``"batch"`` or ``"instance"``.
    """
    dims = tuple(range(2, x.dim()))
    var, mean = torch.var_mean(
        x.to(wide(x.dtype)), dims if over == "instance" else (0, *dims), correction=0
    )
    return (mean, var) if over == "instance" else (mean[None], var[None])
