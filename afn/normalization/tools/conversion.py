"""Replace the batch normalisation layers of a model by another method, keeping what they know."""

from __future__ import annotations

import dataclasses

import torch
from torch import nn

from afn.normalization.registry import create, options_of, resolve

_ONE_D = {"afn": "afn.normalization.methods.afn:AFN1d"}


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What `convert` did.

    Attributes
    ----------
    replaced
        Qualified names of the layers that were replaced.
    skipped
        Qualified names of batch normalisation layers that were left, with the reason.
    added
        Learnable values that the new layers have beyond the old ones.
    """

    replaced: tuple[str, ...]
    skipped: dict[str, str]
    added: int

    def __str__(self) -> str:
        text = f"replaced {len(self.replaced)} layers ({self.added:+,} parameters)"
        left = "".join(f"; left {name}: {why}" for name, why in self.skipped.items())
        return text + left


def convert(model: nn.Module, to: str = "afn", **options: object) -> Conversion:
    """Replace every BatchNorm2d (and, for AFN, BatchNorm1d) of ``model``, in place.

    The new layer takes over weight and bias (as gamma_bias and beta_bias where it learns more),
    running statistics, eps and momentum where it has them, device, type and training mode. Further
    tensors are drawn as for a fresh layer. Make the optimiser afterwards: old parameters are
    gone.

    Parameters
    ----------
    model
        Any module that contains batch normalisation layers (torchvision's models, for example).
    to
        A name of the registry, or ``"package.module:Class"``.
    **options
        Options of the new layers.

    Returns
    -------
    Conversion
        What was replaced, what was not and why. Printing it gives one line.

    Raises
    ------
    ValueError
        If the model is itself a batch normalisation layer (nothing could hold the new one), or for
        an unknown name or option.
    """
    if isinstance(model, (nn.BatchNorm2d, nn.BatchNorm1d)):
        raise ValueError("convert replaces layers inside a model; here the model is the layer")
    plan, skipped, done = [], {}, {}
    for name, layer in model.named_modules():
        if isinstance(layer, nn.BatchNorm2d):
            plan.append((name, layer, to))
        elif isinstance(layer, nn.modules.batchnorm._BatchNorm):
            if isinstance(layer, nn.BatchNorm1d) and to in _ONE_D:
                plan.append((name, layer, _ONE_D[to]))
            else:
                skipped[name] = f"{to!r} has no form for {type(layer).__name__}"
    made = [(name, layer, _successor(layer, kind, options)) for name, layer, kind in plan]
    for _, layer, new in made:
        done[id(layer)] = new
    for parent in list(model.modules()):  # a layer that is used twice has two places
        for child, layer in list(parent._modules.items()):
            if id(layer) in done:
                setattr(parent, child, done[id(layer)])
    added = sum(_size(new) - _size(layer) for _, layer, new in made)
    return Conversion(tuple(name for name, _, _ in made), skipped, added)


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@torch.no_grad()
def _successor(old: nn.Module, kind: str, options: dict[str, object]) -> nn.Module:
    inherited = {"eps": old.eps}
    if old.momentum is not None:
        inherited["momentum"] = old.momentum
    new = _create(kind, old.num_features, inherited, options)
    source = old.running_mean if old.weight is None else old.weight
    if source is not None:
        new = new.to(device=source.device, dtype=source.dtype)
    named = getattr(new, "logical_parameters", lambda: dict(new.named_parameters()))()
    for names, tensor in (
        (("gamma_bias", "weight"), old.weight),
        (("beta_bias", "bias"), old.bias),
    ):
        for name in names:
            if tensor is not None and name in named:
                named[name].copy_(tensor)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        buffer, value = getattr(new, name, None), getattr(old, name, None)
        if buffer is not None and value is not None:
            buffer.copy_(value)
    return new.train(old.training)


def _create(kind: str, features: int, inherited: dict, options: dict) -> nn.Module:
    """A new layer with the old one's settings, as far as it has such options."""
    cls = resolve(kind)
    valid = options_of(cls)
    # the released code's eps stands outside the root and has another unit
    same_eps = "momentum" in valid or not getattr(cls, "statistics", ())
    kept = {k: v for k, v in inherited.items() if k in valid and (k != "eps" or same_eps)}
    return create(kind, features, **{**kept, **options})
