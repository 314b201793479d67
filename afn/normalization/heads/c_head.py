"""The head in C for float32 or float64 statistics on the CPU: one row as in AFN, many as in ASR.

One row: its fixed cost is what small layers pay, so a call passes nothing but addresses. Many rows:
the matrix products are the cost, and they run in one thread; with more threads, and for other types
and devices, `NumpyHead` serves.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import torch
from torch import Tensor

from afn.normalization.heads.head import Fusion, Layout, TorchHead
from afn.normalization.heads.interface import Saved, Slopes
from afn.normalization.heads.numpy_head import NumpyHead
from afn.normalization.heads.triton_head import TritonHead
from afn.normalization.kernels import native
from afn.normalization.kernels.compiled import functions

_WHOLE = ("channels", "stan", "rescale", "shared", "learned", "scaled", "released", "alone")


class _Config(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_longlong) for name in _WHOLE),
        ("frozen", ctypes.c_double),
        ("eps", ctypes.c_double),
    )


_P, _D = ctypes.c_void_p, ctypes.c_double
_FORWARD = functions("forward", [_P] * 8 + [_D])
_BACKWARD = functions("backward", [_P] * 11 + [_D] * 2)
_L = ctypes.c_longlong
_ROWS_FORWARD = functions("rows_forward", [_P] * 9 + [_L, _D])
_ROWS_BACKWARD = functions("rows_backward", [_P] * 11 + [_L] + [_D] * 2)


def make_head(layout: Layout, fusion: Fusion) -> TorchHead:
    """The head that this process uses; also what a copy or a pickle becomes."""
    kinds: dict[str, type[TorchHead]] = {
        "c": CHead,
        "numpy": NumpyHead,
        "torch": TorchHead,
        "triton": TritonHead,
    }
    return kinds[native.HEAD](layout, fusion)


class RowSaved(NamedTuple):
    """What `CHead.forward` leaves for `CHead.backward` of one row of statistics."""

    flat: Tensor
    mask: Tensor | None
    a: Tensor
    kept: Tensor


class RowsSaved(NamedTuple):
    """Likewise of many."""

    flat: Tensor
    mask: Tensor | None
    a: Tensor
    kept: Tensor


class CHead(NumpyHead):
    """`NumpyHead`, computed by the compiled kernels wherever they serve."""

    def __init__(self, layout: Layout, fusion: Fusion) -> None:
        super().__init__(layout, fusion)
        sizes = layout.channels, layout.stan, layout.rescale
        flags = layout.shared, layout.learned, layout.scaled, fusion.released, fusion.alone
        frozen = 0.0 if fusion.frozen is None else fusion.frozen
        self._config = _Config(*map(int, (*sizes, *flags)), frozen, fusion.eps)
        self._at = ctypes.addressof(self._config)
        self._kept = 10 * layout.channels + 2 * layout.hidden
        self._room = 5 * layout.channels + 2 * layout.hidden

    def __reduce__(self) -> tuple[object, ...]:
        return make_head, (self.layout, self.fusion)

    def _unbiased(self, count: int) -> float:
        return count / (count - 1) if self.fusion.released else 1.0

    def forward(
        self, mean: Tensor, var: Tensor, count: int, mask: Tensor | None, /, *params: Tensor
    ) -> tuple[Tensor, Tensor, Saved]:
        (flat,) = params
        kernel = _FORWARD.get(flat.dtype)
        if kernel is None or mean.dtype != flat.dtype or flat.device.type != "cpu":
            return super().forward(mean, var, count, mask, flat)
        if mean.numel() != self.layout.channels:
            if torch.get_num_threads() != 1:  # the BLAS of NumPy uses them
                return super().forward(mean, var, count, mask, flat)
            return self._rows_forward(mean, var, count, mask, flat)
        flat, mean, var = flat.detach().contiguous(), mean.contiguous(), var.contiguous()
        if mask is not None:
            mask = mask.to(flat.dtype).contiguous()
        a, b, kept = torch.empty_like(mean), torch.empty_like(mean), flat.new_empty(self._kept)
        where = None if mask is None else mask.data_ptr()
        ins = flat.data_ptr(), mean.data_ptr(), var.data_ptr(), where
        outs = a.data_ptr(), b.data_ptr(), kept.data_ptr()
        kernel(self._at, *ins, *outs, self._unbiased(count))
        return a, b, RowSaved(flat, mask, a, kept)

    def backward(self, saved: Saved, g_a: Tensor, g_b: Tensor, count: int) -> Slopes:
        if isinstance(saved, RowsSaved):
            return self._rows_backward(saved, g_a, g_b, count)
        if not isinstance(saved, RowSaved):
            return super().backward(saved, g_a, g_b, count)
        flat, mask, a, kept = saved
        g_a, g_b = g_a.contiguous(), g_b.contiguous()
        c1, c2, grad = torch.empty_like(a), torch.empty_like(a), torch.empty_like(flat)
        room = flat.new_empty(self._room)
        where = None if mask is None else mask.data_ptr()
        ins = flat.data_ptr(), a.data_ptr(), kept.data_ptr(), where
        rest = (t.data_ptr() for t in (g_a, g_b, c1, c2, grad, room))
        _BACKWARD[flat.dtype](self._at, *ins, *rest, self._unbiased(count), count)
        return c1, c2, (grad,)

    def _products(self, rows: int) -> int:
        """Values of scratch memory that the products of so many rows need: `multiply`'s panels."""
        return 256 * (max(2 * rows, self.layout.channels, self.layout.hidden) + 8 + 32)

    def _rows_forward(
        self, mean: Tensor, var: Tensor, count: int, mask: Tensor | None, flat: Tensor
    ) -> tuple[Tensor, Tensor, Saved]:
        flat, mean, var = flat.detach().contiguous(), mean.contiguous(), var.contiguous()
        if mask is not None:
            mask = mask.to(flat.dtype).contiguous()
        rows, lay, dtype = len(mean), self.layout, flat.dtype
        size = mean.numel()
        kept = flat.new_empty((8 if mask is None else 10) * size + 2 * rows * lay.hidden)
        room = flat.new_empty(self._products(rows))
        a, b = torch.empty_like(mean), torch.empty_like(mean)
        pointers: list[int | None] = [t.data_ptr() for t in (flat, mean, var)]
        pointers.append(None if mask is None else mask.data_ptr())
        pointers += [t.data_ptr() for t in (a, b, kept, room)]
        _ROWS_FORWARD[dtype](self._at, *pointers, rows, self._unbiased(count))
        return a, b, RowsSaved(flat, mask, a, kept)

    def _rows_backward(self, saved: RowsSaved, g_a: Tensor, g_b: Tensor, count: int) -> Slopes:
        flat, mask, a, kept = saved
        g_a, g_b = g_a.contiguous(), g_b.contiguous()
        rows, lay, size = len(a), self.layout, a.numel()
        slopes, grad = a.new_empty((2, *a.shape)), torch.empty_like(flat)
        room = flat.new_empty(self._products(rows))
        work = flat.new_empty(6 * size + 2 * rows * lay.hidden + 6 * lay.channels)
        pointers: list[int | None] = [t.data_ptr() for t in (flat, a, kept)]
        pointers.append(None if mask is None else mask.data_ptr())
        pointers += [t.data_ptr() for t in (g_a, g_b, slopes, grad, room, work)]
        _ROWS_BACKWARD[flat.dtype](self._at, *pointers, rows, self._unbiased(count), count)
        c1, c2 = slopes.unbind()
        return c1, c2, (grad,)
