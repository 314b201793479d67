"""From rows of tests to one score per run, arm and outcome; diverged runs completed.

In: the results table and the study. Out: `ArmScores`, a score in points for every seed of one arm
on one backbone. Called by decisions, trends and factorials, so that all of them see the same
numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from afn.common.errors import StudyError, nearest
from afn.study.grid.cells import Cell, Study
from analysis.results.correct import ArmAnswers, Correct
from analysis.results.units import POINTS, points

CELL = ["task", "backbone", "norm", "recipe"]
RUN = [*CELL, "seed"]
BUILD = ["torch", "processor", "device", "threads", "head"]
"""What has to be equal for equal bits, beside specification and code."""


@dataclass(frozen=True)
class ArmScores:
    """One arm on one backbone: score per seed in points, diverged seeds with the declared value.

    ``builds`` holds the distinct ``BUILD`` of its runs; ``answers`` reads which images they
    answered rightly, where that was collected (`ArmAnswers`, or what reads like it). Where a unit
    is a search with several final runs, ``runs`` holds the score of each.
    """

    values: dict[int, float] = field(default_factory=dict)
    diverged: frozenset[int] = frozenset()
    builds: frozenset[tuple] = frozenset()
    answers: Any = None
    runs: dict[int, tuple[float, ...]] = field(default_factory=dict)


def outcome_mask(rows: pd.DataFrame, outcome: str) -> pd.Series:
    """Which tests an outcome averages.

    ``clean``: the unshifted test set; ``shift``: every shifted one; ``severity_3``: shifted ones
    of that severity; else the name of a condition or domain.
    """
    shifted = rows["condition"] != "clean"
    if outcome == "clean":
        return ~shifted
    if outcome == "shift":
        return shifted
    if outcome.startswith("severity_"):
        return shifted & (
            rows["severity"].astype("Int64") == int(outcome.removeprefix("severity_"))
        )
    return rows["condition"] == outcome


def served(results: pd.DataFrame, wanted: Iterable[str]) -> list[str]:
    """The outcomes among ``wanted``, each once, that some test of a finished run serves.

    While a study runs, an outcome may have no test yet; it then has no scores. Every test is clean
    or shifted, so that these two, which are always asked for, keep the list from being empty.
    """
    tests = results[(results["status"] == "finished") & (results["split"] == "test")]
    unique = dict.fromkeys([*wanted, "clean", "shift"])
    return [o for o in unique if tests.empty or outcome_mask(tests, o).any()]


def chance(study: Study, task: str) -> float:
    """Value in points that a diverged run of a task counts as, as the plan declares."""
    declared = study.plan.diverged
    if declared != "chance":
        return float(declared)
    from afn.study.parts.catalogue import task_facts

    settings = next(cell.settings for cell in study.cells() if cell.task == task)
    return POINTS / task_facts(settings["task"])["num_classes"]


def declared_rows(results: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The rows of runs whose seed the study declares for their cell."""
    keep = results["seed"].isin(study.seeds)
    own = {cell.recipe: cell.seeds for cell in study.cells() if cell.seeds is not None}
    for recipe, seeds in own.items():
        rows = results["recipe"] == recipe
        keep = keep.where(~rows, results["seed"].isin(seeds))
    return results[keep]


class Scores:
    """Every score of a study.

    Parameters
    ----------
    results : DataFrame
        The results table (one row per run and test; a diverged run has one row without a test).
    study : Study
        Resolved study; its seeds bound what is read.
    outcomes : list of str, optional
        Default: the plan's.
    correct : Correct, optional
        Which images every run answered rightly, for decisions about images like these.

    Raises
    ------
    StudyError
        For a run that occurs twice, a finished run that lacks a test which others have, a score
        that is not finite in a finished run, or an outcome that selects nothing.
    """

    def __init__(
        self,
        results: pd.DataFrame,
        study: Study,
        outcomes: list[str] | None = None,
        correct: Correct | None = None,
    ):
        self.study, self.correct = study, correct
        self.outcomes = list(outcomes or study.plan.outcomes)
        results = declared_rows(results, study)
        finished = results[(results["status"] == "finished") & (results["split"] == "test")]
        diverged = results[results["status"] == "diverged"]
        full = [n for n, p in study.protocols.items() if not p.get("conditions")]
        _check(results, finished, full)
        means = []
        for outcome in self.outcomes:
            rows = finished[outcome_mask(finished, outcome)]
            if rows.empty and len(finished):
                valid = ["clean", "shift", *finished["condition"].unique()]
                raise StudyError(f"outcome {outcome!r} selects no test; {nearest(outcome, valid)}")
            mean = points(rows.groupby([*RUN, "protocol"])["accuracy"].mean())
            means.append(mean.rename("score").reset_index().assign(outcome=outcome))
        self.table = pd.concat(means, ignore_index=True)
        self._scores = {
            key: dict(zip(g["seed"].tolist(), g["score"].tolist(), strict=True))
            for key, g in self.table.groupby([*CELL, "protocol", "outcome"])
        }
        self._diverged = {k: frozenset(g["seed"].tolist()) for k, g in diverged.groupby(CELL)}
        self._builds = {
            key: frozenset(
                tuple("unknown" if pd.isna(v) else str(v) for v in build)
                for build in g.reindex(columns=BUILD).drop_duplicates().itertuples(index=False)
            )
            for key, g in results.groupby(CELL)
        }

    def protocol(self, cell: Cell, wanted: str | None) -> str:
        """The protocol whose rows serve an arm: the one asked, ``any``, or the first that fits."""
        tested = list(cell.protocols)
        if "any" in tested:
            return "any"
        if wanted is None:
            return next(name for name in self.study.protocols if name in tested)
        if wanted not in tested:
            raise StudyError(
                f"{cell.norm!r} is not tested under {wanted!r}; {nearest(wanted, tested)}"
            )
        return wanted

    def of(self, cell: Cell, outcome: str, protocol: str | None = None) -> ArmScores:
        """Scores of one cell under one protocol; seeds without a run are absent."""
        key = (cell.task, cell.backbone, cell.norm, cell.recipe)
        tested = self.protocol(cell, protocol)
        values = dict(self._scores.get((*key, tested, outcome), {}))
        diverged = self._diverged.get(key, frozenset())
        if diverged:
            values |= dict.fromkeys(diverged, chance(self.study, cell.task))
        builds = self._builds.get(key, frozenset())
        found = ArmScores(dict(sorted(values.items())), diverged, builds)
        if self.correct is None:
            return found
        return replace(found, answers=ArmAnswers(self.correct, cell.path, tested, outcome))


def _check(results: pd.DataFrame, finished: pd.DataFrame, protocols: list[str]) -> None:
    key = [*RUN, "protocol", "split", "condition", "severity"]
    twice = results[results.duplicated(key, keep=False)]
    if len(twice):
        raise StudyError(f"results: {len(twice)} rows occur more than once: {_name(twice)}")
    status = results.groupby(RUN)["status"].nunique()
    if (status > 1).any():
        raise StudyError(f"results: a run is both finished and diverged: {status.idxmax()}")
    bad = finished[finished["accuracy"].isna()]
    if len(bad):
        raise StudyError(f"results: a finished run has no accuracy: {_name(bad)}")
    tests = finished.groupby([*RUN, "protocol"]).size().rename("tests").reset_index()
    # A protocol of the sweep tests some conditions only: its rows are counted among themselves.
    declared = tests["protocol"].isin([*protocols, "any"])
    full = tests.groupby(["task", tests["protocol"].mask(declared, "")])["tests"].transform("max")
    short = tests[tests["tests"] < full]
    if len(short):
        raise StudyError(f"results: a finished run lacks tests that others have: {_name(short)}")


def _name(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    return f"{'/'.join(str(first[c]) for c in CELL)}/seed{first['seed']}"
