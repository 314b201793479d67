"""Recording work on a device and doing it again: the part of recorded steps that needs a GPU.

In: a function without arguments that reads and writes tensors which stay where they are. Out: the
same work as one CUDA graph. ``AFN_CUDA_GRAPHS=1`` switches it on. Called by
`afn.training.loop.recorded`, which tests run with a recorder that needs no GPU.

Every recorder has a stream and a pool of memory of its own. cuBLAS keeps a workspace for each
stream, which is cleared when any graph that was recorded there is destroyed (pytorch issue
193402); so no graph is, as long as the process lives. The memory of a graph that is replayed no
more serves the next one of the same recorder.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

Say = Callable[[str], None]
Work = Callable[[], Sequence[Tensor]]
ON = os.environ.get("AFN_CUDA_GRAPHS", "0") == "1"

_graphs: list[Any] = []
"""All that were recorded in this process; see above."""


class Refused(Exception):
    """Some work cannot be recorded; the message says why."""


class Replay(ABC):
    """Recorded work.

    Attributes
    ----------
    outputs : sequence of Tensor
        What the work returned; every replay writes them again.
    """

    outputs: Sequence[Tensor]

    @abstractmethod
    def replay(self) -> None:
        """Do the work again, on what its inputs hold now."""


class Recorder(ABC):
    """Records the steps of one training after the other.

    Parameters
    ----------
    say : callable
        Told in a line why something is not recorded, each line once.
    """

    def __init__(self, say: Say) -> None:
        self._say, self._said = say, set[str]()

    def tell(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._say(line)

    @property
    @abstractmethod
    def replayed(self) -> list[torch.Generator]:
        """The generators that every replay draws from anew."""

    @abstractmethod
    def warm_up(self, work: Work) -> None:
        """Do the work some times, so that nothing is made for the first time when it is recorded.

        Raises
        ------
        Refused
            If it looks at a value on the device.
        """

    @abstractmethod
    def record(self, work: Work) -> Replay:
        """Record the work. Whatever of the host it moves has moved; the device may have, too.

        Raises
        ------
        Refused
            If it cannot be recorded.
        """


class CudaReplay(Replay):
    """A CUDA graph with the memory of its outputs."""

    def __init__(self, graph: torch.cuda.CUDAGraph, outputs: Sequence[Tensor]) -> None:
        self.graph, self.outputs = graph, outputs

    def replay(self) -> None:
        self.graph.replay()


class CudaRecorder(Recorder):
    """Records CUDA graphs on a stream of its own."""

    def __init__(self, device: torch.device, say: Say) -> None:
        super().__init__(say)
        self.device = torch.device("cuda", torch.cuda.current_device())
        if device.index is not None:
            self.device = device
        self.stream = torch.cuda.Stream(self.device)
        self.pool = torch.cuda.graph_pool_handle()

    @property
    def replayed(self) -> list[torch.Generator]:
        # A graph knows the generator of its device, and moves it on by what a replay draws.
        return [torch.cuda.default_generators[self.device.index]]

    def warm_up(self, work: Work) -> None:
        outer = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(outer)
        try:
            with torch.cuda.stream(self.stream):
                work()  # loads libraries and chooses kernels, and may wait for the device
                with waiting_refused():
                    work()
                    work()
        finally:
            outer.wait_stream(self.stream)

    def record(self, work: Work) -> Replay:
        outer = torch.cuda.current_stream(self.device)
        generator = self.replayed[0]
        state, graph = generator.get_state(), torch.cuda.CUDAGraph()
        _graphs.append(graph)
        try:
            with torch.cuda.graph(
                graph, pool=self.pool, stream=self.stream, capture_error_mode="thread_local"
            ):
                outputs = work()
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            # What a recording that failed leaves behind: another stream, and a generator that
            # waits for the end of the recording.
            torch.cuda.set_stream(outer)
            fresh = torch.Generator(self.device)
            fresh.set_state(state)
            generator.graphsafe_set_state(fresh)
            raise Refused(str(error).partition("\n")[0]) from error
        outer.wait_stream(self.stream)
        _graphs.append(outputs)
        return CudaReplay(graph, outputs)


@contextlib.contextmanager
def waiting_refused() -> Iterator[None]:
    """Inside, whatever waits for the device is an error: it would read what a replay has not yet
    written."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that torch may not notice all of them
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    except RuntimeError as error:
        if "synchronizing" not in str(error):
            raise
        raise Refused("it looks at a value on the device") from error
    finally:
        torch.cuda.set_sync_debug_mode(before)


def recorder_on(device: torch.device, say: Say) -> Recorder | None:
    """The recorder of a job, or of one of the trainings that share it; None where steps are not to
    be recorded."""
    return CudaRecorder(device, say) if ON and device.type == "cuda" else None
