"""From each domain to each other: the source x target matrix of a study, with both margins.

In: a resolved study and its results table. Out: one `Matrix` for every arm that was trained on two
or more sources (task option ``source``), none for other studies. Called by
`analysis.inputs`; drawn and tabulated by `analysis.figures.domains` and
`analysis.tables.domains`.

The diagonal (tested on the source's own test set) is no transfer: no margin holds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from afn.common.canonical import canonical_json
from afn.study.grid.cells import Cell, Study
from analysis.results.scores import Scores, served

MEAN = "mean"
"""Stands for the domain in a margin: the mean over sources, over targets, or over both."""


@dataclass(frozen=True)
class Matrix:
    """Accuracy of one arm from every source to every target.

    Attributes
    ----------
    task : str
        The task's bare name.
    backbone, norm, recipe, protocol : str
        What was trained and how it was tested; ``any`` for a norm without batch dependence.
    sources, targets : list of str
        Rows and columns, in the study's order.
    table : DataFrame
        One row per source and target with ``mean`` and ``sd`` over seeds, in percent, and ``n``;
        source or target is `MEAN` in a margin. Margins are means of scores seed by seed, over
        seeds that have all of them.
    scores : DataFrame
        One row per source, target and seed, margins left out.
    """

    task: str
    backbone: str
    norm: str
    recipe: str
    protocol: str
    sources: list[str]
    targets: list[str]
    table: pd.DataFrame
    scores: pd.DataFrame

    def value(self, source: str, target: str) -> float:
        """The mean of one place or margin, nan where there is no run."""
        return self._means.get((source, target), float("nan"))

    @cached_property
    def _means(self) -> dict[tuple[str, str], float]:
        keys = zip(self.table["source"], self.table["target"], strict=True)
        return dict(zip(keys, self.table["mean"], strict=True))


def matrices(study: Study, results: pd.DataFrame) -> list[Matrix]:
    """The matrices of a study, in the order of its cells and protocols."""
    families = {key: cells for key, cells in _families(study).items() if len(cells) > 1}
    if not families:
        return []
    sources = [s for cells in families.values() for s in cells]
    targets = [t for cells in families.values() for c in cells.values() for t in _targets(c)]
    scores = Scores(results, study, served(results, [*sources, *targets]))
    found = []
    for cells in families.values():
        first = next(iter(cells.values()))
        full = [n for n, p in study.protocols.items() if not p.get("conditions")]
        for protocol in ["any", *full]:
            if protocol in first.protocols:
                found.append(_matrix(scores, cells, protocol))
    return [matrix for matrix in found if len(matrix.scores)]


def _families(study: Study) -> dict[str, dict[str, Any]]:
    """Cells that differ in nothing but the source of their task, by source."""
    found: dict[str, dict[str, Any]] = {}
    for cell in study.cells():
        task = dict(cell.settings["task"])
        source = task.pop("source", None)
        if source in (None, "rest") or cell.search or not _targets(cell):
            continue
        key = canonical_json([task, cell.backbone, cell.norm, cell.recipe])
        found.setdefault(key, {})[source] = cell
    return found


def _targets(cell: Cell) -> list[str]:
    """The domains that a cell is tested on, beside its own."""
    from afn.study.parts.catalogue import task_facts

    task = cell.settings["task"]
    named = task.get("targets") or task_facts(task).get("domains", ())
    return [domain for domain in named if domain != task["source"]]


def _matrix(scores: Scores, cells: dict[str, Any], protocol: str) -> Matrix:
    first = next(iter(cells.values()))
    rows = []
    for source, cell in cells.items():
        for target in [source, *_targets(cell)]:
            arm = scores.of(cell, "clean" if target == source else target, protocol)
            head = {"source": source, "target": target}
            rows += [head | {"seed": seed, "accuracy": v} for seed, v in arm.values.items()]
    frame = pd.DataFrame(rows, columns=["source", "target", "seed", "accuracy"])
    named = [target for cell in cells.values() for target in _targets(cell)]
    targets = [*cells, *(t for t in dict.fromkeys(named) if t not in cells)]
    return Matrix(
        task=first.settings["task"]["name"],
        backbone=first.backbone,
        norm=first.norm,
        recipe=first.recipe,
        protocol=protocol,
        sources=list(cells),
        targets=targets,
        table=_table(frame, {s: _targets(cell) for s, cell in cells.items()}),
        scores=frame,
    )


def _table(frame: pd.DataFrame, transfers: dict[str, list[str]]) -> pd.DataFrame:
    """Means of every place, then both margins, then the mean of all transfers."""
    by = frame.pivot(index="seed", columns=["source", "target"], values="accuracy")
    pairs = [(source, target) for source, targets in transfers.items() for target in targets]
    every = dict.fromkeys(target for _, target in pairs)
    places = {(s, t): [(s, t)] for s in transfers for t in [s, *transfers[s]]}
    places |= {(s, MEAN): [pair for pair in pairs if pair[0] == s] for s in transfers}
    places |= {(MEAN, t): [pair for pair in pairs if pair[1] == t] for t in every}
    places[MEAN, MEAN] = pairs
    found = {pair: by[pair].to_numpy() for pair in by.columns}
    absent = np.full(len(by), np.nan)
    rows = []
    for (source, target), parts in places.items():
        # A margin of some of its places would be another quantity: a seed needs all of them.
        values = np.mean([found.get(pair, absent) for pair in parts], axis=0)
        values = values[np.isfinite(values)]
        row = {"source": source, "target": target, "n": len(values)}
        row["mean"] = values.mean() if len(values) else np.nan
        row["sd"] = values.std(ddof=1) if len(values) > 1 else np.nan
        rows.append(row)
    return pd.DataFrame(rows)
