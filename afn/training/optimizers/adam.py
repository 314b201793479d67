"""Adam on torch's fused kernel.

The kernel is that of ``torch.optim.Adam(fused=True)``, and the numbers are its to the bit (a test
compares). The class of ``torch.optim`` is used only where torch has no kernel of that name, because
its first step imports the compiler, which costs a process as much as a short training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from afn.training.optimizers.base import Optimizer
from afn.training.optimizers.kernels import by_torch, fused_kernel


class Adam(Optimizer):
    """Kingma and Ba, ICLR 2015, arXiv 1412.6980, with betas 0.9 and 0.999 and eps 1e-8.

    Weight decay is added to the gradient (an L2 penalty), so the second moment scales it, too.
    """

    buffers: tuple[str, ...] = ("first", "second", "steps")
    recordable = True
    kernel, kind = "_fused_adam_", "Adam"
    """The kernel, and the class of ``torch.optim`` that calls it, too."""

    @staticmethod
    def fresh(name: str, parameters: list[nn.Parameter]) -> list[Tensor]:
        if name == "steps":
            # One count per parameter, all of them views of one tensor.
            return list(torch.zeros(len(parameters), device=parameters[0].device).unbind())
        return Optimizer.fresh(name, parameters)

    def update(self, group, lr, gradients, parameters, first, second, steps) -> None:
        decay = group.weight_decay
        fused = fused_kernel(self.kernel)
        if fused is None:
            state = {"exp_avg": first, "exp_avg_sq": second, "step": steps}
            given = {"lr": lr, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": decay}
            by_torch(getattr(torch.optim, self.kind), parameters, gradients, state, **given)
            return
        if len(steps) == len(group.parameters):
            steps[0]._base.add_(1)  # all at once
        else:
            torch._foreach_add_(steps, 1)
        fused(
            parameters,
            gradients,
            first,
            second,
            [],
            steps,
            lr=lr,
            beta1=0.9,
            beta2=0.999,
            weight_decay=decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )
