"""An epoch under way: what was drawn at its start, how far it is, what it has measured so far.

In: the number of images and the two generators at the start of the epoch. Out: the batches in their
order, the row of the history at the end, and in between a state from which another process goes on
to the same bits. Called by the training loop (`afn.training.loop.engine`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from afn.training.loop.step import Measured


class Epoch:
    """One pass over a training set.

    Parameters
    ----------
    n : int
        Images at its start. A set that grows meanwhile (as that of `ada` does) is seen by the
        next epoch.
    order, moves : torch.Generator
        Of the permutation and of the augmentation; each is drawn from once, here.
    augmentation
        See `afn.training.augmentations.moves.Moves`.
    device : torch.device
        Of the training.
    home : torch.device
        Where the images lie.

    Attributes
    ----------
    position : int
        Images seen so far, in the order of ``permutation`` (n,).
    losses, hits, norms : list of Tensor
        Per step: the loss, the correct answers, the norm of each gradient. They stay on the device.
    counts : list of int
        Images per step.
    seconds : float
        What it had taken when its state was made; 0 for a new one.
    """

    def __init__(
        self,
        n: int,
        order: torch.Generator,
        moves: torch.Generator,
        augmentation,
        device: torch.device,
        home: torch.device,
    ) -> None:
        self.n = n
        # A state holds these, and not the draws, which are made again from them.
        self.generators = {"order": order.get_state(), "moves": moves.get_state()}
        self.permutation = torch.randperm(n, generator=order).to(home)
        self.moves = augmentation.draw(n, moves, device)
        self.position, self.seconds = 0, 0.0
        self.losses: list[Tensor] = []
        self.hits: list[Tensor] = []
        self.norms: list[Tensor] = []
        self.counts: list[int] = []

    def batch(self, size: int) -> tuple[Tensor, Tensor | None]:
        """The next rows (B,) of the set and the moves of their images; B = 0 at the end."""
        stop = self.position + size
        rows = self.permutation[self.position : stop]
        return rows, None if self.moves is None else self.moves[self.position : stop]

    def add(self, found: Measured, count: int) -> None:
        """What a step on the next ``count`` images has measured."""
        self.losses.append(found.loss)
        self.hits.append(found.hits)
        self.norms.append(found.norms)
        self.counts.append(count)
        self.position += count

    def row(self) -> dict[str, float]:
        """Loss, accuracy and norm of the gradient over the epoch; looks at the device."""
        losses = torch.stack(self.losses).double().cpu().numpy()
        total = sum(self.counts)
        return {
            "loss": float(losses @ self.counts / total),
            "accuracy": int(torch.stack(self.hits).sum()) / total,
            "grad_norm": float(torch.stack(self.norms).double().norm(dim=1).mean()),
        }

    def state_dict(self, seconds: float) -> dict:
        """After at least one step; ``seconds`` is what the epoch has taken so far."""
        return {
            "n": self.n,
            **self.generators,
            "position": self.position,
            "seconds": seconds,
            "losses": torch.stack(self.losses),
            "hits": torch.stack(self.hits),
            "norms": torch.stack(self.norms),
            "counts": self.counts,
        }

    @classmethod
    def load(
        cls,
        state: dict,
        order: torch.Generator,
        moves: torch.Generator,
        augmentation,
        device: torch.device,
        home: torch.device,
    ) -> Epoch:
        """The epoch whose state this is; both generators are left as after its draws."""
        order.set_state(state["order"])
        moves.set_state(state["moves"])
        epoch = cls(state["n"], order, moves, augmentation, device, home)
        epoch.position, epoch.seconds = state["position"], state["seconds"]
        for name in ("losses", "hits", "norms"):
            setattr(epoch, name, list(state[name].to(device).unbind()))
        epoch.counts = list(state["counts"])
        return epoch
