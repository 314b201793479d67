"""Switchable normalisation. Paper: Luo et al. 2018, arXiv 1806.10779."""

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


class SwitchableSaved(NamedTuple):
    """What `SwitchableHead.forward` leaves for its `backward` where NumPy computes."""

    mean: np.ndarray
    var: np.ndarray
    batch: tuple[np.ndarray, np.ndarray]
    layer: tuple[np.ndarray, np.ndarray]
    p: np.ndarray
    q: np.ndarray
    inverse: np.ndarray
    a: np.ndarray
    moved: np.ndarray
    pooled: bool


class SwitchableHead(TracedHead[State]):
    """Mean and variance as softmax-weighted sums of the instance, layer and batch ones."""

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def coefficients(
        self, mean: Tensor, var: Tensor, count: int, state: State, /, *params: Tensor
    ) -> Factors:
        weight, bias, mean_weight, var_weight = params
        batch_mean, batch_var = state.running or MixedNorm.pooled(mean, var, state.groups)
        layer_mean = mean.mean(1, keepdim=True)
        # mean_c(var + mean^2) - layer_mean^2, without the cancellation
        layer_var = (var + (mean - layer_mean).square()).mean(1, keepdim=True)
        p, q = torch.softmax(mean_weight, 0), torch.softmax(var_weight, 0)
        mixed_mean = p[0] * mean + p[1] * layer_mean + p[2] * batch_mean
        mixed_var = q[0] * var + q[1] * layer_var + q[2] * batch_var
        a = weight * torch.rsqrt(mixed_var + self.eps)
        return a, bias + a * (mean - mixed_mean)

    @quiet
    def forward(
        self, mean: Tensor, var: Tensor, count: int, state: State, /, *params: Tensor
    ) -> tuple[Tensor, Tensor, Saved]:
        if serves(mean, *params):
            return triton_mixed.forward("switchable", self.eps, mean, var, state, params)
        if state.groups > 1 or not by_numpy(mean, *params):
            return super().forward(mean, var, count, state, *params)
        weight, bias, *raw = (p.detach().numpy() for p in params)
        m, v = mean.numpy(), var.numpy()
        running = state.running and (state.running[0].numpy(), state.running[1].numpy())
        batch = running or pooled_numpy(m, v)
        layer_mean, layer_var = pooled_numpy(m.T, v.T)
        layer = layer_mean.T, layer_var.T
        p, q = (_softmax(r) for r in raw)
        mixed_mean = p[0] * m + p[1] * layer[0] + p[2] * batch[0]
        inverse = q[0] * v + q[1] * layer[1] + q[2] * batch[1]
        inverse += self.eps
        np.sqrt(inverse, out=inverse)
        np.divide(1, inverse, out=inverse)
        a = inverse * weight
        moved = m - mixed_mean
        b = moved * a
        b += bias
        pooled = running is None
        saved = SwitchableSaved(m, v, batch, layer, p, q, inverse, a, moved, pooled)
        return torch.from_numpy(a), torch.from_numpy(b), saved

    @quiet
    def backward(self, saved: Saved, g_a: Tensor, g_b: Tensor, count: int) -> Slopes:
        if isinstance(saved, triton_mixed.MixedSaved):
            return triton_mixed.backward(self.eps, saved, g_a, g_b, count)
        if not isinstance(saved, SwitchableSaved):
            return super().backward(saved, g_a, g_b, count)
        m, v, batch, layer, p, q, inverse, a, moved, pooled = saved
        up, below, (n, c) = g_a.numpy(), g_b.numpy(), m.shape
        step = below * moved
        step += up
        g_weight = np.add.reduce(step * inverse, 0)
        inverse = inverse * inverse
        inverse *= -0.5
        g_var = step  # of the mixed variance: d a / d var = -a / (2 var)
        g_var *= a
        g_var *= inverse
        minus = below * a  # minus the gradient of the mixed mean
        rows, columns = (np.add.reduce(t, 1, keepdims=True) for t in (minus, g_var))
        down, over = (np.add.reduce(t, 0, keepdims=True) for t in (minus, g_var))
        g_p = -np.array([np.vdot(minus, m), np.vdot(rows, layer[0]), np.vdot(down, batch[0])])
        g_q = np.array([np.vdot(g_var, v), np.vdot(columns, layer[1]), np.vdot(over, batch[1])])
        # the mean in b and the one in the centring of x cancel; what is left is the mixed one
        g_mean = (-p[0]) * minus
        g_mean -= (p[1] / c) * rows
        g_mean += (m - layer[0]) * ((2 * q[1] / c) * columns)
        new_var = q[0] * g_var
        new_var += (q[1] / c) * columns
        if pooled:
            g_mean -= (p[2] / n) * down
            g_mean += (m - batch[0]) * ((2 * q[2] / n) * over)
            new_var += (q[2] / n) * over
        g_mean /= count
        new_var *= 2 / count
        raw = (w * (g - np.dot(w, g)) for w, g in ((p, g_p), (q, g_q)))
        grads = (g_weight, np.add.reduce(below, 0), *(r.astype(m.dtype) for r in raw))
        tensors = tuple(torch.from_numpy(g) for g in grads)
        return torch.from_numpy(g_mean), torch.from_numpy(new_var), tensors


def _softmax(raw: np.ndarray) -> np.ndarray:
    powers = np.exp(raw - raw.max())
    weights: np.ndarray = powers / powers.sum()
    return weights


class Switchable2d(MixedNorm):
    """Switchable normalisation over (N, C, H, W).

    Two 3-vectors per layer, which start at 1, weigh instance, layer and batch statistics (in this
    order) through a softmax, one for the means and one for the variances.

    Parameters
    ----------
    num_features
        Channels C.
    eps
        Added to the mixed variance, inside the root.
    momentum
        Of the running statistics of the batch part.

    Raises
    ------
    ValueError
        In forward, for 1x1 maps, which have no variance.
    """

    statistics = ("running", "batch")
    shown = {"label": "SwitchableNorm", "color": "#A96AB0", "marker": "P"}
    plan_cost = {"launches": 128, "passes": 10}

    @checked
    def __init__(
        self,
        num_features: int,
        *,
        eps: Annotated[float, Gt(0)] = 1e-5,
        momentum: Annotated[float, Interval(gt=0, le=1)] = 0.1,
    ):
        super().__init__(num_features, momentum)
        self.head = SwitchableHead(eps)
        self.mean_weight = nn.Parameter(torch.empty(3))
        self.var_weight = nn.Parameter(torch.empty(3))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """gamma = 1, beta = 0, equal weights; no randomness."""
        super().reset_parameters()
        nn.init.ones_(self.mean_weight)
        nn.init.ones_(self.var_weight)

    def parts(self) -> tuple[Tensor, ...]:
        return self.weight, self.bias, self.mean_weight, self.var_weight

    def scalars(self) -> dict[str, float]:
        """The six effective weights."""
        found = {}
        for moment, raw in (("mean", self.mean_weight), ("var", self.var_weight)):
            for kind, value in zip(
                ("instance", "layer", "batch"), torch.softmax(raw.detach(), 0).tolist(), strict=True
            ):
                found[f"{moment}_{kind}"] = value
        return found
