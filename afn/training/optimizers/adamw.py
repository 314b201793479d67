"""AdamW on torch's fused kernel.

The kernel is that of ``torch.optim.AdamW(fused=True)``, and the numbers are its to the bit (a test
compares). The class of ``torch.optim`` is not used because its first step imports the compiler,
which costs a process as much as a short training.
"""

from __future__ import annotations

import torch

from afn.training.optimizers.adam import Adam


class AdamW(Adam):
    """Loshchilov and Hutter, ICLR 2019, arXiv 1711.05101; moments as in `Adam`.

    Weight decay is decoupled: before each step a weight is multiplied by 1 - lr * ``weight_decay``,
    and the moments do not see it.
    """

    def update(self, group, lr, gradients, parameters, first, second, steps) -> None:
        if len(steps) == len(group.parameters):
            steps[0]._base.add_(1)  # all at once
        else:
            torch._foreach_add_(steps, 1)
        torch._fused_adamw_(
            parameters,
            gradients,
            first,
            second,
            [],
            steps,
            lr=lr,
            beta1=0.9,
            beta2=0.999,
            weight_decay=group.weight_decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )
