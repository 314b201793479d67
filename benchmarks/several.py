"""Several trainings at a time on one device: images a second of 1, 2, 4 and 8 networks.

In: networks and norms. Out: images a second of so many networks that take turns in one process, as
``seeds_at_once`` lets them (`afn.training.job.together`: a stream, a recorder and a state of the
device's generator each), eagerly and recorded, and the ratio to a single one in the same rounds;
the memory that all of them have taken, and their share of the device's limit; a JSON file for each
network and norm, as `benchmarks.whole_step` keeps. Called by ``python -m benchmarks.gpu --only
several``.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks import whole_step
from benchmarks.layers import interleave, median
from benchmarks.whole_step import EAGER, GRAPH

NETWORKS = ["resnet20", "resnet18"]
NORMS = ["batch", "afn"]
COUNTS = [1, 2, 4, 8]
STEPS = 10
"""Steps that every network takes before the device is waited for."""


class Trainings:
    """Networks of one kind that take their steps in turn, each on a stream of its own."""

    def __init__(self, backbone: str, norm: str, device: str, count: int, recording: bool) -> None:
        import torch

        self.device, self.recording = device, recording
        self.on_gpu = device != "cpu"
        self.takes = [
            whole_step.step(backbone, norm, device, recording=recording) for _ in range(count)
        ]
        self.streams: list[Any] = [torch.cuda.Stream() if self.on_gpu else None for _ in self.takes]
        self.states: list[Any] = [None] * count
        if self.on_gpu:
            torch.cuda.synchronize()  # the networks were made on another stream

    @property
    def lines(self) -> list[str]:
        """Why steps are not recorded, where they are not."""
        return list(dict.fromkeys(line for take in self.takes for line in take.lines))

    def round(self, count: int) -> None:
        """The first networks take their steps in turn; ends when the device has."""
        import torch

        from afn.training.job import together

        turns, errors = together.Turns(), []

        def work(number: int) -> None:
            try:
                with turns.part(), self.own(number):
                    for _ in range(STEPS):
                        self.takes[number]()
                        turns.pass_on()
            except Exception as error:
                errors.append(error)

        # Turns hand the device's generator on as they do where steps are recorded, or not.
        with mock.patch.object(together, "ON", self.recording):
            threads = [threading.Thread(target=work, args=(k,)) for k in range(count)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        if errors:
            raise errors[0]
        if self.on_gpu:
            torch.cuda.synchronize()

    @contextlib.contextmanager
    def own(self, number: int) -> Iterator[None]:
        """Inside, work goes to the network's stream and draws from its state of the generator."""
        import torch

        from afn.training.job.together import device_generator, take_own_generator

        if not self.on_gpu:
            yield
            return
        generator = device_generator()
        if self.states[number] is None:
            take_own_generator()
        elif self.recording and generator is not None:
            generator.graphsafe_set_state(self.states[number])
        with torch.cuda.stream(self.streams[number]):
            yield
        if self.recording and generator is not None:
            self.states[number] = generator.graphsafe_get_state()


def measured(backbone: str, norm: str, device: str, rounds: int) -> dict[str, Any]:
    """Seconds of a step by way and number of networks, and round; all interleaved."""
    with whole_step.heads("torch"):
        ways = {
            way: Trainings(backbone, norm, device, COUNTS[-1], way == GRAPH)
            for way in ([EAGER, GRAPH] if device != "cpu" else [EAGER])
        }
        arms: dict[str, Callable[[], object]] = {
            f"{count} {way}": (lambda own=own, count=count: own.round(count))
            for way, own in ways.items()
            for count in COUNTS
        }
        found = interleave(arms, rounds, 0.5 if device != "cpu" else 0.0)
    model, lines = ways[EAGER].takes[0].model, {way: own.lines for way, own in ways.items()}
    return whole_step.facts(backbone, norm, device, model, lines) | {
        "seconds": {
            name: [s / (STEPS * int(name.split()[0])) for s in values]
            for name, values in found.items()
        }
    }


def line(result: dict[str, Any]) -> str:
    """A network and norm in one line: images a second, and how many times those of one network."""
    seconds, words = result["seconds"], []
    for name, own in seconds.items():
        alone = seconds[f"1 {name.partition(' ')[2]}"]
        times = median([b / a for a, b in zip(own, alone, strict=True)])
        rate = f"{result['batch'] / median(own):,.0f} images/s (x{times:.2f}"
        words.append(f"{name} {rate}{whole_step.share(result, median(own))})")
    words += [f"{way}: {', '.join(lines)}" for way, lines in result["refused"].items()]
    words += [f"{result['gib']:.1f} GiB at most"] if result["gib"] is not None else []
    return f"{result['backbone']:<10}{result['norm']:<8}{'; '.join(words)}"


def run(folder: Path, rounds: int, minutes: float, device: str = "cuda") -> bool:
    """Measure what is not in ``folder`` yet, for so many minutes at most; whether all is there."""
    pairs = itertools.product(NETWORKS, NORMS)
    names = {f"several-{backbone}-{norm}": (backbone, norm) for backbone, norm in pairs}
    measure = lambda *pair: measured(*pair, device, rounds)  # noqa: E731
    return whole_step.go_on(folder, names, measure, line, minutes)
