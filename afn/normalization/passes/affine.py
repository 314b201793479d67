"""Apply y = a * (x - mean) + b, where a and b are functions of x's own statistics.

Every layer here that learns from statistics (AFN, ASR, batch-instance, switchable) has this form:
its *head* maps the mean and variance of x to one factor a and one offset b per channel (or per
sample and channel), so x itself is touched only by BatchNorm's kernels. With

    g_a = sum dy * (x - mean),   g_b = sum dy,   (g_mean, g_var) = the head's backward of them,

and sums over the n values that share a statistic,

    dx = a * dy + c1 + c2 * (x - mean),   c1 = (g_mean - a * g_b) / n,   c2 = 2 g_var / n,

because the mean also appears in x - mean. Only x and vectors of the statistics' size are saved.

`heads.interface.Head` says what a head has; `heads.traced` gives all of it from the first of its
methods, through autograd.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from afn.normalization.heads.interface import Extra, Head, Saved
from afn.normalization.kernels import compiled
from afn.normalization.passes import samples
from afn.normalization.passes.moments import differentiable_moments, has_kernels


@functools.lru_cache(maxsize=1024)
def ones(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A vector of ones, to be read only: the variance that makes BatchNorm's kernels apply plain
    coefficients."""
    with torch.inference_mode(False), torch.no_grad():
        return torch.ones(size, dtype=dtype, device=device)


def composed(x: Tensor, over: str, head: Head[Extra], extra: Extra, *params: Tensor) -> Tensor:
    """The whole layer as plain differentiable torch operations: for compilers, second derivatives
    and devices without the kernels. Same numbers up to rounding."""
    mean, var = differentiable_moments(x, over)
    a, b = head.coefficients(mean, var, x.numel() // mean.numel(), extra, *params)
    return spread(x, mean, a, b)


def spread(x: Tensor, mean: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """a * (x - mean) + b for coefficients (G, C), each row serving N / G consecutive samples."""
    groups, c = mean.shape
    shape = (groups, 1, c) + (1,) * (x.dim() - 2)
    y = torch.unflatten(x, 0, (groups, -1)) - mean.view(shape)
    return torch.addcmul(b.view(shape), y, a.view(shape)).flatten(0, 1).to(x.dtype)


def recorded() -> bool:
    """Whether a compiler or a tracer records torch operations right now."""
    return torch.compiler.is_compiling() or bool(torch.jit.is_tracing())  # type: ignore[no-untyped-call]


def use_fused(x: Tensor) -> bool:
    """Whether the hand-written functions below may serve x (else: `composed`). What records torch
    operations would not see them, nor write the memory that they write."""
    if recorded() or not has_kernels(x):
        return False
    return (type(x) is Tensor or type(x) is torch.nn.Parameter) and not _transformed()


_transformed = getattr(torch._C, "_are_functorch_transforms_active", lambda: False)


class _Ctx(torch.autograd.function.FunctionCtx):
    """What the functions below keep from forward to backward, for readers of types alone: torch
    makes the object."""

    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]
    head: Head[Any]
    extra: object
    inner: Saved
    count: int
    vectors: tuple[Tensor, Tensor]


def _second(ctx: _Ctx, over: str, dy: Tensor) -> tuple[Tensor | None, ...]:
    """Gradients that can be differentiated again: through `composed`."""
    x, *params = ctx.saved_tensors
    inputs = [t for t in (x, *params) if t.requires_grad]
    with torch.enable_grad():
        y = composed(x, over, ctx.head, ctx.extra, *params)
        grads = iter(torch.autograd.grad(y, inputs, dy, create_graph=True, allow_unused=True))
    dx, *gp = (next(grads) if t.requires_grad else None for t in (x, *params))
    return dx, None, None, None, None, *gp


def apply_channels(x: Tensor, mean: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """a * (x - mean) + b per channel in one pass of BatchNorm's kernel."""
    unit = ones(mean.numel(), mean.dtype, mean.device)
    return torch.batch_norm(x, a, b, mean, unit, False, 0.0, 0.0, False)


def sums(dy: Tensor, x: Tensor, mean: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """dy in x's layout, and the sums over each channel of dy * (x - mean) and of dy."""
    if dy.stride() != x.stride():  # the kernels are slow, or wrong, on mixed layouts
        dy = torch.empty_like(x, dtype=dy.dtype).copy_(dy)
    unit = ones(mean.numel(), mean.dtype, mean.device)
    # The CPU's kernel reads the running statistics, the GPU's the saved ones; a weight of ones says
    # in which type the sums are wanted.
    _, g_a, g_b = torch.ops.aten.native_batch_norm_backward.default(
        dy, x, unit, mean, unit, mean, unit, False, 0.0, _SUMS
    )
    return dy, g_a, g_b


def input_gradient(
    dy: Tensor, x: Tensor, mean: Tensor, a: Tensor, c1: Tensor, c2: Tensor
) -> Tensor:
    """a * dy + c1 + c2 * (x - mean) per channel. (Blocks that fit a cache gained nothing.)"""
    dx = apply_channels(x, mean, c2.view(-1), c1.view(-1))
    return dx.addcmul_(dy, a.to(dy.dtype).view((-1,) + (1,) * (x.dim() - 2)))


_SUMS = [False, True, True]  # of native_batch_norm_backward's results: the sums, not dx


def by_channel(
    x: Tensor, mean: Tensor, var: Tensor, head: Head[Extra], extra: Extra, *params: Tensor
) -> Tensor:
    """`ChannelAffine`; where no backward can follow, without what only that needs."""
    if torch.is_grad_enabled():
        y: Tensor = ChannelAffine.apply(x, mean, var, head, extra, *params)
        return y
    a, b, _ = head.forward(mean, var, x.numel() // x.shape[1], extra, *params)
    return apply_channels(x, mean, a, b)


def by_instance(
    x: Tensor,
    moments: tuple[Tensor, Tensor, Tensor | None],
    head: Head[Extra],
    extra: Extra,
    *params: Tensor,
) -> Tensor:
    """`InstanceAffine` with what `samples.moments` gave; likewise."""
    if torch.is_grad_enabled():
        y: Tensor = InstanceAffine.apply(x, *moments, head, extra, *params)
        return y
    mean, var, centred = moments
    a, b, _ = head.forward(mean, var, x.numel() // mean.numel(), extra, *params)
    return samples.apply(x, mean, a, b, centred)


class ChannelAffine(torch.autograd.Function):
    """Statistics per channel: ``apply(x, mean, var, head, extra, *params)``, mean and var (C,)."""

    @staticmethod
    def forward(
        ctx: _Ctx,
        x: Tensor,
        mean: Tensor,
        var: Tensor,
        head: Head[Extra],
        extra: Extra,
        *params: Tensor,
    ) -> Tensor:
        count = x.numel() // x.shape[1]
        a, b, ctx.inner = head.forward(mean, var, count, extra, *params)
        ctx.save_for_backward(x, *params)
        ctx.head, ctx.extra, ctx.count, ctx.vectors = head, extra, count, (mean, a)
        return apply_channels(x, mean, a, b)

    @staticmethod
    def backward(ctx: _Ctx, dy: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            return _second(ctx, "batch", dy)
        x = ctx.saved_tensors[0]
        mean, a = ctx.vectors
        dy, g_a, g_b = sums(dy, x, mean)
        c1, c2, grads = ctx.head.backward(ctx.inner, g_a, g_b, ctx.count)
        if not ctx.needs_input_grad[0]:
            return None, None, None, None, None, *grads
        dx = compiled.input_gradient(dy, x, mean, a, c1, c2)
        if dx is None:
            dx = input_gradient(dy, x, mean, a, c1, c2)
        return dx, None, None, None, None, *grads


class InstanceAffine(torch.autograd.Function):
    """Statistics per sample and channel: ``apply(x, mean, var, centred, head, extra, *params)``,
    the first three after x being `samples.moments`'."""

    @staticmethod
    def forward(
        ctx: _Ctx,
        x: Tensor,
        mean: Tensor,
        var: Tensor,
        centred: Tensor | None,
        head: Head[Extra],
        extra: Extra,
        *params: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(x, *params)
        count = x.numel() // mean.numel()
        a, b, ctx.inner = head.forward(mean, var, count, extra, *params)
        ctx.head, ctx.extra, ctx.count, ctx.vectors = head, extra, count, (mean, a)
        return samples.apply(x, mean, a, b, centred)

    @staticmethod
    def backward(ctx: _Ctx, dy: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            dx, _, *rest = _second(ctx, "instance", dy)
            return dx, None, None, *rest
        x = ctx.saved_tensors[0]
        mean, a = ctx.vectors
        if dy.stride() != x.stride():
            dy = torch.empty_like(x, dtype=dy.dtype).copy_(dy)
        g_a, g_b = samples.sums(dy, x, mean)
        c1, c2, grads = ctx.head.backward(ctx.inner, g_a, g_b, ctx.count)
        dx = None
        if ctx.needs_input_grad[0]:
            c1, c2 = c1.view(mean.shape), c2.view(mean.shape)
            dx = samples.input_gradient(dy, x, mean, a, c1, c2)
        return dx, None, None, None, None, None, *grads
