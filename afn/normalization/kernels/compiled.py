"""The compiled functions by type, and the one of them that serves every layer: a pass for dx."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from afn.normalization.kernels import native

SOURCES = (
    "head_kernels.c",
    "product_kernels.h",
    "rows_kernels.h",
    "sample_kernels.h",
    "vector_kernels.h",
)
"""Files beside this module that are part of its code: fingerprints read this."""

_TYPES = {torch.float32: "float32", torch.float64: "float64"}


def functions(name: str, arguments: Sequence[type]) -> dict[torch.dtype, Callable[..., None]]:
    """The compiled function of this name for each type; none where nothing was compiled."""
    found: dict[torch.dtype, Callable[..., None]] = {}
    for dtype, suffix in _TYPES.items() if native.KERNELS is not None else ():
        function = getattr(native.KERNELS, f"{name}_{suffix}")
        function.argtypes, function.restype = list(arguments), None
        found[dtype] = function
    return found


_SPREAD = functions("spread", [ctypes.c_void_p] * 7 + [ctypes.c_longlong] * 2)


def input_gradient(
    dy: Tensor, x: Tensor, mean: Tensor, a: Tensor, c1: Tensor, c2: Tensor
) -> Tensor | None:
    """a * dy + c1 + c2 * (x - mean) in one pass for channels_last tensors in one thread, else
    None: torch's own operations use several threads, and serve every type."""
    spread = _SPREAD.get(x.dtype)
    if native.HEAD != "c" or spread is None or x.device.type != "cpu" or x.dim() != 4:
        return None
    if not (x.dtype == dy.dtype == a.dtype) or torch.get_num_threads() != 1:
        return None
    if not x.is_contiguous(memory_format=torch.channels_last) or dy.stride() != x.stride():
        return None
    dx = torch.empty_like(x, memory_format=torch.channels_last)
    vectors = [t.contiguous() for t in (mean, a, c1, c2)]
    addresses = [t.data_ptr() for t in (dy, x, *vectors, dx)]
    c = x.shape[1]
    spread(*addresses, x.numel() // c, c)
    return dx
