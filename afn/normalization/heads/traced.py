"""A head's forward and backward by autograd, for heads that write neither by hand."""

from __future__ import annotations

import torch
from torch import Tensor


class TracedHead:
    """Gives a head its forward and backward by tracing `coefficients`."""

    def forward(self, mean: Tensor, var: Tensor, count: int, mask, *params: Tensor):
        with torch.enable_grad():
            leaves = [t.detach().requires_grad_() for t in (mean, var, *params)]
            rows = leaves[:2] if mean.dim() == 2 else (leaves[0][None], leaves[1][None])
            a, b = self.coefficients(*rows, count, mask, *leaves[2:])  # type: ignore[attr-defined]
            a, b = a.view_as(mean), b.view_as(mean)
        return a.detach(), b.detach(), (a, b, leaves)

    @torch.no_grad()
    def factors(self, mean: Tensor, var: Tensor, count: int, mask, *params: Tensor):
        """a and b of `forward`, where no backward follows."""
        rows = (mean, var) if mean.dim() == 2 else (mean[None], var[None])
        a, b = self.coefficients(*rows, count, mask, *params)  # type: ignore[attr-defined]
        return a.view_as(mean), b.view_as(mean)

    def backward(self, saved, g_a: Tensor, g_b: Tensor, count: int):
        a, b, leaves = saved
        g_a, g_b = g_a.view_as(a), g_b.view_as(a)
        g_mean, g_var, *grads = torch.autograd.grad(
            (a, b), leaves, (g_a, g_b), retain_graph=True, materialize_grads=True
        )
        c1 = torch.addcmul(g_mean, a.detach(), g_b, value=-1).div_(count)
        return c1, g_var * (2.0 / count), grads
