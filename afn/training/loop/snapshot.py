"""Everything that a training step moves, to be put back as it was.

In: a training, and the generators whose draws a recording makes anew at every replay. Out: its
tensors, random streams and plain values as they were, put back in place, so that every tensor stays
where it lies; and what a step moves that no replay would: values of the host. Called around the
warm-up and the recording of a step (`afn.training.loop.recorded`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from afn.training.loop.engine import Training

PLAIN = (bool, int, float, str, type(None))


class Snapshot:
    """A training as it is now.

    Parameters
    ----------
    training : Training
    replayed : sequence of torch.Generator
        Those that a recording draws from anew at every replay.
    """

    def __init__(self, training: Training, replayed: Sequence[torch.Generator]) -> None:
        self.training, self.replayed = training, replayed
        self.tensors = moved(training)
        self.values = [tensor.detach().clone() for tensor in self.tensors]
        self.states = [generator.get_state() for generator in replayed]
        self.torch, self.python = torch.get_rng_state(), random.getstate()
        self.numpy = numpy_state()
        self.plain = {(path, name): value for path, _, name, value in plain_values(training)}

    @torch.no_grad()
    def restore(self) -> None:
        """Put everything back, in place."""
        for tensor, value in zip(self.tensors, self.values, strict=True):
            tensor.copy_(value)
        torch.set_rng_state(self.torch)
        random.setstate(self.python)
        kind, keys, *rest = self.numpy
        np.random.set_state((kind, np.frombuffer(keys, np.uint32), *rest))  # noqa: NPY002
        for generator, state in zip(self.replayed, self.states, strict=True):
            generator.set_state(state)
        for path, owner, name, value in list(plain_values(self.training)):
            if (path, name) in self.plain and self.plain[path, name] != value:
                setattr(owner, name, self.plain[path, name])

    def host_moves(self) -> str:
        """What has moved on the host since, where no replay would move it; nothing is ''."""
        ours = any(generator is torch.default_generator for generator in self.replayed)
        if not ours and not torch.equal(torch.get_rng_state(), self.torch):
            return "it draws from torch's generator of the host"
        if random.getstate() != self.python:
            return "it draws from Python's generator"
        if numpy_state() != self.numpy:
            return "it draws from NumPy's generator"
        for path, _, name, value in plain_values(self.training):
            if self.plain.get((path, name), value) != value:
                return f"{path}.{name} changes on the host"
        return ""


def numpy_state() -> tuple[Any, ...]:
    """The state of NumPy's global generator, which a user's layer may draw from."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return kind, np.asarray(keys, np.uint32).tobytes(), *rest


def same(one: Tensor, other: Tensor) -> bool:
    """Equal values, where NaN equals NaN."""
    return bool(((one == other) | ((one != one) & (other != other))).all())


def moved(training: Training) -> list[Tensor]:
    """Every tensor that a step may move, each once: parameters, buffers, the optimiser's state and
    what the algorithm carries."""
    found = [*training.model.parameters(), *training.model.buffers()]
    found += tensors_in(training.optimizer.state_dict())
    found += tensors_in(training.algorithm.state_dict())
    return list({id(tensor): tensor for tensor in found}.values())


def tensors_in(state: Any) -> Iterator[Tensor]:
    """The tensors of a state, however deep they lie."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, dict):
        for value in state.values():
            yield from tensors_in(value)
    elif isinstance(state, list | tuple):
        for value in state:
            yield from tensors_in(value)


def plain_values(training: Training) -> Iterator[tuple[str, Any, str, Any]]:
    """Plain attributes of whatever a step calls: path, owner, name and value of each."""
    owners: list[tuple[str, Any]] = [
        (path or "the network", module) for path, module in training.model.named_modules()
    ]
    algorithm = training.algorithm
    owners += [("the algorithm", getattr(algorithm, "given", algorithm))]
    owners += [("the optimiser", training.optimizer)]
    for path, owner in owners:
        for name, value in list(vars(owner).items()) if hasattr(owner, "__dict__") else []:
            if isinstance(value, PLAIN):
                yield path, owner, name, value
