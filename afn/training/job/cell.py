"""What the runs of a job share: specification and recipe, the device, the data on it.

In: a job. Out: its `Cell`, once for all of its runs. Called by the job (`afn.training.job.job`),
and where several runs share the process (`afn.training.job.together`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from afn.common.errors import StudyError
from afn.common.ledger import Ledger
from afn.normalization.kernels.native import head_on
from afn.tasks.data.division import is_pool, of_seed
from afn.tasks.data.reader import TaskData, load
from afn.training.job.interruption import Pace
from afn.training.job.log import say
from afn.training.loop import testing
from afn.training.loop.data import Inputs, TrainingSet
from afn.training.loop.recipe import Recipe
from afn.training.loop.recorder import recorder_on
from afn.training.loop.step import RECORDED
from afn.training.loop.torch_settings import choose_device, set_torch
from afn.training.networks import build

if TYPE_CHECKING:
    from afn.training.job.job import Job


class Cell:
    """Everything that the runs of a job share: the data on the device and the specification."""

    def __init__(self, job: Job) -> None:
        self.job, self.spec = job, job.spec
        self.recipe = Recipe.of(job.spec["recipe"])
        self.prepared = load(job.data)
        check_data(job.spec, self.prepared, job.data)
        self.device = choose_device(job.device)
        set_torch(job.threads, self.device, deterministic=self.recipe.deterministic)
        self.recorder = recorder_on(self.device, say)
        self.data: TaskData | None = None
        self.limit = testing.images_per_pass(self.prepared.image_size, self.device)
        self.ledger = Ledger(job.ledger)
        self.pace = Pace()
        self.checked: set[bool] = set()

    def check_arrays(self, *, tests: bool) -> None:
        """Compare the arrays that are used next with their hashes, once in a job."""
        if tests not in self.checked:
            self.prepared.check(tests=tests)
            self.checked.add(tests)

    def take_data(self, seed: int) -> None:
        """Have the data of a run; runs that share them load them once."""
        self.check_arrays(tests=False)
        if is_pool(self.prepared):
            self.check_arrays(tests=True)
        data = of_seed(self.prepared, self.spec, seed)
        if data is self.data:
            return
        self.data = data
        self.training_set = TrainingSet(data, self.device)
        if self.training_set.home != self.device:
            say("the training images stay in the memory of the host: the device has too little")
        self.inputs = Inputs(
            data.mean, data.std, self.device, channels_last=self.recipe.channels_last
        )

    def stamp(self, seed: int) -> dict:
        """What a checkpoint or a stored result of a run is valid for."""
        return {
            "spec": self.spec,
            "seed": seed,
            "fingerprint": self.job.fingerprint,
            "data": self.prepared.sha256,
            "threads": self.job.threads,
            "torch": str(torch.__version__),
            "device": self.device.type,
            "head": head_on(self.device.type),
            **({} if self.recorder is None else {"steps": RECORDED}),
        }


def check_data(spec: dict, data: TaskData, manifest: Path) -> None:
    """Raise StudyError if the prepared data are those of another task."""
    name, options = build.split(spec["task"])
    if (data.task, data.options) != (name, options):
        raise StudyError(
            f"{manifest} holds task {data.task!r} {data.options}, the run needs {name!r} {options}"
        )
    for name, protocol in spec["protocols"].items():
        if protocol["statistics"] == "batch" and not protocol.get("batch_size", 0) >= 1:
            raise StudyError(f"protocol {name!r} needs a batch_size of at least 1")
