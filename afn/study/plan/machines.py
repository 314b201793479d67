"""How fast machines are: the one that is built in, and those that were measured.

In: `Work`, and the files that ``python -m afn.study calibrate`` writes into `FOLDER`, one for each
device. Out: seconds. Called by the cost estimate, by the progress line, and, with the built-in
machine alone, by what decides about jobs: their layout and their limits must be the same wherever
the study file is read.

A machine is a line: so many seconds per operation, per launch, per value moved; for each norm so
many per layer and per value normalised. ``low`` and ``high`` say what measured steps took in
multiples of that line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from afn.common import parsing
from afn.common.errors import StudyError
from afn.study.plan.work import Work, of_norm

FOLDER = Path("data/machines")
VERSION = 1


@dataclass(frozen=True)
class Machine:
    """One device.

    Attributes
    ----------
    name : str
        As results name their device.
    operation, launch, moved : float
        Seconds of an operation, of a launch, of a value moved.
    norms : mapping
        Name of a norm -> (seconds of a layer in a training step, seconds of a value in it). Others
        are counted by what they launch and move.
    low, high : float
        The least and the most that measured steps took, in multiples of what is estimated.
    settings : mapping
        What it was measured with: threads, head, torch, when.
    """

    name: str
    operation: float
    launch: float
    moved: float
    norms: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    low: float = 1.0
    high: float = 1.0
    settings: Mapping[str, object] = field(default_factory=dict)

    def seconds(self, work: Work, norm: str) -> float:
        """What some work takes in a network of this norm (the bare name, without options)."""
        layer, value = self.norms.get(norm) or self.by_counts(norm)
        return (
            work.operations * self.operation
            + work.launches * self.launch
            + work.moved * self.moved
            + work.layers * layer
            + work.normalized * value
        )

    def by_counts(self, norm: str) -> tuple[float, float]:
        """Seconds of a layer and of a value of it, from what its class says of itself."""
        launches, passes = of_norm(norm)
        return launches * self.launch, passes * self.moved

    def text(self) -> str:
        """The content of its file."""
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1) + "\n"


BUILT_IN = Machine("one GPU at an assumed 20 TFLOP/s", operation=5e-14, launch=1e-5, moved=4e-12)
"""A data-centre card of 2020 or later with 1 TB/s, behind a host that takes 10 us for a launch."""
PROCESSOR = Machine("one core of a processor", operation=5e-11, launch=5e-6, moved=3e-10)
"""For what is left of a study that trains without a GPU: there a network's products take most of
the time, where a GPU waits for the launches of its small layers."""


def measured(folder: Path = FOLDER) -> list[Machine]:
    """The machines that were measured, by name.

    Raises
    ------
    StudyError
        For a file that is damaged.
    """
    return [read(file) for file in sorted(folder.glob("*.json"))]


def read(file: Path) -> Machine:
    """The machine of one file."""
    try:
        values = parsing.load(file)
        if values.pop("version") != VERSION:
            raise ValueError("it is of another version")
        values["norms"] = {name: tuple(pair) for name, pair in values["norms"].items()}
        return Machine(**values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StudyError(
            f"{file}: cannot be read ({error}); `python -m afn.study calibrate` writes it anew"
        ) from None
