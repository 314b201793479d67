"""A head's forward and backward by autograd, for heads that write neither by hand."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from afn.normalization.heads.interface import Extra, Factors, Head, Saved, Slopes


class TracedSaved(NamedTuple):
    """What `TracedHead.forward` leaves for `TracedHead.backward`."""

    a: Tensor
    b: Tensor
    leaves: list[Tensor]


class TracedHead(Head[Extra]):
    """Gives a head its forward and backward by tracing `coefficients`."""

    def forward(
        self, mean: Tensor, var: Tensor, count: int, extra: Extra, /, *params: Tensor
    ) -> tuple[Tensor, Tensor, Saved]:
        with torch.enable_grad():
            leaves = [t.detach().requires_grad_() for t in (mean, var, *params)]
            m, v = leaves[:2] if mean.dim() == 2 else (leaves[0][None], leaves[1][None])
            a, b = self.coefficients(m, v, count, extra, *leaves[2:])
            a, b = a.view_as(mean), b.view_as(mean)
        return a.detach(), b.detach(), TracedSaved(a, b, leaves)

    @torch.no_grad()
    def factors(
        self, mean: Tensor, var: Tensor, count: int, extra: Extra, /, *params: Tensor
    ) -> Factors:
        rows = (mean, var) if mean.dim() == 2 else (mean[None], var[None])
        a, b = self.coefficients(*rows, count, extra, *params)
        return a.view_as(mean), b.view_as(mean)

    def backward(self, saved: Saved, g_a: Tensor, g_b: Tensor, count: int) -> Slopes:
        assert isinstance(saved, TracedSaved)
        a, b, leaves = saved
        g_a, g_b = g_a.view_as(a), g_b.view_as(a)
        g_mean, g_var, *grads = torch.autograd.grad(
            (a, b), leaves, (g_a, g_b), retain_graph=True, materialize_grads=True
        )
        c1 = torch.addcmul(g_mean, a.detach(), g_b, value=-1).div_(count)
        return c1, g_var * (2.0 / count), grads
