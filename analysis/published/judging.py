"""The verdict on every printed number, and on every printed gain, that a study repeats.

In: a resolved study and its results table. Out: `Judged`, flat records from which tables, figure
and text of the report are made. The rules are those of `analysis.stats.replication`. Called by
`analysis.inputs`.

A number is held against the statistics that it was printed under: AFN's against test-batch
statistics, BatchNorm's against running ones. AFN's is shown under running statistics as well, and
a gain of one over the other under equal statistics; such records are not ``as_printed``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from afn.study.grid.cells import Study
from analysis.published import ROW, averages
from analysis.published.matching import matches
from analysis.results.scores import Scores, served
from analysis.stats.replication import replicate, replicate_divergence

BASELINES = {"rsc": "erm", "rsc+asr": "rsc", "rsc+afn": "rsc"}
"""The row that a printed method is a gain over; for a bare norm it is BatchNorm's."""

HEAD = [*ROW, "condition"]


@dataclass(frozen=True)
class Judged:
    """What a study says about the paper's numbers; empty where it repeats none.

    Attributes
    ----------
    numbers : list of dict
        Per printed number and protocol: the printed row (``printed`` in percent), ``norm``,
        ``recipe``, ``protocol``, ``as_printed``, ``cells``, ``n``, ``mean`` and ``sd`` over seeds,
        ``difference`` (ours - printed) with ``ci_low`` and ``ci_high``, ``prediction_low`` and
        ``prediction_high`` of one new run, ``runs``, ``diverged``, ``verdict``, and
        ``average_agrees``: whether a printed average is that of its own cells. Of a printed nan
        the interval is that of the rate of divergence, in ``rate_low`` and ``rate_high``.
    gains : list of dict
        The same for a printed number minus that of its ``baseline``, from differences seed by
        seed; ``protocol`` and ``baseline_protocol`` are those of the two.
    unmatched : list of dict
        Printed numbers of the same tables that the study does not repeat, with ``reason``.
    scores : DataFrame
        One row per record and seed: what each verdict rests on.
    """

    numbers: list[dict[str, Any]]
    gains: list[dict[str, Any]]
    unmatched: list[dict[str, Any]]
    scores: pd.DataFrame

    def __bool__(self) -> bool:
        return bool(self.numbers)


def judge(study: Study, results: pd.DataFrame) -> Judged:
    """Judge every printed number that the study repeats.

    Raises
    ------
    StudyError
        As `analysis.results.scores.Scores` does, for a results table that contradicts itself.
    """
    matched, unmatched = matches(study)
    if not matched:
        return Judged([], [], [], pd.DataFrame())
    tables = {row["table"] for row in matched}
    ours = _Ours(study, results, matched)
    numbers = [ours.number(row, protocol) for row in matched for protocol in ours.ways(row)]
    gains = [
        ours.gain(row, base, pair)
        for row, base in _over_baselines(matched)
        for pair in ours.paired_ways(row, base)
    ]
    missing = [row for row in unmatched if row["table"] in tables]
    return Judged(numbers, gains, missing, pd.DataFrame(ours.seen))


def _over_baselines(matched: list[dict]) -> Iterator[tuple[dict, dict]]:
    """Printed numbers with the printed number that each is a gain over."""
    places = {tuple(row[key] for key in HEAD): row for row in matched}
    for row in matched:
        name = BASELINES.get(row["method"], "batch")
        base = places.get(tuple({**row, "method": name}[key] for key in HEAD))
        if base is None or base is row:
            continue
        if math.isfinite(row["accuracy"]) and math.isfinite(base["accuracy"]):
            yield row, base


class _Ours:
    """Our scores for printed rows, and the records made of them."""

    def __init__(self, study: Study, results: pd.DataFrame, matched: list[dict]):
        self.study, self.plan = study, study.plan
        self.cells = {cell.path: cell for cell in study.cells()}
        self.scores = Scores(results, study, served(results, (r["outcome"] for r in matched)))
        printed = averages().itertuples(index=False)
        self.agrees = {tuple(getattr(row, key) for key in ROW): row.agrees for row in printed}
        self.seen: list[dict[str, Any]] = []

    def statistics(self, row: dict, protocol: str) -> str:
        return self.cells[row["cells"][0]].protocols[protocol]["statistics"]

    def full(self, row: dict) -> list[str]:
        """Declared protocols that test the row's cells on all conditions, in the study's order."""
        own = self.cells[row["cells"][0]].protocols
        declared = self.study.protocols
        return [name for name in declared if name in own and not declared[name].get("conditions")]

    def ways(self, row: dict) -> list[str]:
        """The printed protocol; for test-batch statistics the first running one after it."""
        if self.statistics(row, row["protocol"]) != "batch":
            return [row["protocol"]]
        running = [p for p in self.full(row) if self.statistics(row, p) == "running"]
        return [row["protocol"], *running[:1]]

    def paired_ways(self, row: dict, base: dict) -> list[tuple[str, str]]:
        """The printed pair of protocols; where its statistics differ, the same for both as well."""
        printed = (row["protocol"], base["protocol"])
        kinds = {self.statistics(row, printed[0]), self.statistics(base, printed[1])}
        if kinds != {"running", "batch"}:
            return [printed]
        both = [p for p in self.full(row) if p in printed and p in self.full(base)]
        return [printed, *((p, p) for p in both)]

    def by_seed(self, row: dict, protocol: str) -> tuple[pd.Series, int, int]:
        """Mean over the row's cells by seed, in percent; runs that exist; runs that diverged."""
        arms = [self.scores.of(self.cells[p], row["outcome"], protocol) for p in row["cells"]]
        table = pd.DataFrame({i: pd.Series(arm.values, dtype=float) for i, arm in enumerate(arms)})
        runs = sum(len(arm.values) for arm in arms)
        return table.dropna().mean(axis=1), runs, sum(len(arm.diverged) for arm in arms)

    def number(self, row: dict, protocol: str) -> dict[str, Any]:
        values, runs, diverged = self.by_seed(row, protocol)
        record = {key: row[key] for key in HEAD} | {"printed": row["accuracy"]}
        record |= {key: row[key] for key in ("norm", "recipe")} | {"protocol": protocol}
        record |= {"as_printed": protocol == row["protocol"], "cells": list(row["cells"])}
        record |= _summary(values) | {"runs": runs, "diverged": diverged}
        record |= dict.fromkeys(("rate_low", "rate_high"))
        if math.isfinite(row["accuracy"]):
            record |= self.verdict(values, row["accuracy"])
        else:
            record |= self.verdict(values.iloc[:0], 0.0)
            record |= self.divergence(diverged, runs)
        average = row["condition"] == "average"
        record["average_agrees"] = self.agrees[tuple(row[k] for k in ROW)] if average else None
        return self.remember("number", record, values)

    def gain(self, row: dict, base: dict, protocols: tuple[str, str]) -> dict[str, Any]:
        own, runs, lost = self.by_seed(row, protocols[0])
        other, base_runs, base_lost = self.by_seed(base, protocols[1])
        values = (own - other).dropna()
        printed = round(row["accuracy"] - base["accuracy"], 6)
        record = {key: row[key] for key in HEAD} | {"baseline": base["method"], "printed": printed}
        record |= {"norm": row["norm"], "baseline_norm": base["norm"], "recipe": row["recipe"]}
        record |= {"protocol": protocols[0], "baseline_protocol": protocols[1]}
        record["as_printed"] = protocols == (row["protocol"], base["protocol"])
        record |= _summary(values) | {"runs": runs + base_runs, "diverged": lost + base_lost}
        return self.remember("gain", record | self.verdict(values, printed), values)

    def verdict(self, values: pd.Series, printed: float) -> dict[str, Any]:
        found = replicate(values.to_numpy(), printed, self.plan.margin, alpha=self.plan.alpha)
        ci, prediction = found["ci"] or (None, None), found["prediction"] or (None, None)
        out = {"difference": found["difference"], "ci_low": ci[0], "ci_high": ci[1]}
        out |= {"prediction_low": prediction[0], "prediction_high": prediction[1]}
        return out | {"verdict": found["verdict"]}

    def divergence(self, diverged: int, runs: int) -> dict[str, Any]:
        if not runs:
            return {"verdict": "inconclusive"}
        found = replicate_divergence(diverged, runs, alpha=self.plan.alpha)
        low, high = found["ci"]
        return {"rate_low": low, "rate_high": high, "verdict": found["verdict"]}

    def remember(self, kind: str, record: dict, values: pd.Series) -> dict[str, Any]:
        keys = [*HEAD, "baseline", "protocol", "baseline_protocol", "as_printed", "printed"]
        head = {"kind": kind} | {key: record.get(key) for key in keys}
        self.seen += [head | {"seed": seed, "ours": value} for seed, value in values.items()]
        return record


def _summary(values: pd.Series) -> dict[str, Any]:
    n = len(values)
    mean, sd = float(values.mean()) if n else None, float(values.std()) if n > 1 else None
    return {"n": n, "mean": mean, "sd": sd}
