"""What an interval covers after tuning: repeated searches under validation noise, by simulation.

The generator with its parameters, and the rows of `benchmarks.calibration --table targets` about
searches. Intervals are made by `analysis.stats`, as in a report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from afn.study.plan.purchase import units_for
from analysis.stats.t_estimate import TEstimate
from benchmarks.intervals import ALPHA, answers, covers, half, over_seeds, p_of

SETTINGS, VALIDATED, TRAINED = np.arange(12), 360, 1077
DIFFICULTY_SD, TRIAL_SD, RUN_SD = 1.5, 0.15, 0.8
"""Of an image (logits), of a trial's seed on both arms (logits), of a final run (points)."""
LOGIT, SHIFTED_FALL = 4.6, 0.25
"""Validation logit at the best setting; points of shifted accuracy lost per distance squared."""
DEFAULT = 5
"""Ties of the validation score go to the setting nearest to this one."""


@dataclass(frozen=True)
class Curve:
    """How one arm answers to the 12 settings of the grid.

    ``best`` has the highest validation logit, which falls by ``fall`` times the distance squared;
    ``shifted`` points of accuracy on shifted test images are reached at the setting ``at``.
    """

    best: float
    fall: float
    shifted: float
    at: float


CASES = {
    "both arms alike": (Curve(5, 0.045, 72, 4), Curve(6, 0.045, 69, 5)),
    "one arm easily misled": (Curve(5, 0.06, 72, 4), Curve(7, 0.03, 69, 4)),
}
"""Misled: what validation hardly sees costs up to 15 points, so differences are skewed (1.0)."""


@dataclass(frozen=True)
class Design:
    """How a method is tuned: searches, final runs of each winner, finalists and their seeds."""

    count: int
    runs: int
    finalists: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        kept, seeds = self.finalists
        text = f"R = {self.count}, {self.runs} runs"
        return f"{text}, {kept} x {seeds}" if kept else text


FINALISTS = (3, 2)
"""As in the default study: the best three trials, with two more seeds and splits each."""
DESIGNS = (
    *(Design(5, 2), Design(5, 2, FINALISTS), Design(6, 2, FINALISTS)),
    *(Design(8, 2, FINALISTS), Design(10, 2), Design(10, 2, FINALISTS)),
)
FEWEST = 5
"""So many searches the default study has."""
ONE_SEARCH = Design(1, 10)
MARGIN = 1.0


def searches(repetitions: int, rng: np.random.Generator) -> Iterator[tuple]:
    """Tuning under validation noise: the paired t over repeated searches, and one search.

    What is covered is the mean difference of the whole procedure: new pool, splits, trials, runs.
    The winners of an arm differ by 1 to 2 points (SD) between searches, as in the default study.
    """
    for case, curves in CASES.items():
        for design in DESIGNS:
            found = np.array([_tuned(rng, curves, design) for _ in range(repetitions)])
            truth = float(found.mean())
            tests = [over_seeds(d) for d in found.mean(axis=2)]
            hits = [covers(x, truth) for x in tests]
            wanted = ">= .930" if design.finalists[0] or "alike" in case else "any"
            yield f"coverage, paired t over searches: {case}", str(design), hits, wanted
            halves = [half(x) for x in tests]
            yield f"half-width in points, the same: {case}", str(design), halves, "any"
            if design.count == FEWEST:
                yield from _others(found.mean(axis=2), case, str(design))
            unit = found.mean(axis=2).ravel()
            need = _searches_for(float(unit.std()), MARGIN)
            what = f"searches for a half-width of {MARGIN:g} point: {case}"
            yield what, str(design), np.full(2, float(need)), "any"
        found = np.array([_tuned(rng, curves, ONE_SEARCH)[0] for _ in range(repetitions)])
        tests, truth = [over_seeds(d) for d in found], float(found.mean())
        hits, design = [covers(x, truth) for x in tests], "R = 1, 10 runs"
        yield f"one search, t over its runs (not offered): {case}", design, hits, "too low"
        halves = [half(x) for x in tests]
        yield f"half-width in points, the same: {case}", design, halves, "any"
        yield from _two_studies(rng, case, curves, repetitions)


def _others(units: np.ndarray, case: str, design: str) -> Iterator[tuple]:
    """Rules that would cover more where differences are skewed, and how much wider they are."""
    truth, rules = float(units.mean()), {}
    rules["one degree of freedom less"] = [_one_less(d).interval(1 - ALPHA) for d in units]
    rules["skew allowed for"] = [_hall(d) for d in units]
    for name, found in rules.items():
        hits = [low <= truth <= high for low, high in found]
        yield f"coverage, {name} (not offered): {case}", design, hits, "any"
        widths = [(high - low) / 2 for low, high in found]
        yield f"half-width in points, the same: {case}", design, widths, "any"


def _one_less(d: np.ndarray) -> TEstimate:
    found = over_seeds(d)
    return TEstimate(found.estimate, found.error, found.df - 1)


def _hall(d: np.ndarray) -> tuple[float, float]:
    """Interval by Hall's (1992) monotone transformation of t, which takes the skew of d out."""
    found, n = over_seeds(d), len(d)
    if not found.error > 0:
        return found.estimate, found.estimate
    third = float(np.sum((d - d.mean()) ** 3)) * n / ((n - 1) * (n - 2))
    skew = third / n**2 / found.error**3
    end = float(stats.t.isf(ALPHA / 2, n - 1))
    if abs(skew) < 1e-9:
        return found.interval(1 - ALPHA)
    t = [3 / skew * (np.cbrt(1 + skew * (x - skew / 6)) - 1) for x in (end, -end)]
    return found.estimate - found.error * t[0], found.estimate - found.error * t[1]


def _searches_for(sd: float, half: float) -> int:
    """The fewest searches whose expected half-width is at most ``half`` at this SD of a search."""
    parts = {"unit": sd**2, "run": None, "runs": 1, "images": None, "residual": None}
    return units_for({**parts, "of_images": 0, "overlap": 0.0}, half)


def _two_studies(
    rng: np.random.Generator, case: str, curves: tuple[Curve, Curve], repetitions: int
) -> Iterator[tuple]:
    """The same study twice, with other searches on the same pool: do the verdicts contradict?

    A contradiction is superior in one and inferior or equivalent in the other.
    """
    for design in (Design(5, 2, FINALISTS), ONE_SEARCH):
        hits = []
        for _ in range(repetitions):
            pool = rng.normal(0, DIFFICULTY_SD, VALIDATED + TRAINED).astype(np.float32)
            pair = [_tuned(rng, curves, design, pool) for _ in "ab"]
            units = [d[0] if design.count == 1 else d.mean(axis=1) for d in pair]
            verdicts = {_verdict(over_seeds(d)) for d in units}
            hits.append("superior" in verdicts and bool(verdicts & {"inferior", "equivalent"}))
        offered = "" if design.count > 1 else " (not offered)"
        what = f"two studies contradict each other{offered}: {case}"
        yield what, str(design), np.array(hits), "<= .005" if design.count > 1 else "any"


def _verdict(found: TEstimate) -> str:
    if p_of(found) < ALPHA:
        return "superior" if found.estimate > 0 else "inferior"
    low, high = found.interval(1 - 2 * ALPHA)
    return "equivalent" if low > -MARGIN and high < MARGIN else "open"


def _tuned(
    rng: np.random.Generator,
    curves: tuple[Curve, Curve],
    design: Design,
    pool: np.ndarray | None = None,
) -> np.ndarray:
    """Differences of the winners on shifted test images in points, (searches, runs).

    Search r of both arms has the same validation images, drawn from the pool of all searches, and
    the same seed per trial; a score is the share of 360 validation images answered rightly.
    Finalists are scored again, with other seeds and on other splits, which both arms share; the
    mean over all their scores decides.
    """
    count, runs = design.count, design.runs
    if pool is None:
        pool = rng.normal(0, DIFFICULTY_SD, VALIDATED + TRAINED).astype(np.float32)
    kept, seeds = design.finalists
    images = _splits(rng, pool, count)
    trial = rng.normal(0, TRIAL_SD, (count, len(SETTINGS))).astype(np.float32)
    again = _splits(rng, pool, count * seeds).reshape(count, seeds, VALIDATED)
    retrial = rng.normal(0, TRIAL_SD, (count, seeds, len(SETTINGS))).astype(np.float32)
    common = rng.normal(0, RUN_SD, (count, runs))
    scores = []
    for curve in curves:
        logit = (LOGIT - curve.fall * (SETTINGS - curve.best) ** 2).astype(np.float32)
        right = answers(rng, (logit + trial)[..., None] + images[:, None]).sum(axis=2)
        best = AWAY[np.argsort(-right[:, AWAY], axis=1, kind="stable")][:, : max(kept, 1)]
        if kept:
            more = np.take_along_axis(logit + retrial, best[:, None], axis=2)[..., None]
            total = np.take_along_axis(right, best, axis=1)
            total = total + answers(rng, more + again[:, :, None]).sum(axis=(1, 3))
            # Of equal means the setting nearest to the default.
            order = np.lexsort((PLACE[best], -total), axis=1)
            best = np.take_along_axis(best, order, axis=1)
        chosen = best[:, 0]
        shifted = curve.shifted - SHIFTED_FALL * (chosen - curve.at) ** 2
        scores.append(shifted[:, None] + common + rng.normal(0, RUN_SD, (count, runs)))
    return scores[0] - scores[1]


AWAY = np.argsort(np.abs(SETTINGS - DEFAULT), kind="stable")
"""The settings in the order of their distance from the default one."""
PLACE = np.argsort(AWAY)


def _splits(rng: np.random.Generator, pool: np.ndarray, count: int) -> np.ndarray:
    """Validation images of ``count`` splits of a pool, (count, images)."""
    return rng.permuted(np.tile(pool, (count, 1)), axis=1)[:, :VALIDATED]
