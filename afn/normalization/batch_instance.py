"""Batch-instance normalisation. Paper: Nam & Kim, NeurIPS 2018, arXiv 1805.07925."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt, Interval
from torch import Tensor, nn

from afn.normalization.affine import TracedHead
from afn.normalization.mixed import MixedNorm


class _Head(TracedHead):
    """y = (rho * x_batch + (1 - rho) * x_instance) * gamma + beta, as a function of the instance
    statistics (N, C); ``mask`` is (groups, running mean and variance or None)."""

    def __init__(self, eps: float):
        self.eps = eps

    def coefficients(self, mean, var, count, mask, weight, bias, gate):
        groups, running = mask
        batch_mean, batch_var = running or MixedNorm.pooled(mean, var, groups)
        inverse = torch.rsqrt(batch_var + self.eps)
        a = weight * (gate * inverse + (1 - gate) * torch.rsqrt(var + self.eps))
        # the instance half is centred already; the batch half is not
        return a, bias + weight * gate * inverse * (mean - batch_mean)


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
    parameter_rules = {"gate": {"lr_scale": 10.0, "weight_decay": 0.0}}  # noqa: RUF012

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
