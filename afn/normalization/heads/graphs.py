"""Heads on a GPU as CUDA graphs: one launch where there were a hundred.

A head is some hundred operations on vectors, and on a GPU each takes the host longer than the
device. So the forward and the backward of a head are recorded once per layer and shape of the
statistics, and replayed ever after: the same kernels on the same numbers, so the same bits.

In and out: as a head's own ``forward`` and ``backward`` (see `affine`). Called by the functions of
`affine` where gradients are on: a test records nothing. The backward graph computes the forward
anew from the statistics, so that a layer may be passed through several times before its backward.
On other devices, and while somebody records a graph of a whole step, the head is called as it is.
``AFN_CUDA_GRAPHS=1`` switches recording on.
"""

from __future__ import annotations

import functools
import os
import weakref
from collections.abc import Callable

import torch
from torch import Tensor

ON = os.environ.get("AFN_CUDA_GRAPHS", "0") == "1"
MOST = 8
"""Recordings per head; a model that is fed ever new batch sizes goes on without."""

_recorded: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def possible(mean: Tensor) -> bool:
    """Whether a head of these statistics could be recorded here and now."""
    return ON and mean.is_cuda and not torch.cuda.is_current_stream_capturing()


def forward(head, mean: Tensor, var: Tensor, count: int, mask, *params: Tensor):
    """``head.forward``, replayed where that is possible: a, b, and what `backward` needs.

    ``mask`` is a tensor, whose values may change from call to call, or a constant of the head; one
    that holds running statistics is neither.
    """
    if not possible(mean) or getattr(mask, "running", None) is not None:
        return head.forward(mean, var, count, mask, *params)
    own = _recorded.setdefault(head, {})
    extra = mask.shape if isinstance(mask, Tensor) else mask
    key = (mean.shape, mean.dtype, mean.device, count, extra, *(p.data_ptr() for p in params))
    if key not in own:
        if len(own) >= MOST:
            return head.forward(mean, var, count, mask, *params)
        own[key] = Recording(head, mean, var, count, mask, params)
    return own[key].forward(mean, var, mask)


def backward(head, saved, g_a: Tensor, g_b: Tensor, count: int):
    """``head.backward`` of what `forward` saved."""
    if isinstance(saved[0], Recording):
        recording, *inputs = saved
        return recording.backward(*inputs, g_a, g_b)
    return head.backward(saved, g_a, g_b, count)


class Recording:
    """A head's two graphs and the memory that they read and write.

    Parameters
    ----------
    head, mean, var, count, mask, params
        A first call: shapes, types and the addresses of the parameters are those of every later
        one.
    """

    def __init__(self, head, mean, var, count, mask, params) -> None:
        self.seen = mean.new_empty((4, *mean.shape))  # mean, variance, slopes of a and b
        self.mask = torch.empty_like(mask) if isinstance(mask, Tensor) else mask
        self._read((mean, var, mean, var), mask)
        weak = weakref.ref(head)  # the cache that holds this recording is keyed by the head

        def ahead() -> Tensor:
            a, b, _ = weak().forward(self.seen[0], self.seen[1], count, self.mask, *params)  # type: ignore[union-attr]
            return torch.stack((a, b))

        def back() -> tuple[Tensor, tuple[Tensor, ...]]:
            *_, inner = weak().forward(self.seen[0], self.seen[1], count, self.mask, *params)  # type: ignore[union-attr]
            c1, c2, grads = weak().backward(inner, self.seen[2], self.seen[3], count)  # type: ignore[union-attr]
            shape = mean.shape
            return torch.stack((c1.view(shape), c2.view(shape))), tuple(grads)

        self.ahead, self.factors = record(ahead)
        self.back, (self.slopes, self.gradients) = record(back)  # type: ignore[misc]

    def _read(self, rows: tuple[Tensor, ...], mask) -> None:
        torch.stack(rows, out=self.seen[: len(rows)])
        if isinstance(mask, Tensor):
            self.mask.copy_(mask)

    def forward(self, mean: Tensor, var: Tensor, mask):
        self._read((mean, var), mask)
        self.ahead.replay()
        a, b = self.factors.clone().unbind()  # type: ignore[attr-defined]
        return a, b, (self, mean, var, mask)

    def backward(self, mean, var, mask, g_a: Tensor, g_b: Tensor):
        self._read((mean, var, g_a.view_as(mean), g_b.view_as(mean)), mask)
        self.back.replay()
        c1, c2 = self.slopes.clone().unbind()  # type: ignore[has-type]
        return c1, c2, tuple(g if g is None else g.clone() for g in self.gradients)  # type: ignore[has-type]


def record(work: Callable[[], object]) -> tuple[torch.cuda.CUDAGraph, object]:
    """Do some work once to warm up and once to record it; returns the graph and the work's result,
    whose memory every replay writes again."""
    stream = _stream(torch.cuda.current_device())
    stream.wait_stream(torch.cuda.current_stream())
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.stream(stream):
        work()
        torch.cuda.synchronize()
        graph.capture_begin(capture_error_mode="thread_local")
        made = work()
        graph.capture_end()
    torch.cuda.current_stream().wait_stream(stream)
    return graph, made


@functools.cache
def _stream(device: int) -> torch.cuda.Stream:
    """The one stream of a device on which is recorded: cuBLAS keeps a workspace for each."""
    return torch.cuda.Stream(device)
