"""The heads of batch-instance and switchable normalisation by Triton's kernels.

In and out: as the heads in `methods.batch_instance` and `methods.switchable`, which call `forward`
and `backward` where `triton_head.serves`, with their own names and parameters.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from afn.normalization.heads.interface import Saved, Slopes, State

M, W = 4, 64
"""Rows and channels in a tile."""


class MixedSaved(NamedTuple):
    """What `forward` leaves for `backward`."""

    mean: Tensor
    var: Tensor
    state: State
    params: tuple[Tensor, ...]
    batch: Tensor
    layer: Tensor | None


def forward(
    kind: str, eps: float, mean: Tensor, var: Tensor, state: State, params: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor, Saved]:
    """a, b (N, C), and what `backward` needs; ``kind`` is the name of the layer."""
    from afn.normalization.kernels import triton_mixed, triton_switchable

    mean, var = mean.contiguous(), var.contiguous()
    params = tuple(p.detach().contiguous() for p in params)
    n, c = mean.shape
    groups, running = state
    batch = mean.new_empty((2, groups, c)) if running is None else torch.stack(running)
    a, b = torch.empty_like(mean), torch.empty_like(mean)
    tile = {"RUNNING": running is not None, "M": M, "W": W}
    down, across = -(-n // M), -(-c // W)
    if kind == "batch_instance":
        triton_mixed.batch_instance[groups, across](
            *(mean, var, *params, batch, a, b, n, c, groups), **tile, EPS=float(eps)
        )
        return a, b, MixedSaved(mean, var, state, params, batch, None)
    layer = mean.new_empty((2, n))
    triton_switchable.switchable_statistics[(down + across * groups,)](
        *(mean, var, layer, batch, n, c, groups, down), **tile
    )
    triton_switchable.switchable[down, across](
        *(mean, var, layer, batch, *params, a, b, n, c, groups), **tile, EPS=float(eps)
    )
    return a, b, MixedSaved(mean, var, state, params, batch, layer)


def backward(eps: float, saved: MixedSaved, g_a: Tensor, g_b: Tensor, count: int) -> Slopes:
    """c1, c2 (N, C) and the gradients of the parameters."""
    from afn.normalization.kernels import triton_mixed, triton_switchable

    mean, var, (groups, running), params, batch, layer = saved
    n, c = mean.shape
    g_a, g_b = g_a.contiguous(), g_b.contiguous()
    c1, c2 = torch.empty_like(mean), torch.empty_like(mean)
    grads = tuple(torch.empty_like(p) for p in params)
    tile = {"RUNNING": running is not None, "M": M, "W": W, "EPS": float(eps)}
    down, across = -(-n // M), -(-c // W)
    if layer is None:
        weight, _, gate = params
        triton_mixed.batch_instance_back[(across,)](
            *(mean, var, weight, gate, batch, g_a, g_b, c1, c2, *grads, n, c, groups, count), **tile
        )
        return c1, c2, grads
    weight, _, raw_p, raw_q = params
    over, below = mean.new_empty((2, n)), mean.new_empty((2, groups, c))
    dots = mean.new_empty((4, c))
    shared = (mean, var, layer, batch, weight, raw_p, raw_q, g_a, g_b, over, below, dots)
    triton_switchable.switchable_sums[(down + across,)](
        *(*shared, *grads[:2], n, c, groups, down), **tile
    )
    triton_switchable.switchable_back[down, across](
        *(*shared, c1, c2, *grads[2:], n, c, groups, count), **tile
    )
    return c1, c2, grads
