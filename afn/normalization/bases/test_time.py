"""Layers that depend on the batch, and which statistics they use at test time: a switch on the
model, not a retraining.

In evaluation mode a layer that depends on the batch uses either its ``running`` statistics or
those of the ``batch`` that it sees. `set_test_statistics` writes two plain attributes on the layers
and nothing else: no buffer, no parameter. Testing itself changes no buffer either.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

if TYPE_CHECKING:
    _Mixin = nn.Module
else:  # a plain class, which may stand before or after a layer's base in torch
    _Mixin = object


class BatchDependent(_Mixin):
    """What `set_test_statistics` looks for: mixed into every layer that depends on the batch."""

    statistics: tuple[str, ...] = ("running", "batch")
    test_statistics: str = "running"
    test_group_size: int | None = None

    def named_modules(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, nn.Module]]:
        """As in `nn.Module`; warns torch's ``update_bn``, which looks for its own layers only."""
        if _passed_by(self):
            warnings.warn(
                f"torch.optim.swa_utils.update_bn passes {type(self).__name__} by: its running "
                "statistics stay those of other weights; call afn.update_statistics(model, loader)",
                stacklevel=2,
            )
        named: Iterator[tuple[str, nn.Module]] = super().named_modules(*args, **kwargs)
        return named

    def __prepare_scriptable__(self) -> None:
        refuse_script(self)

    def _groups(self, x: Tensor) -> int:
        """Into how many groups of `test_group_size` the batch of x falls.

        Raises
        ------
        ValueError
            If the batch is not a multiple of the group size.
        """
        size = self.test_group_size
        if size is None:
            return 1
        if x.shape[0] % size:
            raise ValueError(
                f"{type(self).__name__} is tested in groups of {size}, but the batch of "
                f"{x.shape[0]} is not a multiple of it; pass the rest as a batch of its own"
            )
        return x.shape[0] // size


def _passed_by(layer: nn.Module) -> bool:
    """Whether ``update_bn`` walks over the modules of a model right now and will not see a layer
    that keeps running statistics. Averages of weights tell a layer nothing; this is where it can be
    known, and it costs a look at the callers."""
    if isinstance(layer, nn.modules.batchnorm._BatchNorm):
        return False
    if getattr(layer, "running_mean", None) is None:
        return False
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_name in ("named_modules", "modules"):
        frame = frame.f_back
    return (
        frame is not None
        and frame.f_code.co_name == "update_bn"
        and frame.f_globals.get("__name__") == "torch.optim.swa_utils"
    )


def refuse_script(layer: nn.Module) -> None:
    """Say in one sentence what ``torch.jit.script`` would say in a page.

    Raises
    ------
    NotImplementedError
        Always.
    """
    raise NotImplementedError(
        f"torch.jit.script does not read {type(layer).__name__}: use torch.jit.trace, torch.export "
        "or torch.compile, or fold(model) first"
    )


def _lacks_switch(layer: nn.Module, statistics: str) -> bool:
    """Whether a layer depends on the batch and would not do what is asked, silently."""
    if isinstance(layer, nn.modules.batchnorm._BatchNorm):
        return statistics == "batch" or layer.running_mean is None
    declared = getattr(type(layer), "statistics", ())
    return isinstance(declared, tuple) and "batch" in declared and statistics == "batch"


def set_test_statistics(model: nn.Module, statistics: str, group_size: int | None = None) -> None:
    """Choose what every batch-dependent layer of ``model`` uses in evaluation mode.

    Parameters
    ----------
    model
        Any module; layers without batch dependence are left alone.
    statistics
        ``"running"``, or ``"batch"`` for the statistics of the batch that the layer sees.
    group_size
        With ``"batch"``: each consecutive group of this many samples is normalised by itself,
        all groups in one pass, as if each had been a batch of its own. A batch must then be a
        multiple of it: the caller runs the ragged rest as a pass of its own, after
        ``set_test_statistics(model, "batch")``.

    Raises
    ------
    ValueError
        For an unknown word, a group size below 1 or without ``"batch"``, and for a layer that
        cannot do what is asked; the message names the layer. No layer is changed then.
    """
    if statistics not in ("running", "batch"):
        raise ValueError(f'statistics is {statistics!r}; valid: "running", "batch"')
    if group_size is not None and (statistics != "batch" or group_size < 1):
        raise ValueError('group_size goes with "batch" and is at least 1')
    found = []
    for name, layer in model.named_modules():
        if isinstance(layer, BatchDependent):
            if statistics not in layer.statistics:
                raise ValueError(
                    f"layer {name!r} ({type(layer).__name__}) keeps no running statistics: it can "
                    'only be tested with those of the batch; use statistics="batch"'
                )
            found.append(layer)
        elif _lacks_switch(layer, statistics):
            raise ValueError(
                f"layer {name!r} ({type(layer).__name__}) cannot be switched to {statistics} "
                "statistics: derive its class from afn.normalization.methods.batch.Batch2d or from "
                'BatchDependent, or replace a BatchNorm of torch with convert(model, to="batch")'
            )
    for layer in found:
        layer.test_statistics = statistics
        layer.test_group_size = group_size
