"""Bake normalisation layers with running statistics into the layers before them, for test time."""

from __future__ import annotations

import dataclasses
from collections import Counter

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from afn.normalization.bases.fusion import FusionNorm
from afn.normalization.bases.test_time import BatchDependent


@dataclasses.dataclass(frozen=True)
class Folding:
    """What `fold` did.

    Attributes
    ----------
    folded
        Pairs (layer, normalisation) of qualified names; the second is an Identity now.
    left
        Normalisation layers that still compute, with the reason.
    """

    folded: tuple[tuple[str, str], ...]
    left: dict[str, str]

    def __str__(self) -> str:
        text = f"folded {len(self.folded)} normalisation layers"
        return text + "".join(f"; left {name}: {why}" for name, why in self.left.items())


class _Tracer(fx.Tracer):
    """Looks into the model, but not into normalisation layers."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return _is_norm(m) or super().is_leaf_module(m, module_qualified_name)


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, FusionNorm | BatchDependent | _BatchNorm)


def fold(model: nn.Module) -> Folding:
    """Fold every normalisation layer that is a fixed affine at test time into the convolution or
    linear layer before it, in place.

    That is possible where the norm keeps running statistics and is the only one to read what a
    Conv or Linear layer gives, each of them called once: not in pre-activation networks, whose
    norms stand before their convolutions. The flow is found by tracing, not by names. After a
    Linear layer inputs are taken to be (N, C). The model's outputs stay the same up to rounding;
    it is for use, not for further training.

    Parameters
    ----------
    model
        Any module that `torch.fx` can trace, in evaluation mode.

    Returns
    -------
    Folding
        What was folded, what was left and why. Printing it gives one line.

    Raises
    ------
    ValueError
        If the model is in training mode or cannot be traced.
    """
    if any(m.training for m in model.modules()):
        raise ValueError("fold is for test time: call model.eval() first")
    try:
        graph = _Tracer().trace(model)
    except Exception as error:
        raise ValueError(
            f"torch.fx cannot trace this model, so it is not known what each norm reads: {error}"
        ) from error
    modules = dict(model.named_modules(remove_duplicate=False))
    calls = Counter(id(modules[n.target]) for n in graph.nodes if n.op == "call_module")
    folded, left = [], {}
    for node in graph.nodes:
        if node.op != "call_module" or not _is_norm(modules[node.target]):
            continue
        source = node.args[0] if node.args else None
        why = _obstacle(modules, calls, node, source)
        if why:
            left[node.target] = why
            continue
        _absorb(modules[source.target], *affine_of(modules[node.target]))
        parent, _, child = node.target.rpartition(".")
        setattr(modules[parent] if parent else model, child, nn.Identity())
        folded.append((source.target, node.target))
    return Folding(tuple(folded), left)


def _obstacle(modules: dict, calls: Counter, node: fx.Node, source: object) -> str | None:
    """Why a norm cannot be folded; None if it can."""
    norm = modules[node.target]
    if not hasattr(norm, "running_mean") or norm.running_mean is None:
        return "keeps no running statistics"
    if not isinstance(norm, _BatchNorm | FusionNorm):
        return "also uses the statistics of each sample"
    if getattr(norm, "test_statistics", "running") != "running":
        return "is tested with the statistics of the batch"
    if not isinstance(source, fx.Node) or source.op != "call_module":
        return "does not follow a convolution or linear layer"
    layer = modules[source.target]
    if not isinstance(layer, _ConvNd | nn.Linear):
        return f"follows {type(layer).__name__}, not a convolution or linear layer"
    if len(source.users) > 1:
        return f"what {source.target} gives is also used elsewhere"
    if calls[id(layer)] > 1 or calls[id(norm)] > 1:
        return f"{source.target} or the norm itself is called more than once"
    if nn.utils.parametrize.is_parametrized(layer) or layer._forward_pre_hooks:
        return f"the weight of {source.target} is computed by a parametrisation or hook"
    width = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    if width != norm.num_features:
        return f"{source.target} gives {width} channels, the norm takes {norm.num_features}"
    return None


@torch.no_grad()
def affine_of(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """scale, shift (C,) of what a norm with running statistics does at test time."""
    if isinstance(norm, FusionNorm):
        a, b = norm.test_affine()
        return a, b - a * norm.running_mean
    scale = torch.rsqrt(norm.running_var + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -norm.running_mean * scale
    return scale, shift if norm.bias is None else shift + norm.bias


@torch.no_grad()
def _absorb(layer: nn.Module, scale: Tensor, shift: Tensor) -> None:
    """layer <- scale * layer + shift, per output channel."""
    weight = layer.weight
    if isinstance(layer, _ConvTransposeNd):  # (in, out / groups, ...)
        rows = scale.view(layer.groups, 1, -1)
        parts = weight.view(layer.groups, -1, rows.shape[2], *weight.shape[2:])
        scaled = parts * rows.view(*rows.shape, *(1,) * (weight.dim() - 2))
        scaled = scaled.view_as(weight)
    else:
        scaled = weight * scale.view(-1, *(1,) * (weight.dim() - 1))
    weight.copy_(scaled)
    if layer.bias is not None:
        layer.bias.copy_(layer.bias * scale + shift)
    else:
        layer.bias = nn.Parameter(shift.to(weight.dtype), requires_grad=weight.requires_grad)
