"""Plain empirical risk minimisation: the cross-entropy of the network's answer."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from afn.training.algorithms.base import Algorithm


class Plain(Algorithm):
    """The training algorithm of the name ``plain``, and the pattern of every other one."""

    recordable = True

    def __init__(self) -> None:
        pass

    def loss(
        self, model: nn.Module, images: Tensor, labels: Tensor, label_smoothing: float
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy and logits, see `Algorithm`."""
        logits = model(images)
        return F.cross_entropy(logits, labels, label_smoothing=label_smoothing), logits
