"""One training step as a function of images, labels and the learning rate.

In: a batch of augmented images as they are stored, on the device. Out: the loss, the correct
answers and the norms of the gradients, which stay on the device; in between the weights, the
running statistics and the optimiser's state have moved, all of them in place. Nothing here looks
at a value on the device, so that a step can be recorded and replayed
(`afn.training.loop.recorded`). Called by the training loop (`afn.training.loop.engine`).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from afn.training.loop.engine import Training

EAGER, RECORDED = "eager", "recorded"
"""How steps were taken, as results say it."""


class Measured(NamedTuple):
    """What is known of a step: the loss (a scalar), how many answers were correct (a scalar), and
    the norm of each gradient (n,)."""

    loss: Tensor
    hits: Tensor
    norms: Tensor


class TrainingStep:
    """A step of a training, operation by operation: forward, loss, backward, clipping, optimiser,
    the layers' hooks, and what is measured.

    Parameters
    ----------
    training : Training
        Whose network, algorithm, optimiser and hooks are called.
    """

    def __init__(self, training: Training) -> None:
        self.training, self.recipe = training, training.recipe
        self.lr = 0.0
        self.how = EAGER

    def epoch_begins(self, lr: float) -> None:
        """All steps until the next call have this learning rate."""
        self.lr = lr

    def take(self, images: Tensor, labels: Tensor) -> Measured:
        """Train on images (B, H, W, C), as they are stored, and their classes (B,)."""
        training, recipe = self.training, self.recipe
        optimizer = training.optimizer
        with autocast(training.device, recipe.amp):
            loss, logits = training.algorithm.loss(
                training.model, training.inputs(images), labels, recipe.label_smoothing
            )
        loss.backward()
        norms = torch.stack(torch._foreach_norm(optimizer.gradients()))
        if recipe.clip_norm:
            clip(optimizer.gradients(), norms, recipe.clip_norm)
        optimizer.step(self.lr)
        # Gradients are made anew by every backward pass: of a recorded step they are memory of the
        # recording, like everything between its inputs and its outputs.
        optimizer.zero_grad()
        for after_step in training.after_step:
            after_step()
        return Measured(loss.detach(), (logits.argmax(1) == labels).sum(), norms)


def clip(gradients: list[Tensor], norms: Tensor, largest: float) -> None:
    """Scale all gradients in place so that their common norm is at most ``largest``.

    ``norms`` (n,) are those of the n gradients. As ``torch.nn.utils.clip_grad_norm_``, without
    computing the norms again.
    """
    scale = (largest / (norms.norm() + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_(gradients, scale)


def autocast(device: torch.device, on: bool):
    """Bfloat16 where it is safe, if the recipe asks for it."""
    return torch.autocast(device.type, torch.bfloat16) if on else contextlib.nullcontext()
