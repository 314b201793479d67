"""Group normalisation. Paper: Wu & He 2018, arXiv 1803.08494."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt
from torch import nn

from afn.normalization.bases.options import checked


class Group2d(nn.GroupNorm):
    """torch's GroupNorm, affine per channel.

    Parameters
    ----------
    num_features
        Channels C of the input (N, C, H, W); a multiple of ``groups``.
    groups
        How many groups of channels; the paper's 32 needs wide networks, hence 8.
    eps
        Added to the variance, inside the root.

    Raises
    ------
    ValueError
        If ``groups`` does not divide ``num_features``.
    """

    statistics = ()
    shown = {"label": "GroupNorm", "color": "#D78F1D", "marker": "v"}
    plan_cost = {"launches": 4, "passes": 8}

    @checked
    def __init__(
        self,
        num_features: int,
        *,
        groups: Annotated[int, Ge(1)] = 8,
        eps: Annotated[float, Gt(0)] = 1e-5,
    ):
        if num_features % groups:
            raise ValueError(
                f"Group2d: groups = {groups} does not divide the {num_features} channels"
            )
        super().__init__(groups, num_features, eps=eps)
