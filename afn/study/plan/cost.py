"""What a study costs: floating-point operations, and GPU hours at a stated throughput.

In: a `Study`, and the committed counts of ``afn/backbones/flops.json``. Out: an estimate before
anything trains. A training image costs three forward passes (one forward, two for the gradients), a
test image one for each protocol that tests it. Norms and data handling are not counted, so small
networks take longer than this says. Called by ``python -m afn.study plan``; the rules ask a
scheduler for what `job_minutes` and `job_memory` say.
"""

from __future__ import annotations

import functools
import json
import math
from typing import TYPE_CHECKING, Any

from afn.common.conditions import selects
from afn.study.parts.catalogue import entry, registry, task_facts
from afn.study.plan.sizes import images, test_sizes

if TYPE_CHECKING:
    from afn.study.grid.cells import Cell, Study

THROUGHPUT = 2e13
"""Operations per second that one GPU is assumed to sustain; a data-centre card of 2020 or later."""

STEP_SECONDS = 0.02
"""What a training step costs besides arithmetic; small networks wait for launches and data."""

START_MINUTES = 15
"""Starting Snakemake and torch on a cluster's node, twice, from a slow disk, and reserve."""

UNKNOWN_MINUTES = 240
"""Asked for a job whose data or network nothing is known about."""

BASE_MEMORY_MB = 6_000
"""Main memory of Python, torch and CUDA with activations of a usual batch."""


@functools.cache
def counts() -> dict[str, dict[str, int]]:
    """The committed counts of every registered backbone."""
    file = entry("backbone", next(iter(registry("backbone")))).file.with_name("flops.json")
    return json.loads(file.read_text(encoding="utf-8"))


def forward(backbone: dict[str, Any], image_size: int) -> float | None:
    """Operations of one forward pass of one image; None for a backbone that was not counted.

    Convolutions grow with the area of the image. Another width counts by its square, a given number
    of parameters in proportion to it: both hold for all but the first layer.
    """
    counted = counts().get(backbone["name"])
    if counted is None:
        return None
    area = (image_size / counted["image_size"]) ** 2
    usual = entry("backbone", backbone["name"]).defaults
    scale = (backbone["width"] / usual["width"]) ** 2 if "width" in usual else 1.0
    if backbone.get("parameters"):
        scale = backbone["parameters"] / counted["parameters"]
    # A multiply-add is two operations.
    return 2 * scale * (counted["convolutions"] * area + counted["linear"])


def operations(cell: Cell) -> float | None:
    """Operations of one run; for ADA with its grown training set from the start on."""
    task, recipe = cell.settings["task"], cell.settings["recipe"]
    size = task_facts(task).get("image_size")
    amounts, once = images(task), forward(cell.settings["backbone"], size)
    if amounts is None or once is None:
        return None
    train, test = amounts
    shown = train * recipe["epochs"]
    if recipe["name"] == "ada":
        shown = shown * (1 + recipe["phases"]) + train * recipe["phases"] * recipe["ascent_steps"]
    return once * (3 * shown + sum(_tested(task, p, test) for p in cell.protocols.values()))


def _tested(task: dict[str, Any], protocol: dict[str, Any], everything: int) -> int:
    """Test images of one protocol."""
    wanted = protocol.get("conditions")
    if wanted is None:
        return everything
    return sum(
        n for (name, severity), n in test_sizes(task).items() if selects(wanted, name, severity)
    )


def job_minutes(cell: Cell, runs: int, attempt: int = 1) -> int:
    """Minutes to ask for a job of some runs of a cell, twice the estimate; more at each attempt.

    A job that reaches its limit saves and goes on at the next attempt, so the figure need not be
    safe.
    """
    amount = operations(cell)
    if amount is None:
        return UNKNOWN_MINUTES * attempt
    recipe = cell.settings["recipe"]
    steps = images(cell.settings["task"])[0] / recipe["batch_size"] * recipe["epochs"]
    seconds = runs * (amount / THROUGHPUT + steps * STEP_SECONDS)
    return math.ceil(START_MINUTES + 2 * seconds / 60) * attempt


def job_memory(cell: Cell, attempt: int = 1) -> int:
    """MB of main memory to ask for a job of a cell; more at each attempt.

    Prepared data are memory-mapped bytes; a training set is held in main memory once as bytes and
    once as numbers of four bytes.
    """
    task = cell.settings["task"]
    amounts, size = images(task), task_facts(task).get("image_size")
    pixels = sum(amounts) * 3 * size * size if amounts and size else 0
    return math.ceil(BASE_MEMORY_MB + 5 * pixels / 1e6) * attempt


def describe_cost(study: Study) -> str:
    """One line: GPU hours of the whole study, the throughput they assume, what is left out."""
    found = [operations(cell) for cell in study.cells()]
    known = [amount for amount in found if amount is not None]
    if not known:
        return "no estimate of the cost: nothing is known about the size of the data"
    total = sum((operations(cell) or 0.0) * len(study.seeds_of(cell)) for cell in study.cells())
    for group in study.searches():
        trained = [operations(study.cell(path)) or 0.0 for path in group.cells]
        total += sum(trained) * group.cost
    hours = total / THROUGHPUT / 3600
    text = f"{hours:,.0f}" if hours >= 10 else f"{hours:.1f}" if hours >= 0.1 else "less than 0.1"
    missing = f"; {len(found) - len(known)} cells not counted" if len(known) < len(found) else ""
    most = "at most " if study.looks else ""
    return (
        f"cost: {most}{total:.1e} floating-point operations, {text} GPU hours at an assumed "
        f"{THROUGHPUT / 1e12:g} TFLOP/s{missing}"
    )
