"""Batch normalisation. Paper: Ioffe & Szegedy 2015, arXiv 1502.03167."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt, Interval
from torch import Tensor, nn

from afn.normalization.bases.options import checked
from afn.normalization.bases.test_time import BatchDependent
from afn.normalization.passes.affine import spread, use_fused
from afn.normalization.passes.moments import group_moments


class Batch2d(BatchDependent, nn.BatchNorm2d):
    """torch's BatchNorm2d, which can also be tested with the statistics of the test batch.

    Parameters
    ----------
    num_features
        Channels C of the input (N, C, H, W).
    eps
        Added to the variance, inside the root.
    momentum
        Of the running statistics.

    Raises
    ------
    ValueError
        In forward, for statistics over a single value.
    """

    statistics = ("running", "batch")
    shown = {"label": "BatchNorm", "color": "#2B2B2B", "marker": "s"}
    plan_cost = {"launches": 4, "passes": 8}

    @checked
    def __init__(
        self,
        num_features: int,
        *,
        eps: Annotated[float, Gt(0)] = 1e-5,
        momentum: Annotated[float, Interval(gt=0, le=1)] = 0.1,
    ):
        super().__init__(num_features, eps=eps, momentum=momentum)

    def forward(self, x: Tensor) -> Tensor:
        if self.training or self.test_statistics == "running":
            return super().forward(x)
        groups = self._groups(x)
        if groups == 1:
            return self._by_batch(x)
        if torch.is_grad_enabled() or not use_fused(x):
            return torch.cat([self._by_batch(part) for part in x.chunk(groups)])
        mean, var = group_moments(x, groups)
        return spread(x, mean, self.weight / torch.sqrt(var + self.eps), self.bias.expand_as(mean))

    def _by_batch(self, x: Tensor) -> Tensor:
        return nn.functional.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
