"""A family of comparisons with one baseline: Holm on sequential p's, and the e-process."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.stats.sequential import futility
from analysis.stats.sequential.calibration import calibrate
from analysis.stats.sequential.design import Paths, paths
from analysis.stats.sequential.eprocess import confidence_sequence, e_value
from analysis.stats.sequential.intervals import t_half_width
from analysis.stats.sequential.pvalues import holm
from benchmarks.sequential.rows import ALPHA, LOOKS, SCHEDULE, Row, average, chunks, share


def shared_baseline(
    rng: np.random.Generator, studies: int, looks: tuple[int, ...], effects: np.ndarray
) -> Paths:
    """Comparisons of arms with one baseline, shape (studies, looks, family).

    Every arm and the baseline vary alike, so that two differences correlate with .5; the standard
    deviation of a difference is 1.
    """
    scores = rng.standard_normal((studies, looks[-1], len(effects) + 1)) / np.sqrt(2)
    d = scores[..., 1:] - scores[..., :1]
    at = np.array(looks) - 1
    total, squares = np.cumsum(d, axis=1)[:, at], np.cumsum(d * d, axis=1)[:, at]
    n = np.array(looks)[:, None]
    sd = np.sqrt((squares - total**2 / n) / (n - 1))
    return Paths(looks, total / n + effects, sd)


def p_of(seen: Paths) -> np.ndarray:
    """Nominal p, shape (studies, looks, family)."""
    swapped = Paths(seen.looks, np.swapaxes(seen.mean, 1, 2), np.swapaxes(seen.sd, 1, 2))
    return np.swapaxes(swapped.p, 1, 2)


def decide(
    seen: Paths, margin: float | None, futile: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rejected, equivalent and pairs spent of every comparison, shape (studies, family).

    A comparison is frozen when Holm on the sequential p's rejects it, when its repeated 90 %
    interval lies within the margin, or when going on is futile; a later rejection elsewhere may
    still reject it with the p that it has.
    """
    planned, m = calibrate(SCHEDULE).planned, seen.mean.shape[2]
    nominal, wide = p_of(seen), planned.nominal(2 * ALPHA)
    p = np.ones(seen.mean.shape[::2])
    going = np.ones(p.shape, bool)
    equivalent, spent = np.zeros(p.shape, bool), np.full(p.shape, LOOKS[-1])
    for k, n in enumerate(LOOKS):
        reached = planned.level(k, nominal[:, k])
        p = np.where(going, np.minimum(p, reached), p)
        rejected = holm(p) <= ALPHA
        stop = rejected.copy()
        mean, sd = seen.mean[:, k], seen.sd[:, k]
        if margin is not None:
            inside = np.abs(mean) + t_half_width(sd, n, wide[k]) < margin
            equivalent |= going & inside & ~rejected
            stop |= inside
        if futile is not None and 0 < k < len(LOOKS) - 1:
            state = (mean, sd, n, LOOKS[-1])
            level = ALPHA / (m - rejected.sum(axis=1, keepdims=True).clip(max=m - 1))
            edge = np.interp(level, planned.levels[::-1], planned.edges[::-1, -1])
            low = futility.conditional_power(*state, edge, futile) < futility.LEAST
            if margin is not None:
                chance = futility.equivalence_chance(*state, wide[-1], margin)
                low &= chance < futility.LEAST
            stop |= low
        spent[going & stop] = n
        going &= ~stop
    return holm(p) <= ALPHA, equivalent, spent


def family(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    for effects, told in (
        (np.zeros(12), "12 nulls"),
        (np.repeat([0.0, 1.0], 6), "6 nulls, 6 of d_z = 1"),
        (np.repeat([0.0, 2.0], 6), "6 nulls, 6 of d_z = 2"),
    ):
        for name, margin, futile in (("", None, None), (", stops", 0.5, 0.5)):
            parts = [
                decide(shared_baseline(rng, size, LOOKS, effects), margin, futile)
                for size in chunks(studies)
            ]
            rejected, equivalent, spent = (np.concatenate(x) for x in zip(*parts, strict=True))
            design = told + name
            wrong = rejected[:, effects == 0].any(axis=1)
            yield share("family of 12: any null rejected", design, wrong, "<= .050")
            if effects.any():
                found = rejected[:, effects > 0].mean(axis=1)
                yield average("the same: share of true effects found", design, found, "any")
                if margin is not None:
                    false = equivalent[:, effects > 0].mean(axis=1)
                    yield average(
                        "the same: a true effect called equivalent", design, false, "< .05"
                    )
            pairs = spent.mean(axis=1)
            yield average("the same: mean pairs of a comparison", design, pairs, "<= 30")


def naive(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    """Holm on the fixed-sample p's at every look, stopping at the first rejection."""
    hits = []
    for size in chunks(studies):
        p = p_of(shared_baseline(rng, size, LOOKS, np.zeros(14)))
        hits.append((holm(p) <= ALPHA).any(axis=(1, 2)))
    what = "any of 14 nulls after Holm at every look (not offered)"
    yield share(what, "shared baseline", np.concatenate(hits), ".15 to .20")


def e_process(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    """Looks at every pair, which nobody planned."""
    looks = tuple(range(2, 61))
    t = lambda seen: seen.mean * np.sqrt(n) / seen.sd  # noqa: E731
    n, hits, covers, false = np.array(looks), [], [], []
    for size in chunks(studies):
        seen = paths(rng, size, looks)
        hits.append((e_value(t(seen), n) >= 1 / ALPHA).any(axis=1))
        low, high = confidence_sequence(seen.mean, seen.sd, n, ALPHA)
        covers.append(((low <= 0) & (high >= 0)).all(axis=1))
        for margin in (0.5,):
            low, high = confidence_sequence(seen.mean + margin, seen.sd, n, 2 * ALPHA)
            false.append(((low > -margin) & (high < margin)).any(axis=1))
    design = "every pair from 2 to 60"
    yield share("e-process: type I error", design, np.concatenate(hits), "<= .050")
    yield share("its confidence sequence covers at once", design, np.concatenate(covers), ">= .950")
    what = "e-process: false equivalence at the margin"
    yield share(what, f"{design}, .5 SD", np.concatenate(false), "<= .050")
    hits, n = [], np.arange(2, 31)[:, None]
    for size in chunks(studies):
        seen = shared_baseline(rng, size, tuple(range(2, 31)), np.zeros(12))
        hits.append((e_value(t(seen), n) >= 12 / ALPHA).any(axis=(1, 2)))
    what = "e-process: any of 12 nulls, shared baseline"
    yield share(what, "every pair from 2 to 30", np.concatenate(hits), "<= .050")
    for d in (0.5, 1.0):
        for looks in (LOOKS, tuple(range(2, 31))):
            n = np.array(looks)
            hits = (e_value(t(paths(rng, studies, looks, d)), n) >= 1 / ALPHA).any(axis=1)
            design = f"d_z = {d:g}, {looks[0]}, {looks[1]}, ..., 30"
            told = ".36 (boundary: .71)" if d == 0.5 and looks == LOOKS else "any"
            yield share("e-process: power", design, hits, told)
