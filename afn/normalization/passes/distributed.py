"""AFN's batch statistics over all processes of a DistributedDataParallel training.

torch's SyncBatchNorm refuses the CPU and knows nothing of a learned head, so the reduction is done
here: one gather of means and variances in the forward pass, one sum of two C-vectors in the
backward pass. The head is computed on every process alike.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from afn.normalization.heads.interface import Extra, Head, Saved
from afn.normalization.passes.affine import apply_channels, input_gradient, sums
from afn.normalization.passes.moments import channel_moments, update_running, wide


class Processes:
    """Whose statistics a layer joins: a process group, or None for all processes.

    A process group can be neither copied nor pickled. A copy of the layer joins the same processes;
    in a pickle "all processes" stays what it is, and a group is left out with a warning.
    """

    def __init__(self, group: dist.ProcessGroup | None) -> None:
        self.group = group

    def found(self) -> dist.ProcessGroup:
        """The group that is meant, once torch.distributed has been initialised."""
        group = self.group or dist.group.WORLD
        assert group is not None
        return group

    def __deepcopy__(self, memo: dict[int, object]) -> Processes:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        if self.group is None:
            return Processes, (None,)
        warnings.warn(
            "a process group cannot be saved: after loading, call synchronize(model, group) again",
            stacklevel=2,
        )
        return type(None), ()


def synchronize(model: nn.Module, group: dist.ProcessGroup | None = None) -> list[str]:
    """Let every AFN layer over batch statistics reduce them across the processes of ``group``.

    Call it on every process before wrapping the model in DistributedDataParallel. The joined
    batch is then normalised as one process would normalise it; batches may differ in size. Copies
    of the model join the same processes, and a model that is loaded where nothing is distributed
    takes its own statistics, as with torch's SyncBatchNorm.

    Parameters
    ----------
    model
        Any module.
    group
        A process group; None for all processes.

    Returns
    -------
    list of str
        Names of the layers that were switched.

    Raises
    ------
    RuntimeError
        If torch.distributed has not been initialised.
    """
    if not dist.is_initialized():
        raise RuntimeError("synchronize needs torch.distributed.init_process_group first")
    found = []
    for name, layer in model.named_modules():
        if hasattr(layer, "process_group") and getattr(layer, "over", None) == "batch":
            layer.process_group = Processes(group)
            found.append(name)
    return found


def synchronized(
    x: Tensor,
    processes: Processes,
    running: tuple[Tensor, Tensor, float] | None,
    head: Head[Tensor | None],
    mask: Tensor | None,
    flat: Tensor,
) -> Tensor:
    """A training forward pass with all processes' statistics: as `by_channel` with this head, mask
    and parameter; ``running`` statistics and their momentum are updated in passing."""
    group = processes.found()
    count = x.numel() // x.shape[1]
    with torch.no_grad():
        mean, var = channel_moments(x.detach())
        own = torch.cat([mean.new_full((1,), count), mean, var])
        rows = [torch.empty_like(own) for _ in range(dist.get_world_size(group))]
        dist.all_gather(rows, own, group=group)
        table = torch.stack(rows)
        counts, means, variances = torch.split_with_sizes(table, [1, len(mean), len(mean)], 1)
        total = int(counts.sum())
        mean = (counts * means).sum(0) / total
        var = (counts * (variances + (means - mean).square())).sum(0) / total
        if running:
            update_running(running[0], running[1], mean, var, total, running[2])
        if mask is not None:  # every process must compute the same head
            dist.broadcast(mask, dist.get_global_rank(group, 0), group=group)
    y: Tensor = _Synchronized.apply(x, mean, var, head, mask, group, total, flat)
    return y


class _JoinedCtx(torch.autograd.function.FunctionCtx):
    """What `_Synchronized` keeps, as `affine._Ctx`."""

    saved_tensors: tuple[Tensor, ...]
    head: Head[Any]
    inner: Saved
    group: dist.ProcessGroup
    total: int
    vectors: tuple[Tensor, Tensor]


class _Synchronized(torch.autograd.Function):
    """As `ChannelAffine`, with statistics and their gradients over all processes."""

    @staticmethod
    def forward(
        ctx: _JoinedCtx,
        x: Tensor,
        mean: Tensor,
        var: Tensor,
        head: Head[Extra],
        extra: Extra,
        group: dist.ProcessGroup,
        total: int,
        flat: Tensor,
    ) -> Tensor:
        a, b, ctx.inner = head.forward(mean, var, total, extra, flat)
        ctx.save_for_backward(x, flat)
        ctx.head, ctx.group, ctx.total, ctx.vectors = head, group, total, (mean, a)
        return apply_channels(x, mean, a, b)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: _JoinedCtx, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, _ = ctx.saved_tensors
        mean, a = ctx.vectors
        dy, g_a, g_b = sums(dy, x, mean)
        joined = torch.stack([g_a, g_b]).to(wide(x.dtype))
        dist.all_reduce(joined, group=ctx.group)
        c1, c2, (grad,) = ctx.head.backward(ctx.inner, joined[0], joined[1], ctx.total)
        # each process holds the whole gradient; DistributedDataParallel takes the mean of those of
        # the processes' own losses, whose sum it is
        grad = grad / dist.get_world_size(ctx.group)
        dx = input_gradient(dy, x, mean, a, c1, c2)
        return dx, None, None, None, None, None, None, grad
