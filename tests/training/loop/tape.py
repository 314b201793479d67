"""A recorder that needs no GPU, and does to a step what a CUDA graph does.

While work is recorded, every operation of torch is written down with its arguments and its result.
A replay calls the same operations on the same tensors and writes the results where the first ones
lie. So numbers of the host are constants of a tape, what Python does between two operations is done
once, and what is no operation of torch is not replayed at all, as with a graph.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from afn.training.loop.recorder import Recorder, Refused, Replay


class Watched(TorchDispatchMode):
    """Refuses to look at a value, as a device that is being recorded does."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default):
            raise Refused("it looks at a value on the device")
        return func(*args, **(kwargs or {}))


class Writing(Watched):
    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = super().__torch_dispatch__(func, types, args, kwargs)
        self.operations.append((func, args, kwargs or {}, made))
        return made


class Tape(Replay):
    def __init__(self, work) -> None:
        with Writing() as writing:
            self.outputs = work()
        self.operations, self.replays = writing.operations, 0

    @torch.no_grad()
    def replay(self) -> None:
        self.replays += 1
        for func, args, kwargs, made in self.operations:
            again = func(*args, **kwargs)
            for old, new in zip(results(made), results(again), strict=True):
                if old.data_ptr() != new.data_ptr():
                    old.copy_(new)


def results(made: Any) -> list[Tensor]:
    if isinstance(made, Tensor):
        return [made]
    return [t for t in made if isinstance(t, Tensor)] if isinstance(made, tuple | list) else []


class TapeRecorder(Recorder):
    """Attributes: the tapes that were made, and the lines that were told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.tapes: list[Tape] = []
        super().__init__(self.lines.append)

    @property
    def replayed(self) -> list[torch.Generator]:
        return [torch.default_generator]

    def warm_up(self, work) -> None:
        work()
        with Watched():
            work()
            work()

    def record(self, work) -> Replay:
        self.tapes.append(Tape(work))
        return self.tapes[-1]
