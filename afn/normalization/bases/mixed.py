"""What batch-instance and switchable normalisation share: batch statistics mixed into instance
ones, all taken from the same instance moments in one pass over x."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from afn.normalization.bases.test_time import BatchDependent
from afn.normalization.heads.interface import Head, State
from afn.normalization.passes import samples
from afn.normalization.passes.affine import by_instance, composed, recorded, use_fused
from afn.normalization.passes.moments import differentiable_moments, update_running

quiet = np.errstate(all="ignore")  # a diverging network says so by its loss, as with torch


def by_numpy(mean: Tensor, *params: Tensor) -> bool:
    """Whether a head may compute in NumPy, which has a fifth of torch's cost per operation."""
    eager = not recorded()
    return eager and mean.device.type == "cpu" and all(p.dtype == mean.dtype for p in params)


def pooled_numpy(mean: np.ndarray, var: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`MixedNorm.pooled` for one group, in NumPy."""
    n = len(mean)
    batch_mean = np.add.reduce(mean, 0, keepdims=True)
    batch_mean /= n
    spread = mean - batch_mean
    spread *= spread
    spread += var
    batch_var = np.add.reduce(spread, 0, keepdims=True)
    batch_var /= n
    return batch_mean, batch_var


class MixedNorm(BatchDependent, nn.Module):
    """Base of layers whose head reads instance statistics and the batch ones made from them."""

    head: Head[State]
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, momentum: float) -> None:
        super().__init__()
        self.num_features, self.momentum = num_features, momentum
        self.weight = nn.Parameter(torch.empty(num_features))
        self.bias = nn.Parameter(torch.empty(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def reset_parameters(self) -> None:
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)
        self.running_mean.zero_()
        self.running_var.fill_(1.0)

    def parts(self) -> tuple[Tensor, ...]:
        """The parameters in the order in which the head takes them."""
        raise NotImplementedError

    @staticmethod
    def pooled(mean: Tensor, var: Tensor, groups: int = 1) -> tuple[Tensor, Tensor]:
        """Batch mean and biased variance from instance ones (N, C): one row per sample, equal
        within each of ``groups`` consecutive groups (or one row (1, C) for a single group)."""
        n, c = mean.shape
        m, v = mean.view(groups, n // groups, c), var.view(groups, n // groups, c)
        batch_mean = m.mean(1, keepdim=True)
        # mean_n(var + mean^2) - batch_mean^2, without the cancellation
        batch_var = (v + (m - batch_mean).square()).mean(1, keepdim=True)
        if groups == 1:
            return batch_mean[0], batch_var[0]
        return batch_mean.expand_as(m).reshape(n, c), batch_var.expand_as(m).reshape(n, c)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 4 or x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}({self.num_features}) got an input of shape "
                f"{tuple(x.shape)}; expected (N, {self.num_features}, H, W)"
            )
        if x.shape[2] * x.shape[3] < 2:
            raise ValueError(
                f"{type(self).__name__}({self.num_features}) needs more than one value per sample "
                f"and channel to take a variance; the input has shape {tuple(x.shape)}"
            )
        with torch.no_grad():
            moments = samples.moments(x) if use_fused(x) else None
            if self.training:
                mean, var = moments[:2] if moments else differentiable_moments(x, "instance")
                self._track(mean, var, x.numel() // self.num_features)
        if self.training or self.test_statistics == "batch":
            state = State(1 if self.training else self._groups(x), None)
        else:
            state = State(1, (self.running_mean[None], self.running_var[None]))
        if moments:
            return by_instance(x, moments, self.head, state, *self.parts())
        return composed(x, "instance", self.head, state, *self.parts())

    def _track(self, mean: Tensor, var: Tensor, count: int) -> None:
        """Update the running statistics from the instance moments of a training batch."""
        if by_numpy(mean, self.running_mean):
            batch_mean, batch_var = pooled_numpy(mean.numpy(), var.numpy())
            batch_var *= count / (count - 1)
            self.running_mean.lerp_(torch.from_numpy(batch_mean[0]), self.momentum)
            self.running_var.lerp_(torch.from_numpy(batch_var[0]), self.momentum)
        else:
            pair = self.running_mean, self.running_var
            new_mean, new_var = self.pooled(mean, var)
            update_running(*pair, new_mean[0], new_var[0], count, self.momentum)

    def extra_repr(self) -> str:
        return f"{self.num_features}, momentum={self.momentum}"
