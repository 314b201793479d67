"""Running statistics taken anew, as after an average of weights."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from afn.normalization.bases.test_time import BatchDependent


@torch.no_grad()
def update_statistics(
    model: nn.Module, loader: Iterable[Any], device: torch.device | str | int | None = None
) -> list[str]:
    """Take the running statistics of every normalisation layer anew: their mean over the batches.

    What ``torch.optim.swa_utils.update_bn`` does for BatchNorm, for all layers of this package and
    BatchNorm, too. Call it after the weights were averaged or otherwise replaced. The model runs in
    training mode and without gradients; afterwards every module is in the mode it was in.

    Parameters
    ----------
    model
        Any module.
    loader
        Batches: an input, or a tuple or list whose first entry is one.
    device
        Where inputs are moved to; None leaves them.

    Returns
    -------
    list of str
        Qualified names of the layers whose statistics were taken.

    Raises
    ------
    ValueError
        If the loader gives no batch. No statistic is changed then.
    """
    layers = {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, BatchDependent | _BatchNorm)
        and getattr(layer, "running_mean", None) is not None
    }
    batches = iter(loader)
    first = next(batches, None)
    if first is None:
        raise ValueError("update_statistics: the loader gives no batch")
    with _averaging(model, list(layers.values())):
        for batch in itertools.chain([first], batches):
            x = batch[0] if isinstance(batch, tuple | list) else batch
            model(x if device is None else x.to(device))
    return list(layers)


@contextlib.contextmanager
def _averaging(model: nn.Module, layers: list[Any]) -> Iterator[None]:
    """Training mode, with a momentum that makes running statistics the mean over all calls."""
    modes = {module: module.training for module in model.modules()}
    momenta = {layer: layer.momentum for layer in layers}
    calls = dict.fromkeys(layers, 0)

    def before(layer: Any, _inputs: tuple[Any, ...]) -> None:
        calls[layer] += 1
        layer.momentum = 1 / calls[layer]

    hooks = []
    for layer in layers:
        layer.running_mean.zero_()
        layer.running_var.fill_(1)
        if getattr(layer, "num_batches_tracked", None) is not None:
            layer.num_batches_tracked.zero_()
        hooks.append(layer.register_forward_pre_hook(before))
    model.train()
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for layer, momentum in momenta.items():
            layer.momentum = momentum
        for module, mode in modes.items():
            module.training = mode
