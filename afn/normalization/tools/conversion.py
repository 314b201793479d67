"""Replace the batch normalisation layers of a model by another method, keeping what they know."""

from __future__ import annotations

import dataclasses
from typing import Literal, overload

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from afn.normalization.registry import create, options_of, refuse_unknown, resolve
from afn.normalization.tools.inspection import Tensors, addition

_ONE_D = {"afn": "afn.normalization.methods.afn:AFN1d"}
_PLAIN = (("gamma_bias", "weight"), ("beta_bias", "bias"))
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What `convert` did.

    Attributes
    ----------
    replaced
        Qualified names of the layers that were replaced ("" for the model itself).
    skipped
        Qualified names of normalisation layers that were left, with the reason.
    added
        Values that the new layers have beyond the old ones.
    total
        Values of all parameters of the model before.
    frozen
        Those of ``replaced`` whose parameters require no gradient, as before.
    """

    replaced: tuple[str, ...]
    skipped: dict[str, str]
    added: int
    total: int = 0
    frozen: tuple[str, ...] = ()

    def __str__(self) -> str:
        share = f", {self.added / self.total:+.0%} of the model's" if self.total else ""
        text = f"replaced {len(self.replaced)} layers ({self.added:+,} parameters{share})"
        if self.frozen:
            text += f"; {len(self.frozen)} of them stay frozen"
        left = (f"; left {name or 'the model itself'}: {why}" for name, why in self.skipped.items())
        return text + "".join(left)


@overload
def convert(
    model: nn.Module, to: str = ..., *, report: Literal[False] = ..., **options: object
) -> nn.Module: ...
@overload
def convert(
    model: nn.Module, to: str = ..., *, report: Literal[True], **options: object
) -> tuple[nn.Module, Conversion]: ...
def convert(
    model: nn.Module, to: str = "afn", *, report: bool = False, **options: object
) -> nn.Module | tuple[nn.Module, Conversion]:
    """Replace every BatchNorm2d (and, for AFN, BatchNorm1d) of ``model``, in place, and give the
    model back: ``model = convert(model)``.

    The new layer takes over weight and bias (as gamma_bias and beta_bias where it learns more),
    running statistics, eps and momentum where it has them, device, types, training mode and whether
    gradients are wanted. Further tensors are drawn as for a fresh layer. What cannot be kept is
    left as it is, with the reason: subclasses that compute more, hooks, parametrisations, tensors
    shared with other layers, settings that the new layer has not. Make the optimiser afterwards:
    old parameters are gone.

    Parameters
    ----------
    model
        Any module, a batch normalisation layer itself included.
    to
        A name of the registry, or ``"package.module:Class"``.
    report
        Whether to give back what was done, too.
    **options
        Options of the new layers.

    Returns
    -------
    torch.nn.Module
        The model; a new layer if the model was a batch normalisation layer itself.
    Conversion
        With ``report=True``: what was replaced, what was not and why. Printing it gives one line.

    Raises
    ------
    ValueError
        For an unknown name or option, or one out of range. Nothing is replaced then.
    """
    refuse_unknown(to, options)
    plan, skipped = _plan(model, to, options)
    made = {id(layer): _successor(layer, kind, options) for _, layer, kind in plan}
    total = sum(p.numel() for p in model.parameters() if not nn.parameter.is_lazy(p))
    for parent in list(model.modules()):  # a layer that is used twice has two places
        for child, layer in list(parent._modules.items()):
            if id(layer) in made:
                setattr(parent, child, made[id(layer)])
    pairs = [(name, layer, made[id(layer)]) for name, layer, _ in plan]
    done = Conversion(
        replaced=tuple(name for name, _, _ in pairs),
        skipped=skipped,
        added=sum(_size(new) - _size(layer) for _, layer, new in pairs),
        total=total,
        frozen=tuple(name for name, layer, _ in pairs if _frozen(layer)),
    )
    model = made.get(id(model), model)
    return (model, done) if report else model


def _plan(
    model: nn.Module, to: str, options: dict[str, object]
) -> tuple[list[tuple[str, _BatchNorm, str]], dict[str, str]]:
    """The layers to replace, as (name, layer, kind), and those to leave, with the reason."""
    plan: list[tuple[str, _BatchNorm, str]] = []
    skipped: dict[str, str] = {}
    compiled: list[str] = []
    tensors = Tensors(model)
    for name, layer in model.named_modules():
        if any(name.startswith(prefix) for prefix in compiled):
            continue
        if isinstance(layer, torch.jit.ScriptModule):
            compiled.append(name and name + ".")
            if any("BatchNorm" in _kind(inner) for inner in layer.modules()):
                skipped[name] = "is compiled to TorchScript: convert before compiling"
            continue
        if not isinstance(layer, _BatchNorm):
            if "BatchNorm" in _kind(layer) or isinstance(_statistics(layer), tuple):
                skipped[name] = f"is {_kind(layer)}, not a batch normalisation layer of torch"
            continue
        kind: str | None = to
        if isinstance(layer, nn.BatchNorm1d):
            kind = _ONE_D.get(to)
        elif not isinstance(layer, nn.BatchNorm2d):
            kind = None
        if kind is None:
            skipped[name] = f"{to!r} has no form for {type(layer).__name__}"
        elif why := _obstacle(layer, kind, to, options, tensors):
            skipped[name] = why
        else:
            plan.append((name, layer, kind))
    return plan, skipped


def _obstacle(
    layer: _BatchNorm, kind: str, to: str, options: dict[str, object], tensors: Tensors
) -> str | None:
    """Why a batch normalisation layer is left; None if it is replaced."""
    cls = resolve(kind)
    if type(layer) is cls:
        return f"is {cls.__name__} already"
    why = addition(layer, (nn.BatchNorm1d, nn.BatchNorm2d, resolve("batch")))
    why = why or tensors.shared(layer)
    if why is None and id(layer) in tensors.held:
        why = (
            f"is also held by the attribute {tensors.held[id(layer)]}, which would keep calling it"
        )
    if why:
        return why
    if layer.running_mean is None and "running" in (_statistics(cls) or ()):  # type: ignore[operator]
        return f"keeps no running statistics, and {to!r} is tested with them"
    valid = options_of(cls)
    if "momentum" in valid and "momentum" not in options:
        if layer.momentum is None:
            return f"its running statistics are plain means (momentum=None), which {to!r} has not"
        if not 0 < layer.momentum <= 1:
            return f"its momentum of {layer.momentum} is not in (0, 1]"
    if "eps" not in options and _keeps_eps(cls) and not layer.eps > 0:
        return f"its eps of {layer.eps} is not above 0"
    wants = {p.requires_grad for p in layer.parameters()}
    if len(wants) == 2 and hasattr(cls, "logical_parameters"):
        return f"one of weight and bias is frozen, and {to!r} has both in one parameter"
    return None


def _kind(layer: nn.Module) -> str:
    return getattr(layer, "original_name", type(layer).__name__)


def _statistics(layer: object) -> object:
    """The statistics that a layer of this package, or made for it, can be tested with."""
    return getattr(layer if isinstance(layer, type) else type(layer), "statistics", None)


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _frozen(layer: nn.Module) -> bool:
    wants = [p.requires_grad for p in layer.parameters()]
    return bool(wants) and not any(wants)


@torch.no_grad()
def _successor(old: _BatchNorm, kind: str, options: dict[str, object]) -> nn.Module:
    inherited = {"eps": old.eps}
    if old.momentum is not None:
        inherited["momentum"] = old.momentum
    new = _create(kind, old.num_features, inherited, options)
    source = old.running_mean if old.weight is None else old.weight
    if source is not None:
        new = new.to(device=source.device, dtype=source.dtype)
    packed = hasattr(new, "logical_parameters")
    named = new.logical_parameters() if packed else dict(new.named_parameters())  # type: ignore[operator]
    for names, tensor in zip(_PLAIN, (old.weight, old.bias), strict=True):
        for name in names:
            if tensor is not None and name in named:
                named[name].copy_(tensor)
            if name in named and not packed:  # what could not learn before does not learn now
                named[name].requires_grad_(tensor is not None and tensor.requires_grad)
    if _frozen(old):
        new.requires_grad_(False)
    for name in _BUFFERS:
        buffer, value = getattr(new, name, None), getattr(old, name, None)
        if buffer is not None and value is not None:
            setattr(new, name, value.clone())
    for name in ("test_statistics", "test_group_size"):  # of Batch2d; each only if set
        if name in vars(old) and hasattr(new, name):
            setattr(new, name, getattr(old, name))
    return new.train(old.training)


def _keeps_eps(cls: type[nn.Module]) -> bool:
    """Whether a layer has an eps of BatchNorm's meaning: the released code's stands outside the
    root and has another unit."""
    valid = options_of(cls)
    return "eps" in valid and ("momentum" in valid or not _statistics(cls))


def _create(
    kind: str, features: int, inherited: dict[str, float], options: dict[str, object]
) -> nn.Module:
    """A new layer with the old one's settings, as far as it has such options."""
    cls = resolve(kind)
    valid = options_of(cls)
    kept = {k: v for k, v in inherited.items() if k in valid and (k != "eps" or _keeps_eps(cls))}
    return create(kind, features, **{**kept, **options})
