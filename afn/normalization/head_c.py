"""The head in C, for one row of float32 or float64 statistics on the CPU.

Its fixed cost is what small layers pay, so a call passes nothing but addresses. Everything else
(several rows as in ASR, other types and devices) goes to `NumpyHead`.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from afn.normalization import native
from afn.normalization.head import Fusion, Layout, TorchHead
from afn.normalization.head_numpy import NumpyHead
from afn.normalization.kernels import functions

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


def make_head(layout: Layout, fusion: Fusion) -> TorchHead:
    """The head that this process uses; also what a copy or a pickle becomes."""
    kinds = {"c": CHead, "numpy": NumpyHead, "torch": TorchHead}
    return kinds[native.HEAD](layout, fusion)


class CHead(NumpyHead):
    """`NumpyHead` whose single rows are handled by the compiled kernels."""

    def __init__(self, layout: Layout, fusion: Fusion):
        super().__init__(layout, fusion)
        flags = (layout.channels, layout.stan, layout.rescale, layout.shared, layout.learned)
        flags += (layout.scaled, fusion.released, fusion.alone)
        frozen = 0.0 if fusion.frozen is None else fusion.frozen
        self._config = _Config(*map(int, flags), frozen, fusion.eps)
        self._at = ctypes.addressof(self._config)
        self._kept = 10 * layout.channels + 2 * layout.hidden
        self._room = 5 * layout.channels + 2 * layout.hidden

    def __reduce__(self):
        return make_head, (self.layout, self.fusion)

    def _unbiased(self, count: int) -> float:
        return count / (count - 1) if self.fusion.released else 1.0

    def forward(self, mean: Tensor, var: Tensor, count: int, mask: Tensor | None, flat: Tensor):
        kernel = _FORWARD.get(flat.dtype)
        serves = kernel is not None and mean.numel() == self.layout.channels
        if not serves or mean.dtype != flat.dtype or flat.device.type != "cpu":
            return super().forward(mean, var, count, mask, flat)
        flat, mean, var = flat.detach().contiguous(), mean.contiguous(), var.contiguous()
        if mask is not None:
            mask = mask.to(flat.dtype).contiguous()
        a, b, kept = torch.empty_like(mean), torch.empty_like(mean), flat.new_empty(self._kept)
        where = None if mask is None else mask.data_ptr()
        pointers = (flat.data_ptr(), mean.data_ptr(), var.data_ptr(), where)
        pointers += (a.data_ptr(), b.data_ptr(), kept.data_ptr())
        kernel(self._at, *pointers, self._unbiased(count))
        return a, b, (flat, mask, a, kept)

    def backward(self, saved, g_a: Tensor, g_b: Tensor, count: int):
        if len(saved) != 4:
            return super().backward(saved, g_a, g_b, count)
        flat, mask, a, kept = saved
        g_a, g_b = g_a.contiguous(), g_b.contiguous()
        c1, c2, grad = torch.empty_like(a), torch.empty_like(a), torch.empty_like(flat)
        room = flat.new_empty(self._room)
        where = None if mask is None else mask.data_ptr()
        pointers = (flat.data_ptr(), a.data_ptr(), kept.data_ptr(), where)
        pointers += tuple(t.data_ptr() for t in (g_a, g_b, c1, c2, grad, room))
        _BACKWARD[flat.dtype](self._at, *pointers, self._unbiased(count), count)
        return c1, c2, (grad,)
