"""Parameters sorted by the rules that their layers carry: learning-rate scales and weight decay."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.conv import _ConvNd

_RULES = {"lr_scale", "weight_decay"}


def sorted_parameters(
    model: nn.Module, weight_decay: float, decay_on: str = "all"
) -> dict[tuple[float, float], list[nn.Parameter]]:
    """The trainable parameters of a model by (learning-rate scale, weight decay).

    A module may carry ``parameter_rules = {name: {"lr_scale": ..., "weight_decay": ...}}`` for its
    own parameters; what it does not name gets scale 1 and ``weight_decay``. With
    ``decay_on="weights"`` only the weights of convolutions and linear layers get it: biases and
    everything inside a norm layer are spared.

    Raises
    ------
    ValueError
        For a rule about a parameter that the module lacks, or of an unknown kind, and for another
        word than ``all`` and ``weights``.
    """
    if decay_on not in ("all", "weights"):
        raise ValueError(f"decay_on is {decay_on!r}; valid: 'all', 'weights'")
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    seen: set[int] = set()
    for path, module in model.named_modules():
        own = dict(module.named_parameters(recurse=False))
        rules = getattr(module, "parameter_rules", {})
        for name, rule in rules.items():
            if name not in own:
                raise ValueError(f"parameter rule of {path!r}: there is no parameter {name!r}")
            if set(rule) - _RULES:
                raise ValueError(f"parameter rule of {path}.{name}: {rule}; valid: {_RULES}")
        for name, parameter in own.items():
            if id(parameter) in seen or not parameter.requires_grad:
                continue
            seen.add(id(parameter))
            rule = rules.get(name, {})
            spared = decay_on == "weights" and not (
                name == "weight" and isinstance(module, nn.Linear | _ConvNd)
            )
            decay = rule.get("weight_decay", 0.0 if spared else weight_decay)
            groups.setdefault((rule.get("lr_scale", 1.0), decay), []).append(parameter)
    return groups


def parameter_groups(
    model: nn.Module, *, lr: float, weight_decay: float = 0.0, decay_on: str = "weights"
) -> list[dict[str, object]]:
    """Parameter groups for an optimiser of torch, which obey what the layers ask for.

    ``torch.optim.AdamW(parameter_groups(model, lr=1e-3, weight_decay=0.05))``. An AFN or ASRNorm
    layer is one parameter, `flat`, which is decayed whole or not at all: a rule of the kind "no
    decay for tensors of one dimension" spares its matrices, too.

    Parameters
    ----------
    model
        Any module; parameters that need no gradient are left out.
    lr
        Learning rate; a layer's own scale multiplies it (batch-instance normalisation's gate: 10).
    weight_decay
        Of the parameters that are decayed.
    decay_on
        ``weights``: the weights of convolutions and linear layers, nothing inside a norm.
        ``all``: everything for which a layer asks nothing else, AFN's `flat` included.

    Raises
    ------
    ValueError
        For another word, and for a layer's rule about a parameter that it lacks.
    """
    groups = sorted_parameters(model, weight_decay, decay_on)
    return [
        {"params": parameters, "lr": lr * scale, "weight_decay": decay}
        for (scale, decay), parameters in groups.items()
    ]
