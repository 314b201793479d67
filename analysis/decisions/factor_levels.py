"""Cells as levels of factors: what a trend or a factorial needs from an experiment.

In: an experiment of a study. Out: groups of cells that differ only in the factors at hand, and
tables of scores (seeds x levels), averaged over backbones as in the pooled decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from afn.common.canonical import canonical_json
from afn.study.grid.cells import Cell
from afn.study.parts.names import AND, Factor, parse_part
from analysis.results.scores import Scores


@dataclass(frozen=True)
class LevelTable:
    """Scores of complete seeds (rows) at every level (columns), in points.

    ``columns`` holds each column's scores of all its seeds, also where other levels lack them.
    """

    seeds: list[int]
    values: np.ndarray
    columns: list[np.ndarray]
    missing: list[str]
    diverged: int


def level_of(cell: Cell, factor: str) -> Any:
    """Level of a cell: a part's name for ``backbone``, a value for ``norm.lambda_init``."""
    return Factor.parse(factor).level(cell)


def groups(experiment: Any, factors: list[str]) -> list[list[Any]]:
    """Cells that differ only in these factors and in the backbone, group by group."""
    found: dict[str, list[Any]] = {}
    for cell in experiment.cells:
        settings = {part: dict(values) for part, values in cell.settings.items()}
        for factor in [*factors, "backbone"]:
            part, option = Factor.parse(factor)
            if option is not None:
                settings[part].pop(option, None)
            else:
                settings[part] = {}
        found.setdefault(canonical_json(settings), []).append(cell)
    return list(found.values())


def table(scores: Scores, columns: list[list[Any]], outcome: str) -> LevelTable:
    """Scores per seed and column; a column is one level's cells, one per backbone."""
    seeds = scores.study.seeds
    filled, missing, diverged = [], [], 0
    for cells in columns:
        arms = {cell.path: scores.of(cell, outcome) for cell in cells}
        diverged += sum(len(a.diverged & set(seeds)) for a in arms.values())
        missing += [
            f"{path}/seed{s}" for path, arm in arms.items() for s in seeds if s not in arm.values
        ]
        filled.append(
            {
                s: float(np.mean([arm.values[s] for arm in arms.values()]))
                for s in seeds
                if all(s in arm.values for arm in arms.values())
            }
        )
    complete = [s for s in seeds if all(s in column for column in filled)]
    values = np.array([[column[s] for column in filled] for s in complete])
    return LevelTable(
        complete,
        values.reshape(len(complete), len(columns)),
        [np.array(list(column.values())) for column in filled],
        missing,
        diverged,
    )


def default_norm(cells: list[Cell], factor: str) -> str | None:
    """The norm whose canonical name does not spell the option out: the default level."""
    option = Factor.parse(factor).short
    plain = dict.fromkeys(c.norm for c in cells if option not in parse_part(c.norm)[1])
    return next(iter(plain)) if len(plain) == 1 else None


def factors_of(item: dict[str, Any]) -> list[str]:
    """The factors of a trend or a factorial of ablations.json."""
    return item.get("factors") or [item["factor"]]


def recipe_of(item: dict[str, Any]) -> str:
    """The recipe of its cells; nothing where the factors vary it."""
    varied = any(Factor.parse(factor).part == "recipe" for factor in factors_of(item))
    return "" if varied else item["recipe"]


def method_of(item: dict[str, Any]) -> str:
    """The norm of its cells without the options that the factors vary, nothing where they vary the
    norm: what tells groups of otherwise equal cells apart."""
    factors = factors_of(item)
    first = (item.get("levels") or item["cells"])[0]
    name, *pieces = str(first.get("norm") or item.get("norm", "")).split(AND)
    varied = {Factor.parse(f).short for f in factors if f.startswith("norm.")}
    kept = [name, *(p for p in pieces if p.partition("=")[0] not in varied)]
    return "" if "norm" in factors else AND.join(kept)


def notes_of(data: LevelTable) -> list[str]:
    """What a reader of a trend or a factorial has to know about its runs."""
    notes = []
    if data.missing:
        notes.append(
            f"decided on {len(data.seeds)} complete seeds; missing: {', '.join(data.missing)}"
        )
    if data.diverged:
        notes.append(f"{data.diverged} diverged runs count with the declared value")
    return notes
