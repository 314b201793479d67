"""What an interval covers when the claim is about new images, new data or a new search.

Generators with their parameters, and the rows that `benchmarks.calibration --table targets`
prints. Every interval is made by `analysis.stats`, as in a report; none is written again here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from afn.study.plan.purchase import units_for
from analysis.stats import paired
from analysis.stats.crossed import Crossed, ImageSet, crossed, crossed_table
from analysis.stats.resampled import resampled
from analysis.stats.t_estimate import TEstimate

ALPHA, FAMILY, CHECKED = 0.05, 14, 25
SEEDS, IMAGES = (3, 5, 10), (360, 2000)
MIXES = {
    "a little of both": (0.5, 0.1, 1),
    "both vary": (1.0, 0.3, 1),
    "mostly images, 6 conditions": (1.0, 0.05, 6),
    "seeds alone vary": (0.0, 0.3, 1),
    "images alone vary": (1.0, 0.0, 1),
}
"""SD of a method's own effect on an image, SD of its own effect of a seed (logits), conditions."""
EASE, EASE_SD, COMMON_SD = 3.0, 2.0, 0.3
"""Mean and SD of how easy an image is for both methods; SD of a seed's effect on both (logits)."""


def differences(
    rng: np.random.Generator, seeds: int, images: int, own_image: float, own_seed: float, kinds: int
) -> np.ndarray:
    """Right or wrong of two equally good methods, a minus b, mean over conditions: (seeds, images).

    Image i is answered rightly with the logit ease_i + own effect of the method on i + own effect
    of the seed + effect of the seed on both + a condition's (0 down to -2). All but the last are
    normal and drawn anew, so that the true difference is zero.
    """
    ease = rng.normal(EASE, EASE_SD, images)
    conditions = np.linspace(0, -2, kinds, dtype=np.float32)
    common = rng.normal(0, COMMON_SD, seeds)
    right = []
    for _ in "ab":
        image = ease + rng.normal(0, own_image, images)
        seed = rng.normal(0, own_seed, seeds) + common
        logits = (image + seed[:, None]).astype(np.float32)[..., None] + conditions
        right.append(_answers(rng, logits).mean(axis=2))
    return right[0] - right[1]


def _answers(rng: np.random.Generator, logits: np.ndarray) -> np.ndarray:
    return rng.random(logits.shape, dtype=np.float32) * (1 + np.exp(-logits)) < 1


def images(repetitions: int, rng: np.random.Generator) -> Iterator[tuple]:
    """Crossed intervals and those over seeds alone, at every size and mix."""
    rejected: dict[tuple[str, str], list[bool]] = {}
    for seeds, count in itertools.product(SEEDS, IMAGES):
        design = f"S = {seeds}, {count} images"
        for mix, parameters in MIXES.items():
            tables = (differences(rng, seeds, count, *parameters) for _ in range(repetitions))
            found = [(_over_seeds(d.mean(axis=1)), crossed_table(d)) for d in tables]
            for pair in found[:CHECKED]:
                _agree(pair)
            p = np.array([[_p(x) for x in pair] for pair in found])
            only_images = mix == "images alone vary"
            wanted = ".92 to .98" if seeds < 5 or only_images else ".935 to .975"
            yield f"coverage, seeds x images: {mix}", design, ~(p[:, 1] < ALPHA), wanted
            yield f"the same, over seeds alone: {mix}", design, ~(p[:, 0] < ALPHA), "any"
            for name, bound in (("p < .05", ALPHA), (f"p < .05/{FAMILY}", ALPHA / FAMILY)):
                key = f"type I error of the crossed p, {name}, over the five mixes", design
                rejected.setdefault(key, []).extend(p[:, 1] < bound)
    for (what, design), hits in rejected.items():
        yield what, design, hits, "<= .080" if ".05," in what else "any"


def outcomes(repetitions: int, rng: np.random.Generator) -> Iterator[tuple]:
    """Outcomes of several domains (other images in each) and of two backbones (the same images)."""
    sizes, mix = (360, 200, 500), MIXES["both vary"]
    for seeds in (5, 10):
        found = []
        for _ in range(repetitions):
            own = [differences(rng, seeds, n, *mix) for n in sizes]
            found.append(_covers(_of_sets(own)))
        what = "coverage, seeds x images: mean over three domains"
        yield what, f"S = {seeds}, 360/200/500", found, ".935 to .975"
        tables = (
            (differences(rng, seeds, 360, *mix) + differences(rng, seeds, 360, *mix)) / 2
            for _ in range(repetitions)
        )
        found = [_covers(crossed_table(d)) for d in tables]
        what = "coverage, seeds x images: mean over two backbones"
        yield what, f"S = {seeds}, 360 images", found, ".935 to .975"


def _of_sets(tables: list[np.ndarray]) -> Crossed:
    sets = [ImageSet(d.shape[1], 1 / len(tables)) for d in tables]
    for own, d in zip(sets, tables, strict=True):
        for row in d:
            own.add(row)
    return crossed(sets)


POOL, TESTED, FEATURES, CLASS_GAP = 1000, 250, 5, 1.0
"""Examples of a pool and of a test part; features of each learner; distance of the classes."""


def splits(repetitions: int, rng: np.random.Generator) -> Iterator[tuple]:
    """A new split of one pool per seed: two nearest-centroid learners, each with its own features.

    Both features are equally good, so the true difference on new data is zero.
    """
    for seeds in (5, 10, 30):
        found = [_resplit(rng, seeds) for _ in range(repetitions)]
        design = f"S = {seeds}, {POOL - TESTED} : {TESTED}"
        fair = [resampled(d, POOL - TESTED, TESTED) for d in found]
        yield "coverage, Nadeau-Bengio", design, [_covers(x) for x in fair], ">= .930"
        yield "half-width in points, Nadeau-Bengio", design, [_half(x) for x in fair], "any"
        plain = [_over_seeds(d) for d in found]
        yield "the same splits, paired t (not offered)", design, map(_covers, plain), "too low"
        what = "half-width in points, paired t over the same splits"
        yield what, design, [_half(x) for x in plain], "any"


def _resplit(rng: np.random.Generator, seeds: int) -> np.ndarray:
    """Differences in accuracy (points) of two learners on random splits of a new pool."""
    label = np.arange(POOL) % 2
    x = rng.normal(0, 1, (POOL, 2 * FEATURES)) + label[:, None] * CLASS_GAP / np.sqrt(FEATURES)
    order = rng.permuted(np.tile(np.arange(POOL), (seeds, 1)), axis=1)
    tested = np.zeros((seeds, POOL), bool)
    np.put_along_axis(tested, order[:, :TESTED], True, axis=1)
    centres = []
    for kind in (0, 1):
        part = (~tested & (label == kind)).astype(float)
        centres.append(part @ x / part.sum(axis=1, keepdims=True))
    towards, middle = centres[1] - centres[0], (centres[0] + centres[1]) / 2
    right = []
    for own in (slice(0, FEATURES), slice(FEATURES, None)):
        side = (towards[:, own] @ x[:, own].T) - (towards * middle)[:, own].sum(1, keepdims=True)
        right.append(((side > 0) == label) & tested)
    return 100 * (right[0].sum(axis=1) - right[1].sum(axis=1)) / TESTED


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
            tests = [_over_seeds(d) for d in found.mean(axis=2)]
            hits = [_covers(x, truth) for x in tests]
            wanted = ">= .930" if design.finalists[0] or "alike" in case else "any"
            yield f"coverage, paired t over searches: {case}", str(design), hits, wanted
            halves = [_half(x) for x in tests]
            yield f"half-width in points, the same: {case}", str(design), halves, "any"
            unit = found.mean(axis=2).ravel()
            need = _searches_for(float(unit.std()), MARGIN)
            what = f"searches for a half-width of {MARGIN:g} point: {case}"
            yield what, str(design), np.full(2, float(need)), "any"
        found = np.array([_tuned(rng, curves, ONE_SEARCH)[0] for _ in range(repetitions)])
        tests, truth = [_over_seeds(d) for d in found], float(found.mean())
        hits, design = [_covers(x, truth) for x in tests], "R = 1, 10 runs"
        yield f"one search, t over its runs (not offered): {case}", design, hits, "too low"
        halves = [_half(x) for x in tests]
        yield f"half-width in points, the same: {case}", design, halves, "any"
        yield from _two_studies(rng, case, curves, repetitions)


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
            verdicts = {_verdict(_over_seeds(d)) for d in units}
            hits.append("superior" in verdicts and bool(verdicts & {"inferior", "equivalent"}))
        offered = "" if design.count > 1 else " (not offered)"
        what = f"two studies contradict each other{offered}: {case}"
        yield what, str(design), np.array(hits), "<= .005" if design.count > 1 else "any"


def _verdict(found: TEstimate) -> str:
    if _p(found) < ALPHA:
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
        right = _answers(rng, (logit + trial)[..., None] + images[:, None]).sum(axis=2)
        best = AWAY[np.argsort(-right[:, AWAY], axis=1, kind="stable")][:, : max(kept, 1)]
        if kept:
            more = np.take_along_axis(logit + retrial, best[:, None], axis=2)[..., None]
            total = np.take_along_axis(right, best, axis=1)
            total = total + _answers(rng, more + again[:, :, None]).sum(axis=(1, 3))
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


def _over_seeds(d: np.ndarray) -> TEstimate:
    """The paired t; of equal differences an interval of width zero."""
    error = 0.0 if paired.is_constant(d) else float(np.std(d, ddof=1)) / np.sqrt(len(d))
    return TEstimate(float(np.mean(d)), error, len(d) - 1)


def _covers(found: TEstimate, truth: float = 0.0) -> bool:
    low, high = found.interval(1 - ALPHA)
    return low <= truth <= high


def _agree(pair: tuple[TEstimate, Crossed]) -> None:
    """A p below alpha is an interval without zero."""
    for found in pair:
        if _covers(found) == (_p(found) < ALPHA):
            raise AssertionError(f"interval {found.interval(1 - ALPHA)} against p = {found.p()}")


def _p(found: TEstimate) -> float:
    """P; where nothing varied, 1 for a difference of zero and 0 for any other."""
    return found.p() if found.error > 0 else float(found.estimate == 0)


def _half(found: TEstimate) -> float:
    low, high = found.interval(1 - ALPHA)
    return (high - low) / 2


PARTS = (images, outcomes, splits, searches)
