"""Testing a trained network under every protocol and condition, without a trace on the network.

A protocol says which statistics the norm layers use: those kept from training (``running``), or
those of the test batch that they see (``batch``, with a ``batch_size``). Test batches are made in a
fixed order per condition, the same for every run: shuffled, or (``order: sorted``) by class, and
shuffled within it. A protocol may be limited to some conditions. Many batches go through the
network in one pass, each normalised by itself; the ragged rest of a condition (of a sorted one:
images of its last classes) is a batch of its own. A pass is large enough to keep a device busy, so
passes are not recorded as steps are: their memory would be kept as long as the process lives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from afn.common.conditions import selects
from afn.common.errors import StudyError
from afn.common.seeds import stream
from afn.normalization import set_test_statistics
from afn.tasks.data.reader import TestData
from afn.training.loop.data import Inputs, sent

Pieces = list[tuple[int, np.ndarray]]
"""Rows of several test sets: (number of the test set, row numbers in it)."""


@dataclass(frozen=True)
class Scores:
    """What a network says to one test set, in the order of the prepared labels.

    ``predicted`` holds classes (N,), ``losses`` the cross-entropy of each image (N,).
    """

    predicted: np.ndarray
    losses: np.ndarray

    def row(self, test: TestData, protocol: str) -> dict:
        """The evaluation as it stands in a result; the loss is None where it is not finite."""
        loss = float(self.losses.mean(dtype=np.float64))
        return {
            "split": test.split,
            "condition": test.condition,
            "severity": test.severity,
            "protocol": protocol,
            "accuracy": float(np.mean(self.predicted == test.labels)),
            "loss": loss if np.isfinite(loss) else None,
            "n": len(test.labels),
        }


def limited(tests: Sequence[TestData], protocol: dict) -> list[TestData]:
    """The test sets that a protocol is for.

    Raises
    ------
    StudyError
        If there is none.
    """
    wanted = protocol.get("conditions")
    found = [test for test in tests if selects(wanted, test.condition, test.severity)]
    if not found:
        raise StudyError(f"no test set is one of {', '.join(wanted or ())}")
    return found


def images_per_pass(image_size: int, device: torch.device) -> int:
    """How many images go through the network at once: enough to fill the device, not its memory."""
    pixels = 2**16 if device.type == "cpu" else 2**22
    return max(1, pixels // image_size**2)


class Ahead:
    """Lets the host be some passes ahead of the device, and no more: each holds its images."""

    PASSES = 2

    def __init__(self, device: torch.device) -> None:
        self.device, self.under_way = device, deque[torch.cuda.Event]()

    def queued(self) -> None:
        """A pass is queued: wait for the one that was queued so many passes before it."""
        if self.device.type != "cuda":
            return
        event = torch.cuda.Event()
        event.record()
        self.under_way.append(event)
        if len(self.under_way) > self.PASSES:
            self.under_way.popleft().synchronize()


@torch.no_grad()
def evaluate(
    model: nn.Module, tests: Sequence[TestData], protocol: dict, inputs: Inputs, limit: int
) -> list[Scores]:
    """Test ``model`` on every test set under one protocol.

    Parameters
    ----------
    model : nn.Module
        Left in evaluation mode; no parameter and no buffer changes.
    tests : sequence of TestData
    protocol : dict
        ``{"statistics": "running" | "any"}`` or ``{"statistics": "batch", "batch_size": B}``, the
        latter with ``"order": "sorted"`` for batches that are sorted by class. Its ``conditions``
        do not count here: see `limited`.
    inputs : Inputs
        Normalises and moves the images.
    limit : int
        Images per pass (at least one test batch goes through at a time). Another limit may change
        the last bits of a loss, so it must not depend on the run.

    Returns
    -------
    list of Scores
        One for each test set.
    """
    model.eval()
    # Answers stay on the device until the end: the next pass is made while it works on this one.
    made, losses, answers = [], [], []
    ahead = Ahead(inputs.device)
    for group, pieces in passes(tests, protocol, limit):
        if protocol["statistics"] == "batch":
            set_test_statistics(model, "batch", group)
        elif protocol["statistics"] == "running":
            set_test_statistics(model, "running")
        images = np.concatenate([tests[t].images[rows] for t, rows in pieces])
        labels = np.concatenate([tests[t].labels[rows] for t, rows in pieces])
        logits = model(inputs.from_numpy(images)).float()
        target = sent(torch.from_numpy(labels), inputs.device)
        losses.append(F.cross_entropy(logits, target, reduction="none"))
        answers.append(logits.argmax(1))
        made += pieces
        ahead.queued()
    return _sorted(tests, made, torch.cat(answers).cpu().numpy(), torch.cat(losses).cpu().numpy())


def _sorted(
    tests: Sequence[TestData], made: Pieces, answers: np.ndarray, losses: np.ndarray
) -> list[Scores]:
    """What was answered in the order of the passes, in that of the labels of every test set."""
    found = [
        Scores(np.empty(len(test.labels), np.int64), np.empty(len(test.labels), np.float32))
        for test in tests
    ]
    start = 0
    for t, rows in made:
        stop = start + len(rows)
        found[t].predicted[rows] = answers[start:stop]
        found[t].losses[rows] = losses[start:stop]
        start = stop
    return found


def passes(
    tests: Sequence[TestData], protocol: dict, limit: int
) -> Iterator[tuple[int | None, Pieces]]:
    """Yield (size of the test batches, rows) for every pass through the network."""
    by_size: dict[int, Pieces] = {}
    for t, test in enumerate(tests):
        n = len(test.labels)
        if protocol["statistics"] != "batch":
            by_size.setdefault(1, []).append((t, np.arange(n)))
            continue
        size = protocol["batch_size"]
        order = fixed_order(test.condition, n)
        if protocol.get("order") == "sorted":
            order = order[np.argsort(np.asarray(test.labels)[order], kind="stable")]
        full = n - n % size
        if full:
            by_size.setdefault(size, []).append((t, order[:full]))
        if full < n:
            by_size.setdefault(n - full, []).append((t, order[full:]))
    for size, pieces in by_size.items():
        for packed in pack(pieces, max(size, limit // size * size)):
            yield size, packed


def fixed_order(condition: str, n: int) -> np.ndarray:
    """The order in which the images of a condition are batched: one for all runs and severities."""
    generator = torch.Generator().manual_seed(stream(0, "order", condition))
    return torch.randperm(n, generator=generator).numpy()


def pack(pieces: Pieces, size: int) -> Iterator[Pieces]:
    """Cut a row of pieces into packs of ``size`` rows; the last may be smaller.

    Every piece and ``size`` are multiples of the test batch, so no cut goes through one.
    """
    packed, room = [], size
    for t, rows in pieces:
        while len(rows):
            packed.append((t, rows[:room]))
            taken = len(packed[-1][1])
            rows, room = rows[taken:], room - taken
            if not room:
                yield packed
                packed, room = [], size
    if packed:
        yield packed
