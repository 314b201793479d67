"""What a study in waves can be expected to find and to cost, before anything is trained.

``python -m analysis expected STUDY [--pilot RESULTS]``. In: a study file whose seeds come in waves,
and perhaps the results of a pilot. Out: text; nothing for a fixed number of seeds. Called by
``make plan``.

Studies are simulated: normal paired differences, every primary comparison with the same true
difference, one independent of the other, each judged at the first step of the correction, which is
the strictest. So families that reject something find a little more and stop a little sooner than
printed, and comparisons that share an arm are decided together more often. Beside the waves stands
the fixed design of as many seeds as they take at most: the paired t at the same level, and the
1 - 2 alpha interval against the margin.

The standard deviation of a paired difference is what nobody knows before: from a pilot the upper
80 % limit of each comparison's own is taken (a pilot's value plans too few seeds half of the time),
else a half, one and two margins.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from afn.common.errors import StudyError
from afn.study.grid.cells import Study
from afn.study.loading import load_study
from afn.study.plan.cost import run_seconds
from afn.study.plan.machines import BUILT_IN
from afn.study.plan.power import pilot_sd_upper
from afn.study.plan.work import operations
from afn.study.waves.family import members, name_of
from analysis.decisions.decision import read_decisions
from analysis.stats.sequential.calibration import LookSchedule
from analysis.stats.sequential.design import Ended, Rule, paths, run
from analysis.stats.sequential.intervals import t_half_width, t_p

STUDIES = 2_000
SEED = 20230806
MOST_AT_ONCE = 40
"""So many members are simulated; a larger family repeats them."""


@dataclass(frozen=True)
class EffectOutlook:
    """What one true difference leads to; shares of comparisons, and means.

    Attributes
    ----------
    difference, sd : float
        In points; ``sd`` of a paired difference (the median over the comparisons).
    endings : dict of float
        Share of comparisons that end ``found``, ``equivalent``, ``futile``, ``open``.
    fixed : dict of float
        Share ``found`` and ``equivalent`` with as many fixed seeds as the waves have at most.
    pairs, trainings, hours : float
        Pairs of a comparison, trainings of the study, and hours of them; means.
    """

    difference: float
    sd: float
    endings: dict[str, float]
    fixed: dict[str, float]
    pairs: float
    trainings: float
    hours: float | None


def outlook(
    study: Study, difference: float, sds: dict[str, float], seconds: dict[str, float] | None
) -> EffectOutlook:
    """Simulate the family of a study at one true difference.

    Parameters
    ----------
    sds : dict
        Standard deviation of the paired differences of every member, by name.
    seconds : dict, optional
        What one training of a cell takes, by its path.
    """
    family, plan, seeds = members(study), study.plan, study.in_waves
    schedule = LookSchedule(study.looks, seeds.boundary)
    rng, n = np.random.default_rng(SEED), study.looks[-1]
    ended: dict[str, Ended] = {}
    fixed = {"found": 0.0, "equivalent": 0.0}
    drawn: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for number, member in enumerate(family):
        sd = sds[member.name]
        key = (sd, number % MOST_AT_ONCE)
        if key not in drawn:
            seen = paths(rng, STUDIES, study.looks, difference / sd)
            rule = Rule(
                schedule,
                level=plan.alpha / len(family),
                alpha=plan.alpha,
                margin=plan.margin / sd,
                effect=None if seeds.effect is None else seeds.effect / sd,
                futile=seeds.futility,
            )
            mean, own = seen.mean[:, -1], seen.sd[:, -1]
            found = t_p(mean, own, n) <= plan.alpha / len(family)
            inside = np.abs(mean) + t_half_width(own, n, 2 * plan.alpha) < plan.margin / sd
            same = float((inside & ~found).mean())
            drawn[key] = run(rule, seen), float(found.mean()), same
        ended[member.name], found, same = drawn[key]
        fixed["found"] += found / len(family)
        fixed["equivalent"] += same / len(family)
    trainings, hours = _cost(study, family, ended, seconds)
    kinds = {"found": ("positive", "negative"), "equivalent": ("equivalent",)}
    kinds |= {"futile": ("futile",), "open": ("last look",)}
    endings = {
        kind: float(np.mean([e.share(*names) for e in ended.values()]))
        for kind, names in kinds.items()
    }
    pairs = float(np.mean([e.pairs(study.looks).mean() for e in ended.values()]))
    middle = float(np.median(list(sds.values())))
    return EffectOutlook(difference, middle, endings, fixed, pairs, trainings, hours)


def _cost(
    study: Study, family: list[Any], ended: dict[str, Ended], seconds: dict[str, float] | None
) -> tuple[float, float | None]:
    """Mean trainings and hours of the study: a cell goes on as long as one of its comparisons."""
    looks = np.array(study.looks)
    trainings, total = 0.0, 0.0
    for cell in study.cells():
        own = [ended[m.name].look for m in family if cell.path in m.cells]
        n = float(looks[np.max(own, axis=0)].mean()) if own else float(looks[0])
        trainings += n
        total += n * (seconds or {}).get(cell.path, 0.0)
    return trainings, total / 3600 if seconds else None


def seconds_of(study: Study, pilot: Path | None) -> tuple[dict[str, float] | None, str]:
    """Seconds of a training of every cell, and what they are: measured, or an estimate."""
    if pilot is not None and (pilot / "results.parquet").is_file():
        from analysis.results.io import read_table
        from analysis.results.scores import CELL

        runs = read_table(pilot / "results.parquet").drop_duplicates([*CELL, "seed"])
        means = runs.groupby(CELL)["train_seconds"].mean()
        known = {"/".join(key): float(value) for key, value in means.items()}
        usual = float(means.mean())
        return {c.path: known.get(c.path, usual) for c in study.cells()}, "as the pilot took"
    if any(operations(cell) is None for cell in study.cells()):
        return None, ""
    return {cell.path: run_seconds(cell) for cell in study.cells()}, f"on {BUILT_IN.name}"


def sds_of(study: Study, pilot: Path) -> dict[str, float]:
    """Upper 80 % limit of the standard deviation of every member, from a pilot's decisions.

    Raises
    ------
    StudyError
        If the pilot has decided nothing, or less than three pairs.
    """
    found: dict[tuple[Any, ...], float] = {}
    for d in read_decisions(pilot / "decisions.json"):
        differences = [pair["difference"] for pair in d.differences]
        if d.backbone == "pooled" and len(differences) >= 3 and np.std(differences) > 0:
            sd = float(np.std(differences, ddof=1))
            limit = pilot_sd_upper(sd, len(differences))
            key = (d.experiment, d.task, d.recipe, d.outcome, d.a, d.b)
            found[key] = limit
    if not found:
        raise StudyError(f"{pilot}: no comparison of the pilot has three pairs that differ")
    by_arms = {key[3:]: value for key, value in found.items()}
    usual = float(np.median(list(found.values())))
    named = {name_of(*key): value for key, value in found.items()}
    return {
        m.name: named.get(m.name, by_arms.get((m.outcome, m.a, m.b), usual)) for m in members(study)
    }


def lines(study: Study, pilot: Path | None = None) -> Iterator[str]:
    """The expectation in words and rows."""
    if not study.looks:
        return
    plan, seeds, family = study.plan, study.in_waves, members(study)
    seconds, kind = seconds_of(study, pilot)
    whole = len(study.cells()) * study.looks[-1]
    looks = ", ".join(map(str, study.looks))
    futile = "with" if seeds.futility else "without"
    yield (
        f"seeds in waves: looks at {looks} seeds, {seeds.boundary} boundary, {futile} stops for "
        f"futility; each of {len(family)} primary comparisons at the first step of the correction"
    )
    yield (
        f"simulated ({STUDIES:,} studies a row), beside {study.looks[-1]} fixed seeds ({whole:,} "
        f"trainings{_hours(sum(seconds.values()) * study.looks[-1] / 3600) if seconds else ''}"
        f"{f', {kind}' if kind else ''}):"
    )
    yield (
        "  SD of pairs  difference |  found  equal  futile  open |  pairs  trainings   hours | "
        "fixed: found  equal"
    )
    if pilot is not None:
        spread = [sds_of(study, pilot)]
    else:
        spread = [{m.name: k * plan.margin for m in family} for k in (0.5, 1.0, 2.0)]
    effect = max(seeds.effect or 0.0, plan.margin)
    for sds in spread:
        for difference in dict.fromkeys((0.0, plan.margin / 2, plan.margin, effect, 2 * effect)):
            yield _row(outlook(study, difference, sds, seconds))
    if pilot is not None:
        yield f"SD: the median of the comparisons' upper 80 % limits, from {pilot}"


def _hours(hours: float) -> str:
    return f", {hours:.2g} hours"


def _row(o: EffectOutlook) -> str:
    e, hours = o.endings, "-" if o.hours is None else f"{o.hours:.2g}"
    return (
        f"  {o.sd:11.3g}  {o.difference:10.3g} | {e['found']:6.3f} {e['equivalent']:6.3f} "
        f"{e['futile']:7.3f} {e['open']:5.3f} | {o.pairs:6.1f} {o.trainings:10.0f} {hours:>7s} | "
        f"{o.fixed['found']:12.3f} {o.fixed['equivalent']:6.3f}"
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY", help="a study file")
    parser.add_argument(
        "--pilot",
        type=Path,
        metavar="RESULTS",
        help="results/<study> of a pilot: its SDs and times",
    )


def main(args: argparse.Namespace) -> None:
    study = load_study(args.study)
    if args.pilot is not None and not study.looks:
        raise StudyError(f"{args.study}: its seeds do not come in waves (seeds: {{wave: 5, ...}})")
    for line in lines(study, args.pilot):
        print(line)
