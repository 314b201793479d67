"""Batch-instance normalisation. Paper: Nam & Kim, NeurIPS 2018, arXiv 1805.07925."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import torch
from annotated_types import Gt, Interval
from torch import Tensor, nn

from afn.normalization.bases.mixed import MixedNorm, by_numpy, pooled_numpy, quiet
from afn.normalization.bases.options import checked
from afn.normalization.heads import triton_mixed
from afn.normalization.heads.interface import Factors, Saved, Slopes, State
from afn.normalization.heads.traced import TracedHead
from afn.normalization.heads.triton_head import serves


class BatchInstanceSaved(NamedTuple):
    """What `BatchInstanceHead.forward` leaves for its `backward` where NumPy computes."""

    weight: np.ndarray
    gate: np.ndarray
    own: np.ndarray
    inverse: np.ndarray
    moved: np.ndarray
    slope: np.ndarray
    a: np.ndarray
    pooled: bool


class BatchInstanceHead(TracedHead[State]):
    """y = (rho * x_batch + (1 - rho) * x_instance) * gamma + beta, as a function of the instance
    statistics (N, C)."""

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def coefficients(
        self, mean: Tensor, var: Tensor, count: int, state: State, /, *params: Tensor
    ) -> Factors:
        weight, bias, gate = params
        batch_mean, batch_var = state.running or MixedNorm.pooled(mean, var, state.groups)
        inverse = torch.rsqrt(batch_var + self.eps)
        a = weight * (gate * inverse + (1 - gate) * torch.rsqrt(var + self.eps))
        # the instance half is centred already; the batch half is not
        return a, bias + weight * gate * inverse * (mean - batch_mean)

    @quiet
    def forward(
        self, mean: Tensor, var: Tensor, count: int, state: State, /, *params: Tensor
    ) -> tuple[Tensor, Tensor, Saved]:
        if serves(mean, *params):
            return triton_mixed.forward("batch_instance", self.eps, mean, var, state, params)
        if state.groups > 1 or not by_numpy(mean, *params):
            return super().forward(mean, var, count, state, *params)
        weight, bias, gate = (p.detach().numpy() for p in params)
        m, v = mean.numpy(), var.numpy()
        running = state.running and (state.running[0].numpy(), state.running[1].numpy())
        batch_mean, batch_var = running or pooled_numpy(m, v)
        inverse = 1 / np.sqrt(batch_var + self.eps)
        own = 1 / np.sqrt(v + self.eps)
        a = own * (weight * (1 - gate))
        slope = (weight * gate) * inverse
        a += slope
        moved = m - batch_mean
        b = moved * slope
        b += bias
        saved = BatchInstanceSaved(weight, gate, own, inverse, moved, slope, a, running is None)
        return torch.from_numpy(a), torch.from_numpy(b), saved

    @quiet
    def backward(self, saved: Saved, g_a: Tensor, g_b: Tensor, count: int) -> Slopes:
        if isinstance(saved, triton_mixed.MixedSaved):
            return triton_mixed.backward(self.eps, saved, g_a, g_b, count)
        if not isinstance(saved, BatchInstanceSaved):
            return super().backward(saved, g_a, g_b, count)
        weight, gate, own, inverse, moved, slope, a, pooled = saved
        up, below, n = g_a.numpy(), g_b.numpy(), len(a)
        g_bias = np.add.reduce(below, 0)
        by_own = up * own
        sum_own = np.add.reduce(by_own, 0)
        by_batch = below * moved
        by_batch += up
        sum_batch = np.add.reduce(by_batch, 0) * inverse[0]
        g_weight = gate * sum_batch + (1 - gate) * sum_own
        g_gate = weight * (sum_batch - sum_own)
        # through own = (var + eps)^(-1/2): d own / d var = -own^3 / 2
        g_var = by_own
        g_var *= own
        g_var *= own
        g_var *= -0.5 * weight * (1 - gate)
        g_mean = below * (slope - a)  # b holds the mean, and so does the centring of x
        if pooled:
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
        self.head = BatchInstanceHead(eps)
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
