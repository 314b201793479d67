"""SGD on torch's fused kernel.

The kernel is that of ``torch.optim.SGD(fused=True)``, and the numbers are its to the bit (a test
compares). The class of ``torch.optim`` is used only where torch has no kernel of that name, because
its first step imports the compiler, which costs a process as much as a short training.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from afn.training.optimizers.base import Group, Optimizer
from afn.training.optimizers.kernels import by_torch, fused_kernel


class SGD(Optimizer):
    """Stochastic gradient descent; with momentum, Nesterov's.

    Weight decay is added to the gradient (an L2 penalty), and so to the momentum.
    """

    buffers = ("velocity",)
    recordable = True

    def __init__(self, groups: Iterable[Group], *, momentum: float = 0.9) -> None:
        self.momentum = momentum
        super().__init__(groups)

    def update(self, group, lr, gradients, parameters, velocity) -> None:
        moving = self.momentum > 0
        fused = fused_kernel("_fused_sgd_")
        if fused is None:
            state = {"momentum_buffer": velocity} if moving else {}
            given = {"lr": lr, "weight_decay": group.weight_decay}
            given |= {"momentum": self.momentum, "nesterov": moving}
            by_torch(torch.optim.SGD, parameters, gradients, state, **given)
            return
        fused(
            parameters,
            gradients,
            velocity if self.momentum else [],
            weight_decay=group.weight_decay,
            momentum=self.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=moving,
            maximize=False,
            is_first_step=False,
        )
