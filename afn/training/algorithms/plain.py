"""Plain empirical risk minimisation: the cross-entropy of the network's answer."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Plain:
    """The training algorithm of the name ``plain``, and the interface of every other one.

    An algorithm has one method, `loss`, which the engine calls once per step under the recipe's
    precision. Keyword-only arguments of ``__init__`` are options of the recipe. It may also have

    - ``begin(training)``, called once before the first step with the `Training`;
    - ``state_dict()`` and ``load_state_dict(state)``, for what it carries between epochs.
    """

    def __init__(self) -> None:
        pass

    def loss(
        self, model: nn.Module, images: Tensor, labels: Tensor, label_smoothing: float
    ) -> tuple[Tensor, Tensor]:
        """Return the loss to minimise (a scalar) and the logits that the accuracy is taken from.

        Parameters
        ----------
        model : nn.Module
            The network, in training mode; ``model.features`` and ``model.head`` are its two parts.
        images, labels : Tensor
            One normalised batch (B, C, H, W) and its classes (B,).
        label_smoothing : float
            Share of the target that is spread over all classes.
        """
        logits = model(images)
        return F.cross_entropy(logits, labels, label_smoothing=label_smoothing), logits
