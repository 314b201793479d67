"""Apply y = a * (x - mean) + b, where a and b are functions of x's own statistics.

Every layer here that learns from statistics (AFN, ASR, batch-instance, switchable) has this form:
its *head* maps the mean and variance of x to one factor a and one offset b per channel (or per
sample and channel), so x itself is touched only by BatchNorm's kernels. With

    g_a = sum dy * (x - mean),   g_b = sum dy,   (g_mean, g_var) = the head's backward of them,

and sums over the n values that share a statistic,

    dx = a * dy + (2 g_var / n) * (x - mean) + (g_mean - a * g_b) / n,

because the mean also appears in x - mean. Only x and vectors of the statistics' size are saved.

A head is any object with

- ``coefficients(mean, var, count, mask, *params) -> (a, b)``: differentiable, on (G, C) tensors;
- ``forward(mean, var, count, mask, *params) -> (a, b, saved)`` and
  ``backward(saved, g_a, g_b) -> (g_mean, g_var, g_params)``: the same by hand. `TracedHead` gives
  both from the first, through autograd.
"""

from __future__ import annotations

import torch
from torch import Tensor

from afn.normalization.moments import differentiable_moments, has_kernels


class TracedHead:
    """Gives a head its forward and backward by tracing `coefficients`."""

    def forward(self, mean: Tensor, var: Tensor, count: int, mask, *params: Tensor):
        with torch.enable_grad():
            leaves = [t.detach().requires_grad_() for t in (mean, var, *params)]
            a, b = self.coefficients(leaves[0], leaves[1], count, mask, *leaves[2:])
        return a.detach(), b.detach(), (a, b, leaves)

    def backward(self, saved, g_a: Tensor, g_b: Tensor):
        a, b, leaves = saved
        grads = torch.autograd.grad(
            (a, b), leaves, (g_a, g_b), retain_graph=True, materialize_grads=True
        )
        return grads[0], grads[1], grads[2:]


def composed(x: Tensor, over: str, head, mask, *params: Tensor) -> Tensor:
    """The whole layer as plain differentiable torch operations: for compilers, second derivatives
    and devices without the kernels. Same numbers up to rounding."""
    mean, var = differentiable_moments(x, over)
    a, b = head.coefficients(mean, var, x.numel() // mean.numel(), mask, *params)
    return spread(x, mean, a, b)


def spread(x: Tensor, mean: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """a * (x - mean) + b for coefficients (G, C), each row serving N / G consecutive samples."""
    groups, c = mean.shape
    shape = (groups, 1, c) + (1,) * (x.dim() - 2)
    y = x.unflatten(0, (groups, -1)) - mean.view(shape)
    return torch.addcmul(b.view(shape), y, a.view(shape)).flatten(0, 1).to(x.dtype)


def use_fused(x: Tensor) -> bool:
    """Whether the hand-written functions below may serve x (else: `composed`)."""
    if torch.compiler.is_compiling() or not has_kernels(x):
        return False
    return type(x) in (Tensor, torch.nn.Parameter) and not _transformed()


_transformed = getattr(torch._C, "_are_functorch_transforms_active", lambda: False)


def _second(ctx, over: str, dy: Tensor):
    """Gradients that can be differentiated again: through `composed`."""
    x, *params = ctx.saved_tensors
    inputs = [t for t in (x, *params) if t.requires_grad]
    with torch.enable_grad():
        y = composed(x, over, ctx.head, ctx.mask, *params)
        grads = iter(torch.autograd.grad(y, inputs, dy, create_graph=True, allow_unused=True))
    dx, *gp = (next(grads) if t.requires_grad else None for t in (x, *params))
    return dx, None, None, None, None, *gp


class ChannelAffine(torch.autograd.Function):
    """Statistics per channel: ``apply(x, mean, var, head, mask, *params)``, mean and var (C,)."""

    @staticmethod
    def forward(ctx, x, mean, var, head, mask, *params):
        count = x.numel() // x.shape[1]
        a, b, ctx.inner = head.forward(mean[None], var[None], count, mask, *params)
        ones = torch.ones_like(mean)
        ctx.save_for_backward(x, *params)
        ctx.head, ctx.mask, ctx.count, ctx.vectors = head, mask, count, (mean, ones, a[0])
        return torch.batch_norm(x, a[0], b[0], mean, ones, False, 0.0, 0.0, False)

    @staticmethod
    def backward(ctx, dy):
        if torch.is_grad_enabled():
            return _second(ctx, "batch", dy)
        x = ctx.saved_tensors[0]
        mean, ones, a = ctx.vectors
        dx, grads = _backward(ctx, dy, x, mean, ones, a, 1)
        return dx, None, None, None, None, *grads


def _backward(ctx, dy, x, mean, ones, a, rows):
    """dx and the parameters' gradients for x (N, C, ...) with statistics (C,), through BatchNorm's
    kernels; the head sees the C vectors as ``rows`` rows."""
    if dy.stride() != x.stride():  # the kernels are slow, or wrong, on mixed layouts
        dy = torch.empty_like(x, dtype=dy.dtype).copy_(dy)
    _, g_a, g_b = torch.ops.aten.native_batch_norm_backward(
        dy, x, None, mean, ones, None, None, False, 0.0, [False, True, True]
    )
    shape = (rows, mean.numel() // rows)
    g_mean, g_var, grads = ctx.head.backward(ctx.inner, g_a.view(shape), g_b.view(shape))
    if not ctx.needs_input_grad[0]:
        return None, grads
    scale = 1.0 / ctx.count
    c1 = torch.addcmul(g_mean.reshape(-1), a, g_b, value=-1).mul_(scale)
    c2 = g_var.reshape(-1) * (2 * scale)
    dx = torch.batch_norm(x, c2, c1, mean, ones, False, 0.0, 0.0, False)
    return dx.addcmul_(dy, a.to(dy.dtype).view((-1,) + (1,) * (x.dim() - 2))), grads


class InstanceAffine(torch.autograd.Function):
    """Statistics per sample and channel: as `ChannelAffine`, mean and var (N, C)."""

    @staticmethod
    def forward(ctx, x, mean, var, head, mask, *params):
        count = x.numel() // mean.numel()
        a, b, ctx.inner = head.forward(mean, var, count, mask, *params)
        ctx.save_for_backward(x, *params)
        ctx.head, ctx.mask, ctx.count, ctx.vectors = head, mask, count, (mean, a)
        if x.is_contiguous():  # samples times channels are the channels of one sample
            flat = x.view(1, mean.numel(), -1)
            ones = torch.ones_like(mean).view(-1)
            y = torch.batch_norm(
                flat, a.reshape(-1), b.reshape(-1), mean.reshape(-1), ones, False, 0.0, 0.0, False
            )
            return y.view_as(x)
        return spread(x, mean, a, b)

    @staticmethod
    def backward(ctx, dy):
        if torch.is_grad_enabled():
            return _second(ctx, "instance", dy)
        x = ctx.saved_tensors[0]
        mean, a = ctx.vectors
        if x.is_contiguous():
            flat = (1, mean.numel(), x[0, 0].numel())
            ones = torch.ones_like(mean).view(-1)
            dx, grads = _backward(
                ctx, dy.reshape(flat), x.view(flat), mean.reshape(-1), ones, a.reshape(-1), len(x)
            )
            return None if dx is None else dx.view_as(x), None, None, None, None, *grads
        dims = tuple(range(2, x.dim()))
        shape = mean.shape + (1,) * len(dims)
        centred = x - mean.view(shape)
        g_b = dy.sum(dims, dtype=mean.dtype)
        g_a = (dy * centred).sum(dims)
        g_mean, g_var, grads = ctx.head.backward(ctx.inner, g_a, g_b)
        if not ctx.needs_input_grad[0]:
            return None, None, None, None, None, *grads
        c1 = torch.addcmul(g_mean, a, g_b, value=-1).div_(ctx.count)
        c2 = g_var * (2.0 / ctx.count)
        dx = torch.addcmul(c1.view(shape), centred, c2.view(shape))
        dx = dx.addcmul_(dy, a.view(shape)).to(x.dtype)
        return dx, None, None, None, None, *grads
