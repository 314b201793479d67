"""Switchable normalisation. Paper: Luo et al. 2018, arXiv 1806.10779."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt, Interval
from torch import Tensor, nn

from afn.normalization.affine import TracedHead
from afn.normalization.mixed import MixedNorm


class _Head(TracedHead):
    """Mean and variance as softmax-weighted sums of the instance, layer and batch ones; ``mask`` is
    (groups, running mean and variance or None)."""

    def __init__(self, eps: float):
        self.eps = eps

    def coefficients(self, mean, var, count, mask, weight, bias, mean_weight, var_weight):
        groups, running = mask
        batch_mean, batch_var = running or MixedNorm.pooled(mean, var, groups)
        layer_mean = mean.mean(1, keepdim=True)
        # mean_c(var + mean^2) - layer_mean^2, without the cancellation
        layer_var = (var + (mean - layer_mean).square()).mean(1, keepdim=True)
        p, q = torch.softmax(mean_weight, 0), torch.softmax(var_weight, 0)
        mixed_mean = p[0] * mean + p[1] * layer_mean + p[2] * batch_mean
        mixed_var = q[0] * var + q[1] * layer_var + q[2] * batch_var
        a = weight * torch.rsqrt(mixed_var + self.eps)
        return a, bias + a * (mean - mixed_mean)


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

    def __init__(
        self,
        num_features: int,
        *,
        eps: Annotated[float, Gt(0)] = 1e-5,
        momentum: Annotated[float, Interval(gt=0, le=1)] = 0.1,
    ):
        super().__init__(num_features, momentum)
        self.head = _Head(eps)
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
