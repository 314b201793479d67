"""Training steps that are recorded once and replayed: one launch where there were hundreds.

In: a step (`afn.training.loop.step`) and a recorder. Out: the same step, replayed wherever that
is possible, with the bits of the step that it stands for: before the first replay counts, two steps
are taken in both ways and compared. The learning rate, the batch and the random draws are inputs of
a recording, not constants. Taken operation by operation are batches of another size than most, and
everything where an algorithm, an optimiser or a layer cannot be recorded, with a line in the log.
Called by the training loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from afn.training.loop.recorder import Recorder, Refused, Replay
from afn.training.loop.snapshot import Snapshot, moved, same
from afn.training.loop.step import RECORDED, Measured, TrainingStep

if TYPE_CHECKING:
    from afn.training.loop.engine import Training

NEAR = 0.05
"""How far the losses of a step may be apart, relatively, where equal bits were not asked for."""


def step_of(training: Training, recorder: Recorder | None) -> TrainingStep:
    """How a training takes its steps."""
    return TrainingStep(training) if recorder is None else RecordedStep(training, recorder)


def declares(part: object, method: str) -> bool:
    """Whether the class that defines a method says of it that it is ``recordable``."""
    owners = [owner for owner in type(part).__mro__ if method in vars(owner)]
    return bool(owners and vars(owners[0]).get("recordable"))


class RecordedStep(TrainingStep):
    """A step that is replayed.

    Parameters
    ----------
    training : Training
    recorder : Recorder

    Notes
    -----
    The rate lies on the device in single precision, for the eager steps among recorded ones, too: a
    training whose steps are recorded may differ in its last bits from one whose rates are doubles
    of the host. Results say which it was.
    """

    def __init__(self, training: Training, recorder: Recorder) -> None:
        super().__init__(training)
        self.recorder = recorder
        self.recording: Recording | None = None
        self.refused = self.known_refusal()
        if self.refused:
            self.eager(self.refused)

    def known_refusal(self) -> str:
        """Why nothing will be recorded, as far as classes say; nothing is ''."""
        training = self.training
        algorithm = getattr(training.algorithm, "given", training.algorithm)
        if not declares(algorithm, "loss"):
            return f"the algorithm {type(algorithm).__name__} is not said to be recordable"
        if not declares(training.optimizer, "update"):
            name = type(training.optimizer).__name__
            return f"the optimiser {name} is not said to be recordable"
        return ""

    def eager(self, reason: str) -> None:
        """From now on every step is taken operation by operation."""
        self.refused, self.recording = reason, None
        self.recorder.tell(f"steps are not recorded: {reason}")

    def epoch_begins(self, lr: float) -> None:
        super().epoch_begins(lr)
        if self.recording is not None:
            self.training.optimizer.set_rates(lr)
            if self.recording.addresses != addresses(self.training):
                self.recording = None  # somebody has replaced a tensor: it reads the old one

    def take(self, images: Tensor, labels: Tensor) -> Measured:
        if self.recording is None and not self.refused:
            self.prepare(images, labels)
        recording = self.recording
        if recording is None:
            return super().take(images, labels)
        if len(images) != len(recording.images):
            self.recorder.tell(
                f"a batch of {len(images)} images is not recorded, those of "
                f"{len(recording.images)} are"
            )
            return super().take(images, labels)
        self.how = RECORDED
        return recording.take(images, labels)

    def prepare(self, images: Tensor, labels: Tensor) -> None:
        """Record a step on a batch of the usual size, made of the rows of this one; nothing that
        the training depends on has moved afterwards."""
        size = min(self.recipe.batch_size, len(self.training.data))
        rows = torch.arange(size, device=images.device) % len(images)
        images, labels = images[rows], labels[rows]
        before = Snapshot(self.training, self.recorder.replayed)
        self.training.optimizer.keep_rates()
        self.training.optimizer.set_rates(self.lr)
        try:
            self.recording = Recording(self, images, labels, before)
            if problem := self.compare(self.recording, images, labels):
                raise Refused(problem)
        except Refused as refusal:
            self.training.optimizer.drop_rates()
            self.eager(str(refusal))
        finally:
            before.restore()
            self.training.optimizer.zero_grad()

    def compare(self, recording: Recording, images: Tensor, labels: Tensor) -> str:
        """What differs between two steps operation by operation and two replays; nothing is ''."""
        optimizer, lr = self.training.optimizer, self.lr
        batches = ((images, labels, lr), (images.flip(0), labels.flip(0), lr / 2))
        before = Snapshot(self.training, self.recorder.replayed)
        ways: list[list[Measured]] = []
        after: list[Snapshot] = []
        for one in (super().take, recording.take):
            before.restore()
            ways.append([])
            for x, y, rate in batches:
                optimizer.set_rates(rate)
                ways[-1].append(one(x, y))
            after.append(Snapshot(self.training, self.recorder.replayed))
        optimizer.set_rates(lr)
        pairs = list(zip(*ways, strict=True))
        if not self.recipe.deterministic:
            near = (torch.isclose(a.loss, b.loss, rtol=NEAR, equal_nan=True) for a, b in pairs)
            return "" if all(map(bool, near)) else "a replay has another loss"
        told = [same(a, b) for one, other in pairs for a, b in zip(one, other, strict=True)]
        moved_alike = all(map(same, after[0].values, after[1].values))
        drawn_alike = all(map(torch.equal, after[0].states, after[1].states))
        return "" if all(told) and moved_alike and drawn_alike else "a replay has other bits"


class Recording:
    """A recorded step with the memory of its batch.

    Parameters
    ----------
    step : RecordedStep
    images, labels : Tensor
        A first batch, whose shapes and types are those of all.
    before : Snapshot
        Put back after the warm-up and after the recording.

    Raises
    ------
    Refused
        If the step cannot be recorded.
    """

    def __init__(
        self, step: RecordedStep, images: Tensor, labels: Tensor, before: Snapshot
    ) -> None:
        self.images, self.labels = images.clone(), labels.clone()

        def work() -> Measured:
            return TrainingStep.take(step, self.images, self.labels)

        step.recorder.warm_up(work)
        moves = before.host_moves()
        before.restore()
        if moves:
            raise Refused(moves)
        self.replayed: Replay = step.recorder.record(work)
        before.restore()
        self.addresses = addresses(step.training)

    def take(self, images: Tensor, labels: Tensor) -> Measured:
        self.images.copy_(images)
        self.labels.copy_(labels)
        self.replayed.replay()
        # The next replay writes to the same place.
        return Measured(*(output.clone() for output in self.replayed.outputs))


def addresses(training: Training) -> list[int]:
    """Where everything lies that a step moves."""
    return [tensor.data_ptr() for tensor in moved(training)]
