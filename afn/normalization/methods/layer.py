"""Layer normalisation over (C, H, W). Paper: Ba, Kiros & Hinton 2016, arXiv 1607.06450."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import nn

from afn.normalization.bases.options import checked


class Layer2d(nn.GroupNorm):
    """Layer normalisation of feature maps: torch's GroupNorm with one group, affine per channel.

    Parameters
    ----------
    num_features
        Channels C of the input (N, C, H, W).
    eps
        Added to the variance, inside the root.
    """

    statistics = ()
    shown = {"label": "LayerNorm", "color": "#90A67D", "marker": "X"}
    plan_cost = {"launches": 4, "passes": 8}

    @checked
    def __init__(self, num_features: int, *, eps: Annotated[float, Gt(0)] = 1e-5):
        super().__init__(1, num_features, eps=eps)
