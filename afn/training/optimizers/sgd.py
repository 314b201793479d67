"""SGD on torch's fused kernel.

The kernel is that of ``torch.optim.SGD(fused=True)``, and the numbers are its to the bit (a test
compares). The class of ``torch.optim`` is not used because its first step imports the compiler,
which costs a process as much as a short training.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from afn.training.optimizers.base import Group, Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent; with momentum, Nesterov's.

    Weight decay is added to the gradient (an L2 penalty), and so to the momentum.
    """

    buffers = ("velocity",)

    def __init__(self, groups: Iterable[Group], *, momentum: float = 0.9) -> None:
        self.momentum = momentum
        super().__init__(groups)

    def update(self, group, lr, gradients, parameters, velocity) -> None:
        torch._fused_sgd_(
            parameters,
            gradients,
            velocity if self.momentum else [],
            weight_decay=group.weight_decay,
            momentum=self.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=self.momentum > 0,
            maximize=False,
            is_first_step=False,
        )
