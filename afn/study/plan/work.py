"""What a training asks of a machine: operations, launches, values moved, and the work of its norms.

In: a `Cell`, the committed counts of ``afn/backbones/flops.json``, what the class of a norm says of
itself in ``plan_cost``, and what a task declares in ``plan_sizes``. Out: `Work`, sums that a
`machines.Machine` turns into seconds. Called by the cost estimate and by the layout of jobs; reads
neither data nor results, so that it says the same on every machine.

A training image costs three forward passes (one forward, two for the gradients), a test image one
for each protocol that tests it. ``plan_cost = {"launches": L, "passes": P}``: a norm launches L
kernels in a training step (counted on a device other than the CPU), and reads or writes each value
P times; where a class says nothing, the costliest registered one is taken.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afn.common.conditions import selects
from afn.study.parts.catalogue import entry, registry, task_facts
from afn.study.plan.sizes import images, test_sizes

if TYPE_CHECKING:
    from afn.study.grid.cells import Cell

STEP_LAUNCHES = 40
"""Launches of a step besides network and norms: a batch, the loss, the optimiser, the counts."""

IMAGES_A_PASS = 1024
"""Test images that are taken to go through a network at once."""

ASSUMED = {"backbone": "resnet18", "image_size": 32, "images": (50_000, 10_000)}
"""Taken where a layout of jobs is wanted and nothing is known: a study of CIFAR-10's size."""


@dataclass(frozen=True)
class Work:
    """Sums over a training, or a part of one.

    Attributes
    ----------
    operations : float
        Floating-point operations; a multiply-add is two.
    launches : float
        Kernels, without those of norms.
    moved : float
        Values that kernels read or write, without those of norms.
    layers : float
        Norm layers times the steps in which they are met (a test's pass is a third of a step).
    normalized : float
        Values that norms normalise, likewise.
    """

    operations: float
    launches: float
    moved: float
    layers: float
    normalized: float

    def __add__(self, other: Work) -> Work:
        return Work(*(a + b for a, b in zip(self._all(), other._all(), strict=True)))

    def __mul__(self, factor: float) -> Work:
        return Work(*(factor * a for a in self._all()))

    def _all(self) -> tuple[float, ...]:
        return self.operations, self.launches, self.moved, self.layers, self.normalized


@functools.cache
def counts() -> dict[str, dict[str, int]]:
    """The committed counts of every registered backbone."""
    file = entry("backbone", next(iter(registry("backbone")))).file.with_name("flops.json")
    result: dict[str, dict[str, int]] = json.loads(file.read_text(encoding="utf-8"))
    return result


def _scales(backbone: dict[str, Any], counted: dict[str, int]) -> float:
    """How many times the counted parameters a backbone has, by its width or their number."""
    usual = entry("backbone", backbone["name"]).defaults
    if backbone.get("parameters"):
        result: float = backbone["parameters"] / counted["parameters"]
        return result
    return (backbone["width"] / usual["width"]) ** 2 if "width" in usual else 1.0


def forward(backbone: dict[str, Any], image_size: int) -> float | None:
    """Operations of one forward pass of one image; None for a backbone that was not counted.

    Convolutions grow with the area of the image. Another width counts by its square, a given number
    of parameters in proportion to it: both hold for all but the first layer.
    """
    counted = counts().get(backbone["name"])
    if counted is None:
        return None
    area = (image_size / counted["image_size"]) ** 2
    # A multiply-add is two operations.
    operations = 2 * (counted["convolutions"] * area + counted["linear"])
    return _scales(backbone, counted) * operations


def step(backbone: dict[str, Any], image_size: int, batch: int) -> Work | None:
    """A training step of some images; None for a backbone that was not counted."""
    counted, once = counts().get(backbone["name"]), forward(backbone, image_size)
    if counted is None or once is None:
        return None
    area = (image_size / counted["image_size"]) ** 2
    values = batch * area * _scales(backbone, counted) ** 0.5
    return Work(
        3 * batch * once,
        counted["launches"] + STEP_LAUNCHES,
        counted["moved"] * values,
        counted["norms"],
        counted["normalized"] * values,
    )


def operations(cell: Cell) -> float | None:
    """Operations of one run; None where data or network are not known."""
    found = run(cell)
    return None if found is None else found.operations


def run(cell: Cell, *, assume: bool = False) -> Work | None:
    """One run; for ADA with its grown training set from the start on.

    ``assume``: take what `ASSUMED` says for data or a network that nothing is known about.
    """
    parts = training(cell, assume=assume), evaluation(cell, assume=assume)
    trained, tested = parts
    return None if trained is None or tested is None else trained + tested


def training(cell: Cell, *, assume: bool = False) -> Work | None:
    """The epochs of one run."""
    found = _known(cell, assume)
    if found is None:
        return None
    backbone, size, (train, _) = found
    recipe = cell.settings["recipe"]
    shown = train * recipe["epochs"]
    if recipe["name"] == "ada":
        shown = shown * (1 + recipe["phases"]) + train * recipe["phases"] * recipe["ascent_steps"]
    batch = recipe["batch_size"]
    return _times(step(backbone, size, batch), shown / batch)


def evaluation(cell: Cell, *, assume: bool = False) -> Work | None:
    """The tests of one run under all protocols."""
    found = _known(cell, assume)
    if found is None:
        return None
    backbone, size, (_, test) = found
    task, protocols = cell.settings["task"], cell.protocols.values()
    declared = images(task) is not None
    shown = sum(_tested(task, p, test) if declared else test for p in protocols)
    return _times(step(backbone, size, IMAGES_A_PASS), shown / IMAGES_A_PASS / 3)


def _times(work: Work | None, factor: float) -> Work | None:
    return None if work is None else work * factor


def _known(cell: Cell, assume: bool) -> tuple[dict[str, Any], int, tuple[int, int]] | None:
    """Backbone, image size, and images to train and to test on."""
    task, backbone = cell.settings["task"], cell.settings["backbone"]
    amounts, size = images(task), task_facts(task).get("image_size")
    if assume:
        assumed: dict[str, Any] = ASSUMED
        if backbone["name"] not in counts():
            backbone = {"name": ASSUMED["backbone"], **entry("backbone", "resnet18").defaults}
        amounts, size = amounts or assumed["images"], size or assumed["image_size"]
    if amounts is None or not size or backbone["name"] not in counts():
        return None
    return backbone, size, amounts


def _tested(task: dict[str, Any], protocol: dict[str, Any], everything: int) -> int:
    """Test images of one protocol."""
    wanted = protocol.get("conditions")
    if wanted is None:
        return everything
    return sum(
        n for (name, severity), n in test_sizes(task).items() if selects(wanted, name, severity)
    )


@functools.cache
def of_norm(name: str) -> tuple[int, int]:
    """Launches of a layer in a training step, and how often it moves each value.

    A class that does not say so counts as the most costly of those that do.
    """
    told = entry("norm", name).literals.get("plan_cost")
    if told is None:
        every = [entry("norm", other).literals.get("plan_cost") for other in registry("norm")]
        known = [cost for cost in every if cost]
        return max(k["launches"] for k in known), max(k["passes"] for k in known)
    return told["launches"], told["passes"]
