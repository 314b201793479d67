"""What a study costs: floating-point operations, and hours by method on each known machine.

In: a `Study`, the work of its runs (`work`) and machines (`machines`): the built-in one, and those
that ``python -m afn.study calibrate`` has measured. Out: an estimate before anything trains. Called
by ``python -m afn.study plan``; the rules ask a scheduler for what `job_minutes` and `job_memory`
say, which hold to the built-in machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from afn.study.parts.catalogue import task_facts
from afn.study.parts.names import parse_part
from afn.study.plan import machines
from afn.study.plan.machines import BUILT_IN, Machine
from afn.study.plan.sizes import images
from afn.study.plan.work import Work, operations, run, training

if TYPE_CHECKING:
    from afn.study.grid.cells import Cell, Study

START_MINUTES = 15
"""Starting Snakemake and torch on a cluster's node, twice, from a slow disk, and reserve."""

UNKNOWN_MINUTES = 240
"""Asked for a job whose data or network nothing is known about."""

BASE_MEMORY_MB = 6_000
"""Main memory of Python, torch and CUDA with activations of a usual batch."""


def run_seconds(cell: Cell, machine: Machine = BUILT_IN) -> float:
    """Seconds of one run, with `afn.study.plan.work.ASSUMED` where nothing is known."""
    return _seconds(run(cell, assume=True), cell, machine)


def training_seconds(cell: Cell, machine: Machine = BUILT_IN) -> float:
    """The same without the tests behind the training."""
    return _seconds(training(cell, assume=True), cell, machine)


def _seconds(work: Work | None, cell: Cell, machine: Machine) -> float:
    assert work is not None, "with `assume` there is work for every cell"
    return machine.seconds(work, cell.settings["norm"]["name"])


def job_minutes(cell: Cell, runs: int, attempt: int = 1) -> int:
    """Minutes to ask for a job of some runs of a cell, twice the estimate; more at each attempt.

    A job that reaches its limit saves and goes on at the next attempt, so the figure need not be
    safe.
    """
    if operations(cell) is None:
        return UNKNOWN_MINUTES * attempt
    return math.ceil(START_MINUTES + 2 * runs * run_seconds(cell) / 60) * attempt


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
    """One line: operations and hours of the whole study, what they assume, what is left out."""
    found = [operations(cell) for cell in study.cells()]
    missing = found.count(None)
    if missing == len(found):
        return (
            "no estimate of the cost: nothing is known about the size of the data "
            '(a task says it before they are there by plan_sizes = {"train": 1000, "test": 500})'
        )
    total = sum((operations(cell) or 0.0) * number for cell, number in trainings(study))
    left_out = f"; {missing} cells not counted" if missing else ""
    most = "at most " if study.looks else ""
    return (
        f"cost: {most}{total:.1e} floating-point operations, "
        f"{hours_text(sum(by_method(study, BUILT_IN).values()))} hours on {BUILT_IN.name}{left_out}"
    )


def describe_hours(study: Study, known: Iterable[Machine] | None = None) -> list[str]:
    """Time by method, of one job at a time: a line for each machine.

    ``known``: the measured machines; default those of `machines.FOLDER`.
    """
    lines = []
    most = "at most " if study.looks else ""
    for machine in [BUILT_IN, *(machines.measured() if known is None else known)]:
        hours = by_method(study, machine)
        if not hours:
            return []
        sums = {"all": sum(hours.values()), **(hours if len(hours) > 1 else {})}
        told = [f"{name} {_range(machine, value)}" for name, value in sums.items()]
        where = "on " + machine.name + ("" if machine is BUILT_IN else ", as measured here")
        lines.append(f"by method, {where}, {most}about: {', '.join(told)}")
    if len(lines) == 1:
        lines.append("`python -m afn.study calibrate` measures this machine (two minutes at most)")
    return lines


def by_method(study: Study, machine: Machine) -> dict[str, float]:
    """Hours of the trainings of each method, searches included, the costliest first."""
    hours: dict[str, float] = {}
    for cell, number in trainings(study):
        work = run(cell)
        if work is not None:
            seconds = machine.seconds(work, cell.settings["norm"]["name"])
            name = parse_part(cell.norm)[0]
            hours[name] = hours.get(name, 0.0) + number * seconds / 3600
    return dict(sorted(hours.items(), key=lambda item: -item[1]))


def trainings(study: Study) -> Iterator[tuple[Cell, float]]:
    """Every cell with the number of whole trainings that the study makes of it."""
    for cell in study.cells():
        yield cell, len(study.seeds_of(cell))
    for group in study.searches():
        for path in group.cells:
            yield study.cell(path), group.cost


def _range(machine: Machine, hours: float) -> str:
    low, high = span(machine.low * hours), span(machine.high * hours)
    return low if low == high else f"{low} to {high}"


def span(hours: float) -> str:
    """A time as a reader wants it, with few digits.

    >>> [span(h) for h in (1234.5, 1.23, 0.25, 0.001)]
    ['1,234 h', '1.2 h', '15 min', 'under 1 min']
    """
    if hours >= 1:
        return f"{hours:,.0f} h" if hours >= 10 else f"{hours:.1f} h"
    return f"{60 * hours:.0f} min" if hours * 60 >= 0.95 else "under 1 min"


def hours_text(hours: float) -> str:
    """Hours as a number.

    >>> [hours_text(h) for h in (1234.5, 1.23, 0.01)]
    ['1,234', '1.2', 'less than 0.1']
    """
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.1f}" if hours >= 0.1 else "less than 0.1"
