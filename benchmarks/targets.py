"""What an interval covers when the claim is about new images or new data.

Generators with their parameters, and the rows that `benchmarks.calibration --table targets`
prints. Every interval is made by `analysis.stats`, as in a report; none is written again here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from analysis.stats.crossed import Crossed, ImageSet, crossed, crossed_table
from analysis.stats.resampled import resampled
from analysis.stats.t_estimate import TEstimate
from benchmarks.intervals import ALPHA, answers, covers, half, over_seeds, p_of
from benchmarks.searches import searches

FAMILY, CHECKED = 14, 25
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
        right.append(answers(rng, logits).mean(axis=2))
    return right[0] - right[1]


def images(repetitions: int, rng: np.random.Generator) -> Iterator[tuple]:
    """Crossed intervals and those over seeds alone, at every size and mix."""
    rejected: dict[tuple[str, str], list[bool]] = {}
    for seeds, count in itertools.product(SEEDS, IMAGES):
        design = f"S = {seeds}, {count} images"
        for mix, parameters in MIXES.items():
            tables = (differences(rng, seeds, count, *parameters) for _ in range(repetitions))
            found = [(over_seeds(d.mean(axis=1)), crossed_table(d)) for d in tables]
            for pair in found[:CHECKED]:
                _agree(pair)
            p = np.array([[p_of(x) for x in pair] for pair in found])
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
            found.append(covers(_of_sets(own)))
        what = "coverage, seeds x images: mean over three domains"
        yield what, f"S = {seeds}, 360/200/500", found, ".935 to .975"
        tables = (
            (differences(rng, seeds, 360, *mix) + differences(rng, seeds, 360, *mix)) / 2
            for _ in range(repetitions)
        )
        found = [covers(crossed_table(d)) for d in tables]
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
        yield "coverage, Nadeau-Bengio", design, [covers(x) for x in fair], ">= .930"
        yield "half-width in points, Nadeau-Bengio", design, [half(x) for x in fair], "any"
        plain = [over_seeds(d) for d in found]
        yield "the same splits, paired t (not offered)", design, map(covers, plain), "too low"
        what = "half-width in points, paired t over the same splits"
        yield what, design, [half(x) for x in plain], "any"


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


def _agree(pair: tuple[TEstimate, Crossed]) -> None:
    """A p below alpha is an interval without zero."""
    for found in pair:
        if covers(found) == (p_of(found) < ALPHA):
            raise AssertionError(f"interval {found.interval(1 - ALPHA)} against p = {found.p()}")


PARTS = (images, outcomes, splits, searches)
