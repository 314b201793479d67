"""A job: the runs of one cell, one seed after the other in one process.

For each run: take its lease; put a finished result back from the store, go on from a checkpoint,
or train; then write the result. Neither the seeds of a job nor their order change a bit of it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from afn.common.errors import StudyError
from afn.common.files import sweep
from afn.common.leases import lease
from afn.common.run_folder import write_result
from afn.training.job import checkpoint, record
from afn.training.job.cell import Cell
from afn.training.job.failures import explain
from afn.training.job.interruption import Interrupted, Interruption
from afn.training.job.log import say
from afn.training.job.store import RunName, Store
from afn.training.loop import testing
from afn.training.loop.engine import Training
from afn.training.networks import build


@dataclass(frozen=True)
class Job:
    """What the command line asks for; see ``python -m afn.training --help``."""

    outputs: tuple[Path, ...]
    spec: dict
    study: str
    fingerprint: str
    data: Path
    store: Path
    ledger: Path
    threads: int = 1
    device: str = "auto"
    checkpoint_seconds: float = 10.0
    within_epoch_seconds: float = 300.0
    interruption: Interruption = field(default_factory=Interruption)
    until: int | None = None
    """Stop after this epoch of the recipe's, with a result of status ``stopped``."""
    cell: str | None = None
    """The cell that is trained, where the paths of the outputs do not name it."""
    at_once: int = 1
    """How many of the runs share the process, see `afn.training.job.together`."""

    @property
    def stop(self) -> int | None:
        """``until``, if it is before the end of the training."""
        epochs = self.spec["recipe"]["epochs"]
        return self.until if self.until is not None and self.until < epochs else None

    def runs(self) -> list[RunName]:
        """What is trained for each output."""
        named = [RunName.of(output) for output in self.outputs]
        if self.cell is None:
            return named
        return [RunName(*self.cell.split("/"), run.seed) for run in named]  # type: ignore[arg-type, call-arg]


def run_job(job: Job) -> None:
    """Make every output of a job.

    Raises
    ------
    StudyError
        For outputs of different cells, foreign data, an unknown name, a device that is not there.
    Interrupted
        When it was asked to stop; the same call goes on where it was.
    """
    runs = job.runs()
    if len({run.cell for run in runs}) != 1:
        raise StudyError("the outputs of a job must be the seeds of one cell")
    cell = Cell(job)
    for number, (output, run) in enumerate(zip(job.outputs, runs, strict=True)):
        # The first run always gets some time: however short it is, each call comes further.
        if number and (reason := job.interruption.reason(cell.pace.round)):
            raise Interrupted(f"{reason}; {number} of {len(runs)} runs are done")
        try:
            make(cell, run, output.parent)
        except Exception as error:
            if not isinstance(error, Interrupted):
                note_failure(cell, run, error)
            raise


def note_failure(cell: Cell, run: RunName, error: Exception) -> None:
    """Put down why a run failed, where there is still room for a line."""
    reason = explain(error, [cell.job.store]) or f"{type(error).__name__}: {error}"
    with contextlib.suppress(OSError, MemoryError):
        cell.ledger.write(str(run), "failed", 0, reason=reason)


def make(cell: Cell, run: RunName, folder: Path) -> None:
    """Make the result of one run in ``folder``, training as little as possible."""
    store = Store(cell.job.store, run, cell.job.stop)
    stamp = cell.stamp(run.seed)
    with lease(store.folder, say) as killed, cell.job.interruption.saving():
        if killed:
            say(f"{run}: {killed}")
        for place in (store.folder, folder):
            sweep(place)
        stored = store.finished(stamp)
        if stored is None:
            result, sidecars = train(cell, run, store, stamp)
            store.finish(stamp, result, sidecars)
            if result["status"] != "stopped":
                checkpoint.remove(store.folder)
        else:
            result, sidecars = stored.record, stored.sidecars
            cell.ledger.write(str(run), "emitted", result["epochs"])
        # A store may serve several studies; a result says for which one it was put out.
        write_result(folder, {**result, "study": cell.job.study}, sidecars)


def train(cell: Cell, run: RunName, store: Store, stamp: dict) -> tuple[dict, dict[str, bytes]]:
    """Train and test one run; returns its result and the files beside it."""
    cell.take_data(run.seed)
    model = build.network(cell.spec, cell.data, run.seed).to(cell.device)  # type: ignore[arg-type]
    if cell.recipe.channels_last:
        model = model.to(memory_format=torch.channels_last)
    training = Training(
        model,
        build.algorithm(cell.spec["recipe"]),
        cell.recipe,
        cell.training_set,
        cell.inputs,
        run.seed,
        cell.device,
        validate=(lambda model: validate(cell, model))
        if cell.recipe.selection == "validation"
        else None,
        recorder=cell.recorder,
    )
    state, stop = checkpoint.load(store.folder, stamp), cell.job.stop
    if state is not None and stop is not None and state["epoch"] > stop:
        state = None  # saved later than this job stops
    if state is not None:
        training.load_state_dict(state)
    trained = len(training.history)
    cell.ledger.write(str(run), "start" if state is None else "resume", trained)
    every, within = cell.job.checkpoint_seconds, cell.job.within_epoch_seconds
    follow(cell, run, training, checkpoint.Saver(store.folder, stamp, every, within), stop)
    outcome = "diverged" if training.reason else "finished" if stop is None else "stopped"
    if outcome == "stopped":
        # Before the network that is scored replaces the one that is trained further.
        checkpoint.save(store.folder, stamp, training.state_dict())
    evaluations, predicted, selected = [], {}, training.epoch  # type: ignore[var-annotated]
    if not training.reason:
        selected = training.select()
        evaluations, predicted = test(cell, model, whole=stop is None)
    result = describe(cell, run, training, outcome, evaluations, selected)
    sidecars = {"history.csv": record.history_csv(training.history)}
    if predicted:
        sidecars["predictions.npz"] = record.predictions_npz(predicted)
    cell.ledger.write(str(run), outcome, training.epoch)
    return result, sidecars


def follow(
    cell: Cell, run: RunName, training: Training, saver: checkpoint.Saver, until: int | None
) -> None:
    """Train to the end or to epoch ``until``, with checkpoints, or until the job has to stop.

    Raises
    ------
    Interrupted
        When the training is saved and the job has to stop.
    """
    interruption, pace = cell.job.interruption, cell.pace

    def save(how: Callable[..., bool], reason: str, place: str) -> None:
        started = time.monotonic()
        if how(training, now=bool(reason)):
            pace.checkpoint_ended(time.monotonic() - started)
            if reason:
                raise Interrupted(f"{reason}; {run} is saved {place} epoch {training.epoch}")

    def after_epoch(training: Training) -> None:
        cell.ledger.write(str(run), "epoch", training.epoch)
        pace.epoch_ended()
        save(saver.after_epoch, interruption.reason(pace.round), "after")

    def within_epoch(training: Training) -> None:
        save(saver.within_epoch, interruption.reason_within_epoch(pace), "in")

    pace.run_begins()
    training.run(after_epoch, within_epoch=within_epoch, until=until)


def validate(cell: Cell, model: torch.nn.Module) -> tuple[float | None, float]:
    """Loss and accuracy on the validation split under the study's first protocol."""
    name = cell.spec["validation_protocol"]
    protocol = cell.spec["protocols"][name]
    split = cell.data.validation  # type: ignore[union-attr]
    scores = testing.evaluate(model, [split], protocol, cell.inputs, cell.limit)[0]
    row = scores.row(split, name)
    return row["loss"], row["accuracy"]


def test(cell: Cell, model: torch.nn.Module, *, whole: bool) -> tuple[list[dict], dict]:
    """Test under every protocol and condition; the validation split under the first protocol.

    A training that is not ``whole`` is scored on the validation split only.
    """
    if whole:
        cell.check_arrays(tests=True)
    evaluations, predicted = [], {}
    for name, protocol in cell.spec["protocols"].items():
        # In passes of their own, so that a network gets the same validation row in either way.
        sets = [[cell.data.validation]] if name == cell.spec["validation_protocol"] else []  # type: ignore[union-attr]
        sets += [testing.limited(cell.data.tests, protocol)] if whole else []  # type: ignore[union-attr]
        for tests in sets:
            scores = testing.evaluate(model, tests, protocol, cell.inputs, cell.limit)
            for test, score in zip(tests, scores, strict=True):
                evaluations.append(score.row(test, name))
                predicted[f"{name}/{test.name}"] = score.predicted
    return evaluations, predicted


def describe(
    cell: Cell,
    run: RunName,
    training: Training,
    status: str,
    evaluations: list[dict],
    selected: int,
) -> dict:
    """The result of a run, without the hashes of its files."""
    return {
        "schema": record.SCHEMA,
        "study": cell.job.study,
        "run": {
            "task": run.task,
            "backbone": run.backbone,
            "norm": run.norm,
            "recipe": run.recipe,
            "seed": run.seed,
        },
        "status": status,
        "reason": training.reason,
        "spec": cell.spec,
        "fingerprint": cell.job.fingerprint,
        "data": cell.data.sha256,  # type: ignore[union-attr]
        "evaluations": evaluations,
        "selection": {"kind": cell.recipe.selection, "epoch": selected},
        "parameters": sum(p.numel() for p in training.model.parameters() if p.requires_grad),
        "step_ms": round(training.step_ms, 4),
        "train_seconds": round(training.seconds, 3),
        **({"at_once": cell.job.at_once} if cell.job.at_once > 1 else {}),
        "epochs": training.epoch,
        "threads": cell.job.threads,
        "device": cell.device.type,
        "versions": record.versions(cell.device)
        | ({} if cell.recorder is None else {"step": training.step.how}),
    }
