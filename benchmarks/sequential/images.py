"""New images as well as new seeds: the crossed interval on the boundary of waves.

Right answers are drawn as in a logistic model with crossed effects of images and seeds. Both arms
are exchangeable, so that the true difference is zero whatever the mix.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import special

from analysis.stats.sequential.calibration import LookSchedule, calibrate
from analysis.stats.sequential.intervals import t_p
from benchmarks.sequential.rows import ALPHA, LOOKS, Row, share

MIXES = ((0.5, 0.1, 1), (1.0, 0.3, 1), (1.0, 0.05, 6), (0.0, 0.3, 1), (1.0, 0.0, 1))
"""tau_e (method x image), tau_s (method x seed), conditions averaged per image."""
SHORT = (5, 10)
AT_ONCE = 18_000
"""Images times studies that are drawn at once."""
SHIFT, TAU_IMAGE, TAU_SEED = 3.0, 2.0, 0.3


def images(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    yield from _at(LOOKS, studies, rng)


def images_short(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    """The same for the shortest plan, which can end at its first look or at 10 pairs."""
    yield from _at(SHORT, studies, rng)


def _at(looks: tuple[int, ...], studies: int, rng: np.random.Generator) -> Iterator[Row]:
    for count in (360, 2000):
        for tau_e, tau_s, conditions in MIXES:
            few = conditions > 1 or count > 360
            left, parts = max(1, studies // 5) if few else studies, []
            while left > 0:
                size = min(left, AT_ONCE // count)
                d = draw(rng, size, looks[-1], count, tau_e, tau_s, conditions)
                parts.append(np.stack([crossed_p(d, looks), seeds_p(d, looks)]))
                left -= size
            p = np.concatenate(parts, axis=1)
            design = f"{count} images, mix {tau_e:g} {tau_s:g} {conditions}"
            yield from judged(p, design if looks == LOOKS else f"5, 10 pairs, {design}", looks)


def judged(p: np.ndarray, design: str, looks: tuple[int, ...] = LOOKS) -> Iterator[Row]:
    """Rows of one mix; ``p`` has shape (2, studies, looks): crossed, and over seeds only."""
    planned = calibrate(LookSchedule(looks)).planned
    for level, name in ((ALPHA, ""), (ALPHA / 12, " at .05/12")):
        crossed = p[0] <= planned.nominal(level)
        by_look = np.maximum.accumulate(crossed, axis=1).mean(axis=0)
        told = " ".join(f"{x:.4f}" for x in by_look)
        hit = crossed.any(axis=1)
        what = f"crossed: type I error{name} by the last look"
        yield share(what, design, hit, f"<= {level:.4f}; by look {told}")
        stop = np.where(hit, crossed.argmax(axis=1), len(looks) - 1)
        covers = ~crossed[np.arange(len(crossed)), stop]
        if level == ALPHA:
            what = "crossed: coverage of the repeated interval at the stop"
            yield share(what, design, covers, ">= .950")
    seeds = (p[1] <= planned.nominal(ALPHA)).any(axis=1)
    yield share("seeds only: type I error about new images", design, seeds, "any")
    naive = (p[0] < ALPHA).any(axis=1)
    yield share("crossed, p < .05 at any look (not offered)", design, naive, "too high")


def draw(
    rng: np.random.Generator,
    studies: int,
    seeds: int,
    count: int,
    tau_e: float,
    tau_s: float,
    conditions: int,
) -> np.ndarray:
    """Difference of right answers, shape (studies, seeds, count), float32.

    An image is right where a logistic noise exceeds minus its score, which is a product of an
    image's and a seed's factor once exponentiated.
    """
    image = rng.normal(SHIFT, TAU_IMAGE, (studies, 1, count))
    common = rng.normal(0, TAU_SEED, (studies, seeds, 1))
    total = np.zeros((studies, seeds, count), np.int8)
    for add in (np.add, np.subtract):
        own = np.exp(-(image + rng.normal(0, tau_e, image.shape))).astype(np.float32)
        seed = np.exp(-(common + rng.normal(0, tau_s, common.shape))).astype(np.float32)
        wrong = seed * own
        for shift in np.linspace(0, -2, conditions):
            u = rng.random(total.shape, dtype=np.float32)
            # Right where u < 1 / (1 + wrong e^-shift).
            u += u * wrong * np.float32(np.exp(-shift))
            add(total, u < 1, out=total, casting="unsafe")
    return total / np.float32(conditions)


def crossed_p(d: np.ndarray, looks: tuple[int, ...] = LOOKS) -> np.ndarray:
    """Two-sided p of the crossed interval at every look, shape (studies, looks).

    Mean squares of seeds, images and the rest; Satterthwaite's degrees of freedom, kept within
    those of seeds and images.
    """
    count, out = d.shape[2], np.empty((len(d), len(looks)))
    rows = d.mean(axis=2, dtype=float)
    squares = np.cumsum(np.einsum("ijk,ijk->ij", d, d), axis=1, dtype=float)
    sums, start = np.zeros((len(d), count)), 0
    for k, n in enumerate(looks):
        sums, start = sums + d[:, start:n].sum(axis=1), n
        mean = rows[:, :n].mean(axis=1)
        by_seed = count * rows[:, :n].var(axis=1, ddof=1)
        by_image = n * (sums / n).var(axis=1, ddof=1)
        free = (n - 1) * (count - 1)
        rest = squares[:, n - 1] - n * count * mean**2
        rest = (rest - by_seed * (n - 1) - by_image * (count - 1)).clip(0) / free
        variance = np.maximum(np.maximum(by_seed, by_image), by_seed + by_image - rest)
        variance = variance.clip(1e-12)
        parts = by_seed**2 / (n - 1) + by_image**2 / (count - 1) + rest**2 / free
        df = (variance**2 / parts.clip(1e-300)).clip(n - 1, count - 1)
        out[:, k] = 2 * special.stdtr(df, -np.abs(mean) / np.sqrt(variance / (n * count)))
    return out


def seeds_p(d: np.ndarray, looks: tuple[int, ...] = LOOKS) -> np.ndarray:
    """Two-sided p of the paired t over seeds, which is about these images."""
    rows, out = d.mean(axis=2, dtype=float), np.empty((len(d), len(looks)))
    for k, n in enumerate(looks):
        sd = rows[:, :n].std(axis=1, ddof=1).clip(1e-12)
        out[:, k] = t_p(rows[:, :n].mean(axis=1), sd, n)
    return out
