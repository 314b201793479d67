"""Instance normalisation. Paper: Ulyanov, Vedaldi & Lempitsky 2016, arXiv 1607.08022."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import nn

from afn.normalization.bases.options import checked


class Instance2d(nn.InstanceNorm2d):
    """torch's InstanceNorm2d with a learned affine and no running statistics: train = test.

    Parameters
    ----------
    num_features
        Channels C of the input (N, C, H, W).
    eps
        Added to the variance, inside the root.

    Raises
    ------
    ValueError
        In training, for 1x1 maps, which have no variance.
    """

    statistics = ()
    shown = {"label": "InstanceNorm", "color": "#7A3B12", "marker": "<"}
    plan_cost = {"launches": 9, "passes": 8}

    @checked
    def __init__(self, num_features: int, *, eps: Annotated[float, Gt(0)] = 1e-5):
        super().__init__(num_features, eps=eps, affine=True, track_running_stats=False)
