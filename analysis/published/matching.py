"""Which cells of a study repeat which printed number, in all six tables of the paper.

In: a resolved study. Out: one record per printed number, with our cells for it or the reason why
there are none. A printed average over domains has several cells; its score is their mean. A cell
with another recipe than the stated one repeats nothing. Called by `analysis.published.judging`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from afn.study.grid.cells import Cell, Study
from analysis.published import accuracies

DIGITS = ("mnist", "svhn", "usps", "mnist_m")
PACS = ("art_painting", "cartoon", "photo", "sketch")
BACKBONES = {"resnet18_imagenet": "resnet18_imagenet+weights=IMAGENET1K_V1"}
"""Names of backbones that are not the printed ones."""

METHODS = {
    "erm": ("plain", "batch"),
    "rsc": ("rsc", "batch"),
    "rsc+asr": ("rsc", "asr"),
    "rsc+afn": ("rsc", "afn"),
}
"""Recipe and norm of a printed method; the others are norms under the plain recipe."""

STATISTICS = {"batch": "running", "batch_instance": "running", "asr": "any", "afn": "batch"}
"""What a norm is tested with: AFN as its released code does, BatchNorm as everyone does."""

_SUPERVISED = {
    "optimizer": "adam",
    "lr": 1e-3,
    "batch_size": 128,
    "schedule": "alrs",
    "augmentation": "released",
}
_PACS = {"epochs": 50, "optimizer": "adam", "lr": 1e-4, "batch_size": 32, "schedule": "alrs"}
RECIPES = {
    1: {"optimizer": "adam", "lr": 1e-3, "batch_size": 128},
    2: {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "batch_size": 128, "schedule": "alrs"},
    3: _PACS,
    4: _PACS,
    5: _SUPERVISED,
    6: _SUPERVISED,
}
"""Settings that the paper or its released code states, by table; the others are free."""


def matches(study: Study) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Sort all printed numbers into those that the study repeats and those that it does not.

    Parameters
    ----------
    study : Study
        Resolved study.

    Returns
    -------
    matched : list of dict
        The printed row with ``cells`` (their paths), ``norm``, ``recipe``, ``protocol`` and
        ``outcome``: the score to hold against it is the mean of the cells' scores of that outcome.
    unmatched : list of dict
        The printed row with ``reason``.
    """
    matched, unmatched = [], []
    for row in accuracies().to_dict("records"):
        tasks, outcome = _tasks(row)
        name, norm = METHODS.get(row["method"], ("plain", row["method"]))
        recipe = {"name": name, **RECIPES[row["table"]]}
        backbone = BACKBONES.get(row["backbone"], row["backbone"])
        try:
            cells = [_cell(study, task, backbone, norm, recipe) for task in tasks]
            protocol = _protocol(cells[0], norm)
        except LookupError as error:
            unmatched.append({**row, "reason": str(error.args[0])})
            continue
        paths = tuple(cell.path for cell in cells)
        found = {"cells": paths, "norm": norm, "recipe": cells[0].recipe}
        found |= {"protocol": protocol, "outcome": outcome}
        matched.append({**row, **found})
    return matched, unmatched


def _tasks(row: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """Settings of the tasks that a printed number averages, and the outcome to take of each.

    A column is the test domain in tables 1 and 4, the training domain in table 3: that is what
    the numbers fit.
    """
    name, condition = row["benchmark"], row["condition"]
    average = condition == "average"
    if name == "digits":
        sources = [domain for domain in DIGITS if domain != condition]
        tasks = [{"name": name, "source": source, "targets": DIGITS} for source in sources]
        return tasks, "shift" if average else condition
    if name == "cifar10_c":
        tasks = [{"name": name, "severities": (1, 2, 3, 4, 5)}]
        return tasks, "shift" if average else condition
    if name == "pacs":
        domains = PACS if average else (condition,)
        if row["setting"] == "single-source":
            return [{"name": name, "source": d, "target": "rest"} for d in domains], "shift"
        return [{"name": name, "source": "rest", "target": d} for d in domains], "shift"
    return [{"name": name}], "clean"


def _cell(study: Study, task: dict, backbone: str, norm: str, recipe: dict) -> Any:
    """The one cell with these parts; LookupError says which part the study lacks."""
    options = [f"{key} {_text(value)}" for key, value in task.items() if key != "name"]
    where = " with ".join([f"task {task['name']}", *filter(None, [", ".join(options)])])
    pool = [c for c in study.cells() if not list(_differences(c.settings["task"], task))]
    if not pool:
        raise LookupError(f"the study has no {where}")
    for part, value in (("backbone", backbone), ("norm", norm)):
        pool = [cell for cell in pool if getattr(cell, part) == value]
        if not pool:
            raise LookupError(f"the study has no {part} {value} on {where}")
    told, fitting = [], []
    for cell in pool:
        different = list(_differences(cell.settings["recipe"], recipe))
        if cell.search:
            different = ["settings that a search chooses"]
        told += different
        fitting += [] if different else [cell]
    if not fitting:
        raise LookupError(f"other recipes only: {'; '.join(dict.fromkeys(told))}")
    if len(fitting) > 1:
        raise LookupError(f"several recipes fit: {', '.join(cell.recipe for cell in fitting)}")
    return fitting[0]


def _differences(settings: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
    for key, value in wanted.items():
        if _text(settings.get(key)) != _text(value):
            yield f"{key} {_text(settings.get(key))}, not {_text(value)}"


def _text(value: Any) -> str:
    """A setting as text, whatever the order of a list."""
    return "/".join(sorted(map(str, value))) if isinstance(value, list | tuple) else str(value)


def _protocol(cell: Cell, norm: str) -> str:
    """The first protocol, on all conditions, with the statistics of the printed number."""
    for name, protocol in cell.protocols.items():
        if protocol["statistics"] == STATISTICS[norm] and not protocol.get("conditions"):
            return name
    raise LookupError(f"the study does not test norm {norm} with {STATISTICS[norm]} statistics")
