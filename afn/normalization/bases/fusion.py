"""What AFN, its released form and ASR share: one layer, of which each is a setting."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import Tensor, nn

from afn.normalization.bases.flat import FlatParameters
from afn.normalization.bases.test_time import refuse_script
from afn.normalization.heads.c_head import make_head
from afn.normalization.heads.head import Fusion, Layout
from afn.normalization.heads.interface import Head
from afn.normalization.passes import samples
from afn.normalization.passes.affine import (
    apply_channels,
    by_channel,
    by_instance,
    composed,
    spread,
    use_fused,
)
from afn.normalization.passes.distributed import Processes, synchronized
from afn.normalization.passes.moments import (
    channel_moments,
    differentiable_moments,
    group_moments,
    update_running,
)


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))


STRONG = 5.0
"""From this initial lambda on (a weight of 0.993) a learned scale of zero divides by so little that
the layer warns."""


class FusionNorm(FlatParameters):
    """A layer whose mean, scale, gamma and beta are fused with learned functions of statistics.

    Its values lie in one vector (`FlatParameters`). Lambdas that are not learned are settings, not
    parameters. Nothing that depends on parameters or statistics is kept between calls.
    """

    head: Head[Tensor | None]
    running_mean: Tensor | None
    running_var: Tensor | None
    momentum: float | None
    process_group: Processes | None
    test_statistics: str
    _groups: Callable[[Tensor], int]

    def _build(
        self,
        num_features: int,
        *,
        stan_ratio: int,
        rescale_ratio: int,
        lambda_init: float,
        rescale_lambda_init: float | None,
        residual: str,
        shared_rescale_encoder: bool,
        standardize: bool,
        rescale: bool,
        over: str,
        encoder_dropout: float,
        eps: float,
        momentum: float | None,
        released: bool,
    ) -> None:
        c = num_features
        fused = standardize and residual != "zero"  # l = 0 leaves nothing for it to learn
        self.num_features, self.over, self.eps, self.momentum = c, over, eps, momentum
        self.encoder_dropout = encoder_dropout if fused else 0.0
        self.process_group = None
        raw = _sigmoid(lambda_init) if released else lambda_init
        scale = None if rescale_lambda_init is None else _sigmoid(rescale_lambda_init)
        if fused and residual != "off":
            self._warn(raw)
        layout = Layout(
            channels=c,
            stan=max(1, c // stan_ratio) if fused else 0,
            rescale=max(1, c // rescale_ratio) if rescale else 0,
            shared=shared_rescale_encoder,
            learned=residual == "learned",
            scaled=scale is not None,
        )
        frozen = {"learned": None, "fixed": _sigmoid(raw), "off": 1.0}
        self._lay_out(layout, {"lambda_mu": raw, "lambda_gamma": scale})
        self.fusion = Fusion(frozen.get(residual), eps, released)
        self.head = make_head(self.layout, self.fusion)
        self.running_mean = self.running_var = None
        if momentum is not None and over == "batch":
            del self.running_mean, self.running_var
            self.register_buffer("running_mean", torch.zeros(c))
            self.register_buffer("running_var", torch.ones(c))
        self.reset_parameters()

    def _warn(self, raw: float) -> None:
        if raw > STRONG:
            warnings.warn(
                f"{type(self).__name__}: lambda_init = {raw:g} leaves sigma a weight of "
                f"{_sigmoid(-raw):.1g}; where the learned scale is zero, outputs grow by its "
                'inverse. residual="off" drops sigma with a guard',
                stacklevel=5,
            )

    def reset_parameters(self) -> None:
        """Draw fresh values (`FlatParameters`) and forget the running statistics."""
        super().reset_parameters()
        if self.running_mean is not None:
            mean, var = self._tracked()
            mean.zero_()
            var.fill_(1.0)

    # ---- forward --------------------------------------------------------------------------------

    def _check(self, x: Tensor) -> None:
        if x.dim() < 2 or x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}({self.num_features}) got an input of shape "
                f"{tuple(x.shape)}; expected (N, {self.num_features}, ...)"
            )

    def _count(self, x: Tensor, groups: int = 1) -> None:
        """Refuse statistics over a single value: their variance says nothing."""
        over = groups * x.shape[1] if self.over == "batch" else x.shape[0] * x.shape[1]
        if x.numel() < 2 * over:
            where = "the batch" if self.over == "batch" else "one sample's map"
            raise ValueError(
                f"{type(self).__name__}({self.num_features}) needs more than one value per channel "
                f"in {where} to take a variance; the input has shape {tuple(x.shape)}"
                + (f" in {groups} groups" if groups > 1 else "")
            )

    def _mask(self, x: Tensor, rows: int) -> Tensor | None:
        """Dropout factors for the statistics, from torch's global generator."""
        if not (self.training and self.encoder_dropout):
            return None
        keep = 1 - self.encoder_dropout
        mask = torch.empty((2, rows, self.num_features), device=x.device)
        return mask.bernoulli_(keep).div_(keep)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        if self.over == "instance":
            self._count(x)
            mask = self._mask(x, x.shape[0])
            if use_fused(x):
                moments = samples.moments(x.detach())
                return by_instance(x, moments, self.head, mask, self.flat)
            return composed(x, "instance", self.head, mask, self.flat)
        if self.training or self.test_statistics == "batch":
            groups = 1 if self.training else self._groups(x)
            self._count(x, groups)
            return self._by_batch(x) if groups == 1 else self._by_groups(x, groups)
        return self._by_running(x)

    def _by_batch(self, x: Tensor) -> Tensor:
        mask = self._mask(x, 1)
        running = self._running() if self.training else None
        if self.training and self.process_group is not None and dist.is_initialized():
            return synchronized(x, self.process_group, running, self.head, mask, self.flat)
        if use_fused(x):
            mean, var = channel_moments(x.detach(), *(running or ()))
            return by_channel(x, mean, var, self.head, mask, self.flat)
        if running:
            mean, var = differentiable_moments(x.detach(), "batch")
            count = x.numel() // x.shape[1]
            update_running(running[0], running[1], mean[0], var[0], count, running[2])
        return composed(x, "batch", self.head, mask, self.flat)

    def _running(self) -> tuple[Tensor, Tensor, float] | None:
        """The running statistics and their momentum, for a layer that keeps them."""
        if self.running_mean is None:
            return None
        momentum = self.momentum
        assert momentum is not None
        return *self._tracked(), momentum

    def _tracked(self) -> tuple[Tensor, Tensor]:
        mean, var = self.running_mean, self.running_var
        assert mean is not None
        assert var is not None
        return mean, var

    def _by_groups(self, x: Tensor, groups: int) -> Tensor:
        if torch.is_grad_enabled() or not use_fused(x):
            return torch.cat([self._by_batch(part) for part in x.chunk(groups)])
        mean, var = group_moments(x, groups)
        count = x.numel() // mean.numel()
        a, b, _ = self.head.forward(mean, var, count, None, self.flat)
        return spread(x, mean, a, b)

    def _by_running(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() or not use_fused(x):
            mean, var = self._tracked()
            a, b = self.head.coefficients(mean[None], var[None], 2, None, self.flat)
            unit = torch.ones_like(mean)
            return nn.functional.batch_norm(x, mean, unit, a[0], b[0], False, 0.0, 0.0)
        return apply_channels(x, self._tracked()[0], *self.test_affine())

    def test_affine(self) -> tuple[Tensor, Tensor]:
        """a, b (C,) of a * (x - running_mean) + b, what the layer is at test time with running
        statistics, from the present values of all tensors."""
        return self.head.factors(*self._tracked(), 2, None, self.flat)

    def __prepare_scriptable__(self) -> None:
        refuse_script(self)

    # ---- to read --------------------------------------------------------------------------------

    def scalars(self) -> dict[str, float]:
        """The weights of the learned parts: effective values, after the sigmoid for l_mu and
        l_sigma; l_gamma and l_beta have none."""
        named, found = self.logical_parameters(), dict[str, float]()
        if self.layout.stan:
            for name in ("lambda_mu", "lambda_sigma"):
                if name in named:
                    found[name] = _sigmoid(float(named[name]))
                elif self.fusion.frozen is not None:
                    found[name] = self.fusion.frozen
        if self.layout.rescale:
            for name in ("lambda_gamma", "lambda_beta"):
                found[name] = float(named[name]) if name in named else 1.0
        return found

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, stan={self.layout.stan}, rescale={self.layout.rescale}, "
            f"statistics_over={self.over!r}, eps={self.eps}"
        )
