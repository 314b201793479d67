"""AdamW on torch's fused kernel.

The kernel is that of ``torch.optim.AdamW(fused=True)``, and the numbers are its to the bit (a test
compares). The class of ``torch.optim`` is used only where torch has no kernel of that name, because
its first step imports the compiler, which costs a process as much as a short training.
"""

from __future__ import annotations

from afn.training.optimizers.adam import Adam


class AdamW(Adam):
    """Loshchilov and Hutter, ICLR 2019, arXiv 1711.05101; moments as in `Adam`.

    Weight decay is decoupled: before each step a weight is multiplied by 1 - lr * ``weight_decay``,
    and the moments do not see it.
    """

    kernel, kind = "_fused_adamw_", "AdamW"
