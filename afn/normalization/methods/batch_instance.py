"""Batch-instance normalisation. Paper: Nam & Kim, NeurIPS 2018, arXiv 1805.07925."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from annotated_types import Gt, Interval
from torch import Tensor, nn

from afn.normalization.bases.mixed import MixedNorm, by_numpy, pooled_numpy, quiet
from afn.normalization.bases.options import checked
from afn.normalization.heads import triton_mixed
from afn.normalization.heads.traced import TracedHead
from afn.normalization.heads.triton_head import serves


class _Head(TracedHead):
    """y = (rho * x_batch + (1 - rho) * x_instance) * gamma + beta, as a function of the instance
    statistics (N, C); ``mask`` is the layer's `State`."""

    def __init__(self, eps: float):
        self.eps = eps

    def coefficients(self, mean, var, count, mask, weight, bias, gate):
        batch_mean, batch_var = mask.running or MixedNorm.pooled(mean, var, mask.groups)
        inverse = torch.rsqrt(batch_var + self.eps)
        a = weight * (gate * inverse + (1 - gate) * torch.rsqrt(var + self.eps))
        # the instance half is centred already; the batch half is not
        return a, bias + weight * gate * inverse * (mean - batch_mean)

    @quiet
    def forward(self, mean, var, count, mask, *params):
        if serves(mean, *params):
            return triton_mixed.forward("batch_instance", self.eps, mean, var, mask, params)
        if mask.groups > 1 or not by_numpy(mean, *params):
            return super().forward(mean, var, count, mask, *params)
        weight, bias, gate = (p.detach().numpy() for p in params)
        m, v = mean.numpy(), var.numpy()
        running = mask.running and tuple(t.numpy() for t in mask.running)
        batch_mean, batch_var = running or pooled_numpy(m, v)
        inverse = 1 / np.sqrt(batch_var + self.eps)
        own = 1 / np.sqrt(v + self.eps)
        a = own * (weight * (1 - gate))
        slope = (weight * gate) * inverse
        a += slope
        moved = m - batch_mean
        b = moved * slope
        b += bias
        saved = (weight, gate, own, inverse, moved, slope, a, running)
        return torch.from_numpy(a), torch.from_numpy(b), saved

    @quiet
    def backward(self, saved, g_a: Tensor, g_b: Tensor, count: int):
        if isinstance(saved, triton_mixed.Saved):
            return triton_mixed.backward(self.eps, saved, g_a, g_b, count)
        if len(saved) != 8:
            return super().backward(saved, g_a, g_b, count)
        weight, gate, own, inverse, moved, slope, a, running = saved
        g_a, g_b, n = g_a.numpy(), g_b.numpy(), len(a)  # type: ignore[assignment]
        g_bias = np.add.reduce(g_b, 0)
        by_own = g_a * own
        sum_own = np.add.reduce(by_own, 0)
        by_batch = g_b * moved
        by_batch += g_a
        sum_batch = np.add.reduce(by_batch, 0) * inverse[0]
        g_weight = gate * sum_batch + (1 - gate) * sum_own
        g_gate = weight * (sum_batch - sum_own)
        # through own = (var + eps)^(-1/2): d own / d var = -own^3 / 2
        g_var = by_own
        g_var *= own
        g_var *= own
        g_var *= -0.5 * weight * (1 - gate)
        g_mean = g_b * (slope - a)  # b holds the mean, and so does the centring of x
        if running is None:
            g_batch_var = (-0.5 / n) * weight * gate * sum_batch * inverse[0] ** 2
            g_var += g_batch_var
            g_mean += moved * (2 * g_batch_var)
            g_mean -= slope[0] * g_bias / n
        g_mean /= count
        g_var *= 2 / count
        grads = (torch.from_numpy(g) for g in (g_weight, g_bias, g_gate))
        return torch.from_numpy(g_mean), torch.from_numpy(g_var), tuple(grads)


class BatchInstance2d(MixedNorm):
    """Batch-instance normalisation over (N, C, H, W): a gate per channel between the two.

    The gate starts at 1 (batch), is clamped to [0, 1] after every optimiser step (`after_step`),
    and learns ten times as fast without weight decay (`parameter_rules`), as in the paper.

    Parameters
    ----------
    num_features
        Channels C.
    eps
        Added to the variances, inside the root.
    momentum
        Of the running statistics of the batch half.

    Raises
    ------
    ValueError
        In forward, for 1x1 maps, which have no variance.
    """

    statistics = ("running", "batch")
    shown = {"label": "Batch-Instance", "color": "#07946E", "marker": "D"}
    plan_cost = {"launches": 94, "passes": 10}
    parameter_rules = {"gate": {"lr_scale": 10.0, "weight_decay": 0.0}}

    @checked
    def __init__(
        self,
        num_features: int,
        *,
        eps: Annotated[float, Gt(0)] = 1e-5,
        momentum: Annotated[float, Interval(gt=0, le=1)] = 0.1,
    ):
        super().__init__(num_features, momentum)
        self.head = _Head(eps)
        self.gate = nn.Parameter(torch.empty(num_features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """gamma = 1, beta = 0, the gate at 1; no randomness."""
        super().reset_parameters()
        nn.init.ones_(self.gate)

    def parts(self) -> tuple[Tensor, ...]:
        return self.weight, self.bias, self.gate

    @torch.no_grad()
    def after_step(self) -> None:
        """Bring the gate back into [0, 1]; to be called after every optimiser step."""
        self.gate.clamp_(0.0, 1.0)

    def scalars(self) -> dict[str, float]:
        """The mean gate: 1 is batch, 0 is instance normalisation."""
        return {"gate": float(self.gate.detach().mean())}
