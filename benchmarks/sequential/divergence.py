"""Runs that diverge: the t until the first one, the sign-flip of completed scores from then on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from analysis.stats.paired import SignFlips
from analysis.stats.sequential.calibration import Boundaries, Taken, boundaries
from analysis.stats.sequential.intervals import t_p
from benchmarks.rules import flip_p
from benchmarks.sequential.rows import ALPHA, LOOKS, SCHEDULE, Row, share

CHANCE = 10.0
LEVELS = (ALPHA, ALPHA / 12)


def divergence(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    """Either arm diverges with the same chance (a true null), or only the first (then it is worse).

    A diverged run counts as chance accuracy; two in one pair are a tie.
    """
    studies = max(1, studies // 5)
    for chance in (0.02, 0.05):
        for one_sided in (False, True):
            scores = 70 + rng.normal(0, 1 / np.sqrt(2), (2, studies, LOOKS[-1]))
            fell = rng.random(scores.shape) < chance
            if one_sided:
                fell[1] = False
            a, b = np.where(fell, CHANCE, scores)
            reached, up = levels(a - b, fell.any(axis=0))
            which = "only a diverges" if one_sided else "both arms diverge"
            design = f"{which}, {100 * chance:g} % of runs"
            for level in LEVELS:
                hit = (reached <= level).any(axis=1)
                if not one_sided:
                    told = f"<= {level:.4f}"
                    yield share(f"t, then sign-flip: rejected at {level:.4f}", design, hit, told)
                else:
                    first = (reached <= level).argmax(axis=1)
                    wrong = hit & up[np.arange(studies), first]
                    told = f"<= {level / 2:.4f}"
                    yield share(
                        f"t, then sign-flip: a called better, {level:.4f}", design, wrong, told
                    )
            if not one_sided:
                plain = naive_t(a - b)
                what = "t of completed scores throughout (not offered)"
                yield share(what, design, plain, "any")


@lru_cache(maxsize=16)
def tables(start: int) -> Boundaries:
    """Boundaries of a comparison whose first diverged run is seen at look ``start``."""
    looks = enumerate(LOOKS)
    return boundaries(
        SCHEDULE, tuple(Taken(k, n, 2.0 ** (1 - n) if k >= start else 0.0) for k, n in looks)
    )


def levels(d: np.ndarray, fell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest level crossed at every look, shape (studies, looks), and whether a led there."""
    reached, up = np.ones((len(d), len(LOOKS))), np.zeros((len(d), len(LOOKS)), bool)
    by_look = np.stack([fell[:, :n].any(axis=1) for n in LOOKS], axis=1)
    start = np.where(by_look.any(axis=1), by_look.argmax(axis=1), len(LOOKS))
    for k, n in enumerate(LOOKS):
        now, flips = d[:, :n], by_look[:, k]
        up[:, k] = now.mean(axis=1) > 0
        p = t_p(now.mean(axis=1), now.std(axis=1, ddof=1), n)
        p[flips] = signs_p(now[flips])
        for s in range(len(LOOKS) + 1):
            here = start == s
            reached[here, k] = tables(s).level(k, p[here])
    return reached, up


def signs_p(d: np.ndarray) -> np.ndarray:
    """Exact sign-flip p per row; 1 where it cannot reject at .1.

    A sum of n signed numbers is at least as large as their Euclidean length with a chance of 1/10
    or more (Oleszkiewicz 1996), so a sum below that length needs no counting.
    """
    p = np.ones(len(d))
    far = d.sum(axis=1) ** 2 > (d * d).sum(axis=1)
    if d.shape[1] <= 10:
        p[far] = flip_p(d[far])
    else:
        p[far] = [SignFlips(row).p() for row in d[far]]
    return p


def naive_t(d: np.ndarray) -> np.ndarray:
    """Whether the boundary of the t is crossed by completed scores."""
    nominal = tables(len(LOOKS)).nominal(ALPHA)
    p = [t_p(d[:, :n].mean(axis=1), d[:, :n].std(axis=1, ddof=1), n) for n in LOOKS]
    return (np.stack(p, axis=1) <= nominal).any(axis=1)
