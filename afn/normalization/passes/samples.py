"""Passes over x (N, C, ...) with statistics per sample and channel.

In: x and dy, and vectors (N, C). Called by `affine.InstanceAffine` and by the layers that feed it.
On the CPU in one thread these are compiled kernels (`sample_kernels.h`), which read a sample from
memory once and then from cache, and make nothing of x's size but the result; with several threads,
and for other devices, types and layouts of memory, they are torch's own operations. Both give the
same numbers up to rounding.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import torch
from torch import Tensor

from afn.normalization.kernels import native
from afn.normalization.kernels.compiled import functions
from afn.normalization.passes.moments import wide

# samples, channels, positions, and whether channels lie last in memory
_SHAPE: list[type] = [ctypes.c_longlong] * 3 + [ctypes.c_int]
_MOMENTS = functions("sample_moments", [*[ctypes.c_void_p] * 3, *_SHAPE])
_APPLY = functions("sample_apply", [*[ctypes.c_void_p] * 5, *_SHAPE])
_SLOPES = functions("sample_slopes", [*[ctypes.c_void_p] * 5, *_SHAPE])
_GRADIENT = functions("sample_gradient", [*[ctypes.c_void_p] * 7, *_SHAPE])


def moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """Mean and biased variance (N, C) over the positions of each sample and channel, and, where
    that was made on the way, what is left of x without the mean, as `positions` has it."""
    shape = _served(x)
    if shape is not None:
        mean, var = x.new_empty(shape[:2]), x.new_empty(shape[:2])
        _call(_MOMENTS, shape, x, mean, var)
        return mean, var, None
    rows, dim = positions(x)
    if rows.dtype != wide(x.dtype):
        rows = rows.to(wide(x.dtype))
    mean = rows.mean(dim)
    centred = rows - mean.unsqueeze(dim)
    return mean, (centred * centred).mean(dim), centred


def apply(x: Tensor, mean: Tensor, a: Tensor, b: Tensor, centred: Tensor | None) -> Tensor:
    """a * (x - mean) + b, from ``centred`` where `moments` made it."""
    shape = _served(x, mean, a, b) if centred is None else None
    if shape is not None:
        y = torch.empty_like(x)
        _call(_APPLY, shape, x, mean, a, b, y)
        return y
    rows, dim = positions(x)
    y, out = _like(x, dim, mean.dtype)
    if centred is None:
        centred = torch.sub(rows, mean.unsqueeze(dim), out=out)
    torch.addcmul(b.unsqueeze(dim), centred, a.unsqueeze(dim), out=out)
    return y.to(x.dtype)


def sums(dy: Tensor, x: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """Sums (N, C) over positions of dy * (x - mean) and of dy; dy lies in memory as x does."""
    shape = _served(x, mean, dy)
    if shape is not None:
        g_a, g_b = torch.empty_like(mean), torch.empty_like(mean)
        _call(_SLOPES, shape, dy, x, mean, g_a, g_b)
        return g_a, g_b
    rows, dim = positions(x)
    slopes = positions(dy)[0]
    product = torch.sub(rows, mean.unsqueeze(dim)).mul_(slopes)
    return product.sum(dim), slopes.sum(dim, dtype=mean.dtype)


def input_gradient(
    dy: Tensor, x: Tensor, mean: Tensor, a: Tensor, c1: Tensor, c2: Tensor
) -> Tensor:
    """a * dy + c1 + c2 * (x - mean); dy lies in memory as x does."""
    shape = _served(x, mean, dy, a, c1, c2)
    if shape is not None:
        dx = torch.empty_like(x)
        _call(_GRADIENT, shape, dy, x, mean, a, c1, c2, dx)
        return dx
    rows, dim = positions(x)
    dx, out = _like(x, dim, mean.dtype)
    torch.sub(rows, mean.unsqueeze(dim), out=out)
    torch.addcmul(c1.unsqueeze(dim), out, c2.unsqueeze(dim), out=out)
    out.addcmul_(positions(dy)[0], a.unsqueeze(dim))
    return dx.to(x.dtype)


def _served(x: Tensor, *others: Tensor) -> tuple[int, int, int, int] | None:
    """n, c, positions and whether channels lie last, where the compiled kernels serve."""
    if native.HEAD != "c" or x.dtype not in _MOMENTS or x.device.type != "cpu":
        return None
    if torch.get_num_threads() != 1 or x.dim() < 3 or not x.numel():
        return None
    if any(t.dtype != x.dtype for t in others):
        return None
    if x.is_contiguous():
        last = 0
    elif x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last):
        last = 1
    else:
        return None
    n, c = x.shape[:2]
    return n, c, x.numel() // (n * c), last


def _call(
    kernels: dict[torch.dtype, Callable[..., None]],
    shape: tuple[int, int, int, int],
    *tensors: Tensor,
) -> None:
    """Call the kernel of this type with the addresses of x's size and of vectors."""
    tensors = tuple(t if t.dim() > 2 else t.contiguous() for t in tensors)
    kernels[tensors[0].dtype](*(t.data_ptr() for t in tensors), *shape)


def positions(x: Tensor) -> tuple[Tensor, int]:
    """x (N, C, ...) with its positions as one dimension, and which: (N, C, P) and 2, or for
    channels_last memory (N, P, C) and 1. A view wherever the memory allows one."""
    n, c = x.shape[:2]
    if x.dim() == 4 and c > 1 and x.stride(1) == 1 and not x.is_contiguous():
        return x.permute(0, 2, 3, 1).reshape(n, -1, c), 1
    return x.reshape(n, c, -1), 2


def _like(x: Tensor, dim: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """An empty tensor of x's shape and layout, and the view of it that `positions` would give.

    The result of a custom Function must own its memory, else no operation in place may follow.
    """
    if dim == 1:
        y = torch.empty_like(x, dtype=dtype, memory_format=torch.channels_last)
        return y, y.permute(0, 2, 3, 1).view(x.shape[0], -1, x.shape[1])
    y = torch.empty_like(x, dtype=dtype, memory_format=torch.contiguous_format)
    return y, y.view(*x.shape[:2], -1)
