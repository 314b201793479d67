"""Networks that start from trained weights: loaded into BatchNorm first, converted then.

Every arm of a comparison starts from the same weights: BatchNorm keeps them, any other norm takes
over what it can (scale, shift, running statistics) and draws the rest from the named streams, as in
a network that starts from nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from afn.common.errors import StudyError
from afn.normalization import convert
from afn.training.networks.initialization import initialize, logical_parameters

INHERITED = {"weight", "bias", "gamma_bias", "beta_bias"}
"""What `afn.normalization.convert` takes over from BatchNorm, by name."""


def converted(
    construct: Callable[[Callable[[int], nn.Module]], nn.Module],
    seed: int,
    norm: str,
    options: dict,
) -> nn.Module:
    """Build a network with trained weights and the norm of a specification.

    Parameters
    ----------
    construct
        ``construct(norm_factory)`` builds the network, which has ``load_pretrained()``.
    seed : int
        Of the run: draws the head, where it is new, and what the norm adds.
    norm, options
        Name and options of the norm layers.

    Raises
    ------
    StudyError
        If the weights cannot be read or do not fit.
    """
    try:
        model = construct(nn.BatchNorm2d)
        initialize(model, seed)
        model.load_pretrained()  # type: ignore[operator]
    except ValueError as error:
        raise StudyError(f"backbone: {error}") from None
    model, report = convert(model, to=norm, report=True, **options)
    draw_additions(model, report.replaced, seed)
    return model


@torch.no_grad()
def draw_additions(model: nn.Module, replaced: tuple[str, ...], seed: int) -> None:
    """Draw from the run's streams what the replaced layers have and BatchNorm had not."""
    layers = {path: model.get_submodule(path) for path in replaced}
    kept = {
        path: {
            **{k: v.clone() for k, v in logical_parameters(layer).items() if k in INHERITED},
            **{k: v.clone() for k, v in layer.named_buffers() if v is not None},
        }
        for path, layer in layers.items()
    }
    initialize(model, seed, only=set(layers))
    for path, layer in layers.items():
        places = {**logical_parameters(layer), **dict(layer.named_buffers())}
        for name, value in kept[path].items():
            places[name].copy_(value)
