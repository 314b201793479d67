"""AFN as its authors' released code computes it, where that differs from the paper.

Source: the public repository of the authors of arXiv 2308.03321, state of December 2023.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

from afn.normalization.bases.fusion import FusionNorm
from afn.normalization.bases.options import checked
from afn.normalization.bases.test_time import BatchDependent


class AFNReleased2d(BatchDependent, FusionNorm):
    """AFN over (N, C, H, W) as released: what it does, including what the paper does not say.

    - l_mu and l_sigma pass through the sigmoid twice: an effective 0.512 at lambda_init = -3.
    - No running statistics: test time uses those of the test batch.
    - Dropout on the statistics before the standardisation encoder, in training.
    - sigma = sqrt(unbiased variance) + eps: one constant channel gives non-finite gradients, here
      as there.
    - One encoder for gamma and beta.

    Parameters are those of `AFN2d`, with these defaults; ``eps`` has the unit of x.
    """

    statistics = ("batch",)
    shown = {"label": "AFN as released", "color": "#5AA5E0", "marker": "h"}
    plan_cost = {"launches": 117, "passes": 10}
    test_statistics = "batch"

    @checked
    def __init__(
        self,
        num_features: int,
        *,
        stan_ratio: Annotated[int, Ge(1)] = 2,
        rescale_ratio: Annotated[int, Ge(1)] = 16,
        lambda_init: float = -3.0,
        rescale_lambda_init: float = -5.0,
        residual: Literal["learned", "fixed", "off", "zero"] = "learned",
        shared_rescale_encoder: bool = True,
        standardize: bool = True,
        rescale: bool = True,
        encoder_dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.3,
        eps: Annotated[float, Gt(0)] = 1e-6,
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
            over="batch",
            encoder_dropout=encoder_dropout,
            eps=eps,
            momentum=None,
            released=True,
        )
