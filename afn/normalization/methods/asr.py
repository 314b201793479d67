"""ASRNorm. Paper: Fan et al., Adversarially Adaptive Normalization for Single Domain
Generalization, CVPR 2021."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval, Le

from afn.normalization.bases.fusion import FusionNorm
from afn.normalization.bases.options import checked


class ASR2d(FusionNorm):
    """ASRNorm over (N, C, H, W): AFN's equations with statistics per sample and channel.

    No sample sees another, so training and test are the same.

    Parameters
    ----------
    num_features
        Channels C.
    rescale_lambda_init
        None, for training from scratch: the learned gamma and beta are added as they are. A number,
        for a pretrained model: they are weighted with raw scalars that start at its sigmoid.
    stan_ratio, rescale_ratio, lambda_init, residual, shared_rescale_encoder
        As in `AFN2d`.
    standardize, rescale, encoder_dropout, eps
        Likewise.

    Raises
    ------
    ValueError
        For an option out of range; in forward, for 1x1 maps, which have no variance.
    """

    statistics = ()
    shown = {"label": "ASRNorm", "color": "#D15048", "marker": "^"}
    plan_cost = {"launches": 108, "passes": 10}

    @checked
    def __init__(
        self,
        num_features: int,
        *,
        stan_ratio: Annotated[int, Ge(1)] = 2,
        rescale_ratio: Annotated[int, Ge(1)] = 16,
        lambda_init: Annotated[float, Le(20)] = -3.0,
        rescale_lambda_init: float | None = None,
        residual: Literal["learned", "fixed", "off", "zero"] = "learned",
        shared_rescale_encoder: bool = False,
        standardize: bool = True,
        rescale: bool = True,
        encoder_dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.0,
        eps: Annotated[float, Gt(0)] = 1e-5,
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
            over="instance",
            encoder_dropout=encoder_dropout,
            eps=eps,
            momentum=None,
            released=False,
        )
