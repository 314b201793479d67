"""Common random numbers for the weights: every parameter has a seed of its own.

The seed is made of the run's seed, the parameter's qualified name and its shape, and of nothing
else. Two networks that share a layer by name and shape therefore start with the same values there,
whatever else they hold; a paired comparison at equal seeds then needs far fewer seeds.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from afn.common.seeds import stream


def logical_parameters(module: nn.Module) -> dict[str, Tensor]:
    """A module's own learnable tensors by name, as a reader would name them.

    A layer that packs several tensors into one may expose them as views through its own
    ``logical_parameters()``.
    """
    if hasattr(module, "logical_parameters"):
        return module.logical_parameters()  # type: ignore[operator]
    return dict(module.named_parameters(recurse=False))


@torch.no_grad()
def initialize(model: nn.Module, seed: int, only: set[str] | None = None) -> None:
    """Draw every parameter of ``model`` from its own stream, in place.

    With ``only``, those of the modules with these qualified names, and no others.

    The distribution is that of the owning module's ``reset_parameters()``, called once per
    parameter with torch's generator seeded for it; of each call one parameter is kept. A module
    without ``reset_parameters`` keeps the values that it was built with. Torch's global generator
    is left in a state of no meaning: seed it afterwards. The model must be on the CPU, so that
    every device starts from the same values.
    """
    for path, module in model.named_modules():
        logical = logical_parameters(module)
        if only is not None and path not in only:
            continue
        if not logical or not hasattr(module, "reset_parameters"):
            continue
        drawn = {}
        for name, tensor in logical.items():
            qualified = f"{path}.{name}" if path else name
            # Not torch.manual_seed, which also notes a seed for every kind of device: slow.
            torch.default_generator.manual_seed(stream(seed, "weights", qualified, *tensor.shape))
            module.reset_parameters()
            drawn[name] = logical_parameters(module)[name].clone()
        for name, tensor in logical_parameters(module).items():
            tensor.copy_(drawn[name])
