"""What every optimiser shares: groups of parameters with their rules, buffers, and state.

In: a network. Out: its trainable parameters in groups, and the class that an optimiser extends.
Called by the training loop; an optimiser of a package of your own extends `Optimizer`, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from afn.normalization.tools.parameters import sorted_parameters


@dataclass
class Group:
    """Parameters that share a learning-rate scale and a weight decay."""

    parameters: list[nn.Parameter]
    lr_scale: float
    weight_decay: float
    buffers: dict[str, list[Tensor]] = field(default_factory=dict)


def parameter_groups(model: nn.Module, weight_decay: float, decay_on: str = "all") -> list[Group]:
    """Sort the trainable parameters by the rules of the modules that own them, as
    `afn.normalization.tools.parameters.sorted_parameters` says.

    Raises
    ------
    ValueError
        For a rule about a parameter that the module lacks, or of an unknown kind.
    """
    groups = sorted_parameters(model, weight_decay, decay_on)
    return [Group(parameters, *key) for key, parameters in groups.items()]


class Optimizer:
    """What the engine needs of an optimiser: ``step(lr)``, ``zero_grad()`` and its state.

    A subclass names its ``buffers`` (one tensor per parameter and name, zero before the first step)
    and moves the parameters of one group in ``update(group, lr, gradients, parameters, *buffers)``.
    Keyword-only arguments of ``__init__`` get the settings of the recipe with their names
    (``momentum``). The groups and their order follow from the model alone, so the state is a list
    of tensors.

    Attributes
    ----------
    recordable : bool
        Whether `update` takes its rate as a tensor on the device, too, looks at no value, and
        counts nothing on the host: such a step may be recorded once and replayed. It counts only in
        the class that defines `update`.
    rates : list of Tensor or None
        The rate of each group, on the device, where steps are recorded: a replay reads it.
    """

    buffers: tuple[str, ...] = ()
    recordable = False

    def __init__(self, groups: Iterable[Group]) -> None:
        self.groups = [group for group in groups if group.parameters]
        self.rates: list[Tensor] | None = None
        for group in self.groups:
            for name in self.buffers:
                group.buffers[name] = self.fresh(name, group.parameters)

    @staticmethod
    def fresh(name: str, parameters: list[nn.Parameter]) -> list[Tensor]:
        """The buffers ``name`` of a group's parameters before the first step."""
        return [torch.zeros_like(p, memory_format=torch.preserve_format) for p in parameters]

    def zero_grad(self) -> None:
        for group in self.groups:
            for parameter in group.parameters:
                parameter.grad = None

    def gradients(self) -> list[Tensor]:
        """All gradients that the last backward pass made."""
        return [p.grad for g in self.groups for p in g.parameters if p.grad is not None]

    def keep_rates(self) -> None:
        """From now on `step` takes its rates from the device, where `set_rates` puts them."""
        if self.rates is None:
            devices = [group.parameters[0].device for group in self.groups]
            # Fused kernels on a GPU read a rate in single precision.
            self.rates = [torch.zeros((), device=device) for device in devices]

    def set_rates(self, lr: float) -> None:
        """The rate of the next steps, where they take it from the device."""
        if self.rates is not None:
            for rate, group in zip(self.rates, self.groups, strict=True):
                rate.fill_(lr * group.lr_scale)

    def drop_rates(self) -> None:
        """From now on `step` takes the rate that it is given."""
        self.rates = None

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Move every parameter that has a gradient; ``lr`` is multiplied by the group's scale."""
        for number, group in enumerate(self.groups):
            gradients = [p.grad for p in group.parameters]
            lists = [group.parameters, *(group.buffers[name] for name in self.buffers)]
            if any(gradient is None for gradient in gradients):
                kept = [i for i, gradient in enumerate(gradients) if gradient is not None]
                gradients = [gradients[i] for i in kept]
                lists = [[values[i] for i in kept] for values in lists]  # type: ignore[index]
            rate = lr * group.lr_scale if self.rates is None else self.rates[number]
            if gradients:
                self.update(group, rate, gradients, *lists)  # type: ignore[arg-type]

    def update(self, group: Group, lr: float | Tensor, gradients: list[Tensor], *lists) -> None:
        raise NotImplementedError

    def state_dict(self) -> list[dict[str, list[Tensor]]]:
        return [group.buffers for group in self.groups]

    @torch.no_grad()
    def load_state_dict(self, state: list[dict[str, list[Tensor]]]) -> None:
        for group, buffers in zip(self.groups, state, strict=True):
            for name in self.buffers:
                for own, saved in zip(group.buffers[name], buffers[name], strict=True):
                    own.copy_(saved)
