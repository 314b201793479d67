"""Adaptive Fusion Normalization. Paper: Zhou & Chen 2023, arXiv 2308.03321, equations (2)-(8)."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval, Le
from torch import Tensor

from afn.normalization.bases.fusion import FusionNorm
from afn.normalization.bases.options import checked
from afn.normalization.bases.test_time import BatchDependent


class AFN2d(BatchDependent, FusionNorm):
    """Adaptive Fusion Normalization over (N, C, H, W), as the paper's equations say.

    Where the paper is silent it follows BatchNorm: eps inside the root, biased variance in the
    output, running statistics (of x; sigma from the running variance) for test time.

    Parameters
    ----------
    num_features
        Channels C.
    stan_ratio, rescale_ratio
        The bottlenecks have max(1, C // ratio) units (section 4.1 of the paper: 2 and 16).
    lambda_init
        Before the sigmoid: learned statistics start with weight sigmoid(lambda_init), equation (4).
        At most 20; from 5 on a warning, for where the learned scale is zero (a ReLU), sigma alone
        is divided by, with the little weight that is left.
    rescale_lambda_init
        l_gamma and l_beta are raw scalars that start at sigmoid(rescale_lambda_init).
    residual
        ``learned``: as in the paper. ``fixed``: l_mu and l_sigma stay at sigmoid(lambda_init).
        ``off``: learned statistics alone, sigma_hat = sqrt(sigma_stan^2 + eps). ``zero``: plain
        statistics, learned affine; the standardisation networks are left out, for nothing would
        ever reach them.
    shared_rescale_encoder
        One encoder for gamma and beta, as in the released code; the paper has two.
    standardize, rescale
        The two halves of the layer. Without the first: as ``residual="zero"``. Without the second:
        gamma and beta are plain vectors, as in BatchNorm.
    statistics_over
        ``batch``: over (N, H, W). ``instance``: over (H, W) of each sample, train = test.
    encoder_dropout
        Probability of dropping a statistic before the standardisation encoder, in training.
    eps
        Added to the variance, inside the root.
    momentum
        Of the running statistics, as in BatchNorm.

    Raises
    ------
    ValueError
        For an option out of range; in forward, for a wrong number of channels and for statistics
        over a single value.
    """

    statistics = ("running", "batch")
    shown = {"label": "AFN", "color": "#1F5FBF", "marker": "o"}
    plan_cost = {"launches": 113, "passes": 10}

    @checked
    def __init__(
        self,
        num_features: int,
        *,
        stan_ratio: Annotated[int, Ge(1)] = 2,
        rescale_ratio: Annotated[int, Ge(1)] = 16,
        lambda_init: Annotated[float, Le(20)] = -3.0,
        rescale_lambda_init: float = -5.0,
        residual: Literal["learned", "fixed", "off", "zero"] = "learned",
        shared_rescale_encoder: bool = False,
        standardize: bool = True,
        rescale: bool = True,
        statistics_over: Literal["batch", "instance"] = "batch",
        encoder_dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.0,
        eps: Annotated[float, Gt(0)] = 1e-5,
        momentum: Annotated[float, Interval(gt=0, le=1)] = 0.1,
    ):
        super().__init__()
        self._build(
            num_features,
            stan_ratio=stan_ratio,
            rescale_ratio=rescale_ratio,
            lambda_init=lambda_init,
            rescale_lambda_init=rescale_lambda_init,
            residual=residual,
            shared_rescale_encoder=shared_rescale_encoder,
            standardize=standardize,
            rescale=rescale,
            over=statistics_over,
            encoder_dropout=encoder_dropout,
            eps=eps,
            momentum=momentum,
            released=False,
        )

    def _check(self, x: Tensor) -> None:
        super()._check(x)
        self._dims(x)

    def _dims(self, x: Tensor) -> None:
        if x.dim() != 4:
            raise ValueError(f"AFN2d expects (N, C, H, W), got {tuple(x.shape)}; see AFN1d")


class AFN1d(AFN2d):
    """`AFN2d` for (N, C) or (N, C, L); the same options."""

    def _dims(self, x: Tensor) -> None:
        if x.dim() not in (2, 3):
            raise ValueError(f"AFN1d expects (N, C) or (N, C, L), got {tuple(x.shape)}; see AFN2d")
