"""Bake normalisation layers with running statistics into the layers before them, for test time."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, overload

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvTransposeNd

from afn.normalization.bases.fusion import FusionNorm
from afn.normalization.methods.afn import AFN1d, AFN2d
from afn.normalization.methods.afn_released import AFNReleased2d
from afn.normalization.methods.batch import Batch2d
from afn.normalization.tools.flow import Flow, is_norm
from afn.normalization.tools.inspection import Tensors, addition

_BEFORE = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)
_NORMS = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
    *(Batch2d, AFN1d, AFN2d, AFNReleased2d),
)


@dataclasses.dataclass(frozen=True)
class Folding:
    """What `fold` did.

    Attributes
    ----------
    folded
        Pairs (layer, normalisation) of qualified names; the second is an Identity now.
    left
        Normalisation layers that still compute, with the reason ("" names the model itself).
    """

    folded: tuple[tuple[str, str], ...]
    left: dict[str, str]

    def __str__(self) -> str:
        text = f"folded {len(self.folded)} normalisation layers"
        left = (f"; left {name or 'the model itself'}: {why}" for name, why in self.left.items())
        return text + "".join(left)


Example = Tensor | tuple[Any, ...] | None
"""An input of a model, or its inputs."""


@overload
def fold(
    model: nn.Module, *, example: Example = ..., report: Literal[False] = ...
) -> nn.Module: ...
@overload
def fold(
    model: nn.Module, *, example: Example = ..., report: Literal[True]
) -> tuple[nn.Module, Folding]: ...
def fold(model: nn.Module, *, example: Example = None, report: bool = False) -> Any:
    """Fold every normalisation layer that is a fixed affine at test time into the convolution or
    linear layer before it, in place, and give the model back.

    That is possible where the norm keeps running statistics and is the only one to read what a
    Conv or Linear layer gives, each of them called once: not in pre-activation networks, whose
    norms stand before their convolutions. The flow is found by tracing, not by names. Left with the
    reason is whatever would not stay the same: subclasses that compute more, hooks,
    parametrisations, tensors that other layers or the model's own code read. The model's outputs
    stay the same up to rounding; it is for use, not for further training. Weights are replaced, not
    written into, so that another model which shares them keeps its own. Convolutions are taken to
    see batches.

    Parameters
    ----------
    model
        Any module that `torch.fx` can trace, in evaluation mode.
    example
        An input of the model, or a tuple of all its inputs. After a Linear layer a norm is folded
        where the input is (N, C); that follows from a flattening before it, or else from running
        the example.
    report
        Whether to give back what was done, too.

    Returns
    -------
    torch.nn.Module
        The model.
    Folding
        With ``report=True``: what was folded, what was left and why. Printing it gives one line.

    Raises
    ------
    ValueError
        If the model is in training mode, cannot be traced, or cannot be run with the example.
    """
    if any(m.training for m in model.modules()):
        raise ValueError("fold is for test time: call model.eval() first")
    if is_norm(model):
        done = Folding((), {"": "nothing stands before it"})
        return (model, done) if report else model
    flow, tensors = Flow(model, example), Tensors(model)
    folded, left = [], {}
    for node in flow.graph.nodes:
        found = flow.module(node)
        if found is None or not is_norm(found):
            continue
        why = _obstacle(flow, tensors, node)
        if why:
            left[node.target] = why
            continue
        source: Any = node.args[0]
        _absorb(flow.modules[source.target], *affine_of(flow.modules[node.target]))
        parent, _, child = node.target.rpartition(".")
        setattr(flow.modules[parent] if parent else model, child, nn.Identity().eval())
        folded.append((source.target, node.target))
    for name, layer in model.named_modules():
        if is_norm(layer) and name not in left and flow.calls[id(layer)] == 0:
            around = flow.inside.get(id(layer))
            left[name] = (
                "is not called in the traced flow of the model"
                if around is None
                else f"is called inside a {type(around).__name__}, which is not traced"
            )
    done = Folding(tuple(folded), left)
    return (model, done) if report else model


def _obstacle(flow: Flow, tensors: Tensors, node: fx.Node) -> str | None:
    """Why a norm cannot be folded; None if it can."""
    norm = flow.modules[str(node.target)]
    why = _of_norm(norm) or addition(norm, _NORMS)
    if why:
        return why
    source: Any = node.args[0] if node.args else None
    layer = flow.module(source)
    if layer is None:
        return "does not follow a convolution or linear layer"
    if type(layer) not in _BEFORE and not nn.utils.parametrize.is_parametrized(layer):
        return f"follows {type(layer).__name__}, not a convolution or linear layer"
    if len(source.users) > 1:
        return f"what {source.target} gives is also used elsewhere"
    if flow.calls[id(layer)] > 1 or flow.calls[id(norm)] > 1:
        return f"{source.target} or the norm itself is called more than once"
    if id(norm) in flow.held:
        return f"is also held by the attribute {flow.held[id(norm)]}, which would keep calling it"
    for inner in (layer, norm):
        if id(inner) in flow.inside:
            around = type(flow.inside[id(inner)]).__name__
            return f"{source.target} or the norm itself is also called inside a {around}"
    why = addition(layer, _BEFORE) or tensors.shared(layer)
    if why:
        return f"{source.target}: {why}"
    target = str(node.target)
    for path in (source.target, target):
        if flow.is_read(path):
            return f"tensors of {path} are also read by the model's own code"
    hooked = _hooked_between(flow, source.target, target)
    if hooked is not None:
        return f"hooks of {hooked} see what {source.target} gives"
    return _of_shape(flow, source, layer, norm)


def _of_norm(norm: nn.Module) -> str | None:
    """Why a norm is no fixed affine."""
    if getattr(norm, "running_mean", None) is None:
        return "keeps no running statistics"
    if not isinstance(norm, _BatchNorm | FusionNorm):
        return "also uses the statistics of each sample"
    if getattr(norm, "test_statistics", "running") != "running":
        return "is tested with the statistics of the batch"
    return None


def _of_shape(flow: Flow, source: fx.Node, layer: Any, norm: Any) -> str | None:
    """Why the norm's channels are not, or not for sure, those of the layer before."""
    linear = isinstance(layer, nn.Linear)
    width = layer.out_features if linear else layer.out_channels
    if width != norm.num_features:
        return f"{source.target} gives {width} channels, the norm takes {norm.num_features}"
    if not linear and flow.rank(source) == layer.weight.dim() - 1:
        return f"{source.target} gives no batches with the example, the norm takes dimension 1"
    flat = flow.flat(source) if linear else True
    if flat is None:
        return (
            f"it is not known whether {source.target} gives (N, C): use fold(model, example=input)"
        )
    return None if flat else f"{source.target} gives more than (N, C), the norm takes dimension 1"


def _hooked_between(flow: Flow, layer: str, norm: str) -> str | None:
    """A module around one of the two that has hooks and so sees what stands between them."""

    def around(path: str) -> set[str]:
        parts = path.split(".")
        return {".".join(parts[:i]) for i in range(1, len(parts))}

    for path in sorted(around(layer) ^ around(norm)):
        module = flow.modules[path]
        if module._forward_hooks or module._forward_pre_hooks:
            return path
    return None


@torch.no_grad()
def affine_of(norm: Any) -> tuple[Tensor, Tensor]:
    """scale, shift (C,) of what a norm with running statistics does at test time."""
    if isinstance(norm, FusionNorm):
        a, b = norm.test_affine()
        return a, b - a * norm.running_mean  # type: ignore[operator]
    scale = torch.rsqrt(norm.running_var + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -norm.running_mean * scale
    return scale, shift if norm.bias is None else shift + norm.bias


@torch.no_grad()
def _absorb(layer: Any, scale: Tensor, shift: Tensor) -> None:
    """layer <- scale * layer + shift, per output channel."""
    weight, bias = layer.weight, layer.bias
    scale, shift = scale.to(weight.device), shift.to(weight.device)
    if isinstance(layer, _ConvTransposeNd):  # (in, out / groups, ...)
        rows = scale.view(layer.groups, 1, -1)
        parts = weight.view(layer.groups, -1, rows.shape[2], *weight.shape[2:])
        scaled = parts * rows.view(*rows.shape, *(1,) * (weight.dim() - 2))
        scaled = scaled.view_as(weight)
    else:
        scaled = weight * scale.view(-1, *(1,) * (weight.dim() - 1))
    moved = shift if bias is None else bias * scale + shift
    layer.weight = _like(scaled, weight)
    layer.bias = _like(moved, weight if bias is None else bias)


def _like(values: Tensor, old: nn.Parameter) -> nn.Parameter:
    """A parameter with the type, and the wish for gradients, of an old one."""
    return nn.Parameter(values.to(old.dtype), requires_grad=old.requires_grad)
