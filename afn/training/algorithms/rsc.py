"""Representation self-challenging. Paper: Huang et al., ECCV 2020, arXiv 2007.02454.

The features that speak most for the true class are muted, so that the network has to learn others.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from annotated_types import Interval
from torch import Tensor, nn
from torch.nn import functional as F

from afn.common.errors import StudyError
from afn.training.algorithms.base import Algorithm

if TYPE_CHECKING:
    from afn.training.loop.engine import Training

Share = Annotated[float, Interval(gt=0, lt=1)]
POSITIONS, CHANNELS = 1 / 3, 1 / 3.2
"""Shares of positions and of channels that the map version mutes."""


class RSC(Algorithm):
    """The training algorithm of the name ``rsc``.

    Parameters
    ----------
    version : str
        ``pooled`` mutes single features behind the pooling, as in DomainBed (Gulrajani &
        Lopez-Paz, 2021). ``map`` is the original: on the last maps, by a coin flip per step, the
        third of the positions or 1 / 3.2 of the channels.
    feature_share : float
        Pooled version: share of a sample's features that is muted (f).
    batch_share : float
        Pooled version: share of the batch, those whose true-class probability falls most, for
        which the mute is kept (b). The map version uses 0.3, rising evenly to 0.5 in the last
        epoch.
    """

    def __init__(
        self,
        *,
        version: Literal["pooled", "map"] = "pooled",
        feature_share: Share = 0.3333333333333333,
        batch_share: Share = 0.3333333333333333,
    ) -> None:
        self.version, self.feature_share, self.batch_share = version, feature_share, batch_share
        self.training: Training | None = None

    def begin(self, training: Training) -> None:
        """Remember the training, whose epoch sets the batch share of the map version."""
        if self.version == "map" and not hasattr(training.model, "maps"):
            raise StudyError("recipe rsc with version=map needs a backbone with maps() and embed()")
        self.training = training

    def loss(
        self, model: nn.Module, images: Tensor, labels: Tensor, label_smoothing: float
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy on the muted features, and the logits before the mute; see `Algorithm`."""
        if self.version == "pooled":
            z, score = model.features(images), model.head  # type: ignore[operator]
        else:
            z = model.maps(images)  # type: ignore[operator]

            def score(maps: Tensor) -> Tensor:  # type: ignore[misc]
                return model.head(model.embed(maps))  # type: ignore[operator]

        logits, slope = slopes(score, z.detach(), labels)
        if self.version == "pooled":
            keep = slope <= torch.quantile(slope, 1 - self.feature_share, dim=1, keepdim=True)
            share = self.batch_share
        else:
            # The coin is one of the run's own stream, on the CPU: nothing waits for the device.
            keep = kept_positions(z, slope) if torch.randint(2, ()) else kept_channels(slope)
            share = self.rising_share()
        with torch.no_grad():
            before = true_class_probability(logits, labels)
            after = true_class_probability(score(z * keep), labels)  # type: ignore[operator]
            fallen = before - after
            spared = fallen < torch.quantile(fallen, 1 - share)
        keep = keep | spared.view(-1, *[1] * (keep.dim() - 1))
        loss = F.cross_entropy(score(z * keep), labels, label_smoothing=label_smoothing)  # type: ignore[operator]
        return loss, logits

    def rising_share(self) -> float:
        """0.3 in the first epoch, 0.5 in the last."""
        assert self.training is not None, "begin() comes first"
        epochs = self.training.recipe.epochs
        return 0.3 + 0.2 * (self.training.epoch - 1) / max(1, epochs - 1)


def slopes(score, z: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (B, K), and the derivative of the sum of the true-class logits for z (like z)."""
    with torch.enable_grad():
        leaf = z.detach().requires_grad_()
        logits = score(leaf)
        chosen = logits.gather(1, labels[:, None]).sum()
        (slope,) = torch.autograd.grad(chosen, leaf)
    return logits.detach(), slope.float()


def kept_positions(z: Tensor, slope: Tensor) -> Tensor:
    """Mask (B, 1, h, w): all but the third of the positions with the largest class activation."""
    activation = (z.detach() * slope.mean((2, 3), keepdim=True)).sum(1, keepdim=True)
    flat = activation.flatten(1)
    return activation <= above(flat, int(flat.shape[1] * POSITIONS)).view(-1, 1, 1, 1)


def kept_channels(slope: Tensor) -> Tensor:
    """Mask (B, C, 1, 1): all but the 1 / 3.2 of the channels with the largest mean slope."""
    mean = slope.mean((2, 3))
    return (mean <= above(mean, math.ceil(mean.shape[1] * CHANNELS)))[:, :, None, None]


def above(values: Tensor, count: int) -> Tensor:
    """The value (B, 1) that ``count`` of a row's values (B, n) exceed, where no two are equal."""
    count = min(count, values.shape[1] - 1)
    return values.topk(count + 1, dim=1).values[:, -1:]


def true_class_probability(logits: Tensor, labels: Tensor) -> Tensor:
    """Softmax probability (B,) of each sample's own class."""
    return logits.float().softmax(1).gather(1, labels[:, None])[:, 0]
