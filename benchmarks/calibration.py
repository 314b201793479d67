"""Do the decision rules hold what they promise? By simulation, with standard errors.

    python -m benchmarks.calibration [--repetitions 20000] [--seed 1] [-o calibration.csv]

Every row draws its repetitions at once and decides them with vectorised forms of the rules; the
first repetitions of every row are decided by `analysis.contrast` as well and must agree, so that
what is calibrated is what the reports use. Takes some ten seconds on one core.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from afn.study.power import power_equivalence, power_paired_t
from analysis.contrast import POOLED, Comparison, Rules, decide_all
from analysis.outcomes import ArmScores

ALPHA, CHANCE, CHECKED = 0.05, 10.0, 25


@dataclass(frozen=True)
class Row:
    """One line of the table: a share of repetitions, and what it should be."""

    what: str
    design: str
    share: float
    repetitions: int
    expected: str

    @property
    def error(self) -> float:
        return float(np.sqrt(max(self.share * (1 - self.share), 1e-12) / self.repetitions))


def t_p(d: np.ndarray) -> np.ndarray:
    """Two-sided p of the paired t-test along the last axis."""
    n = d.shape[-1]
    t = d.mean(axis=-1) / (d.std(axis=-1, ddof=1) / np.sqrt(n))
    return 2 * stats.t.sf(np.abs(t), n - 1)


def t_interval(d: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    n = d.shape[-1]
    half = stats.t.isf((1 - level) / 2, n - 1) * d.std(axis=-1, ddof=1) / np.sqrt(n)
    return d.mean(axis=-1) - half, d.mean(axis=-1) + half


def flip_p(d: np.ndarray) -> np.ndarray:
    """Two-sided p of the exact sign-flip test along the last axis, ties counted as reached."""
    n = d.shape[-1]
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=n)))
    out = np.empty(len(d))
    for start in range(0, len(d), 500):
        part = d[start : start + 500]
        sums = np.abs(part @ signs.T)
        out[start : start + 500] = np.mean(sums >= np.abs(part.sum(-1))[:, None] - 1e-8, axis=1)
    return out


def flip_covers(d: np.ndarray, mean: float, alpha: float) -> np.ndarray:
    """Whether the interval that inverts the sign-flip test holds the true mean."""
    return flip_p(d - mean) > alpha


def holm_any(p: np.ndarray) -> np.ndarray:
    """Whether Holm rejects anything in a family (last axis): its first step does."""
    return p.min(axis=-1) < ALPHA / p.shape[-1]


def agree(a: np.ndarray, b: np.ndarray, p: np.ndarray, **options) -> None:
    """The engine gives the same p to the first repetitions.

    ``a``, ``b`` have shape (repetitions, backbones, seeds); ``options``: ``estimand`` and
    ``fell``, a mask of diverged runs of both arms.
    """
    estimand = options.get("estimand", "these_backbones")
    fell = options.get("fell", np.zeros((2, *a.shape), bool))
    for i in range(min(CHECKED, len(a))):
        arms = [
            {
                str(k): ArmScores(
                    dict(enumerate(x[i, k].tolist())),
                    frozenset(np.flatnonzero(lost[i, k]).tolist()),
                )
                for k in range(a.shape[1])
            }
            for x, lost in ((a, fell[0]), (b, fell[1]))
        ]
        comparison = Comparison(
            experiment="simulated",
            task="",
            outcome="score",
            a="a",
            b="b",
            backbone=POOLED,
            primary=True,
            estimand=estimand,
            family="primary",
            seeds=tuple(range(a.shape[2])),
            scores_a=arms[0],
            scores_b=arms[1],
        )
        found = decide_all([comparison], Rules(alpha=ALPHA))[0].p
        if not abs(found - p[i]) < 1e-7:
            raise AssertionError(f"repetition {i}: the engine gives p = {found}, here {p[i]}")


def rows(repetitions: int, seed: int) -> Iterator[Row]:
    """All rows of the table, each from its own stream of random numbers."""
    parts = [single, family, heterogeneity, diverged, coverage, power, equivalence]
    for part, child in zip(parts, np.random.SeedSequence(seed).spawn(len(parts)), strict=True):
        for what, design, hits, expected in part(repetitions, np.random.default_rng(child)):
            yield Row(what, design, float(np.mean(hits)), len(hits), expected)


def arms(rng: np.random.Generator, shape: tuple[int, ...], sd: float = 1.0) -> tuple:
    """Two arms with a common seed effect, whose paired difference has this SD and mean zero."""
    common = 70 + rng.normal(0, 3, shape)
    return tuple(common + rng.normal(0, sd / np.sqrt(2), shape) for _ in "ab")


def single(repetitions: int, rng: np.random.Generator):
    for n in (5, 10):
        a, b = arms(rng, (repetitions, 1, n))
        p = t_p((a - b)[:, 0])
        agree(a, b, p)
        yield "type I error, one contrast, paired t", f"S = {n}", p < ALPHA, ".050"
    p = flip_p((a - b)[:, 0])
    yield "type I error, one contrast, exact sign-flip", "S = 10", p < ALPHA, "<= .050"


def family(repetitions: int, rng: np.random.Generator):
    a, b = arms(rng, (repetitions, 12, 10))
    p = np.stack([t_p((a - b)[:, k]) for k in range(12)], axis=-1)
    for k in range(12):
        agree(a[:, [k]], b[:, [k]], p[:, k])
    yield "any false claim among 12 true nulls, Holm", "S = 10", holm_any(p), "<= .050"
    naive = (p < ALPHA).any(axis=-1)
    yield "the same, unadjusted (not offered)", "S = 10", naive, "1 - .95^12 = .460"


def heterogeneity(repetitions: int, rng: np.random.Generator):
    """Each backbone has its own effect, SD tau; the seed noise of a difference has SD 1."""
    for backbones, tau in ((4, 0.5), (4, 1.0), (8, 0.5)):
        design = f"B = {backbones}, S = 10, tau = {tau:g}"
        a, b = arms(rng, (repetitions, backbones, 10))
        effects = rng.normal(0, tau, (repetitions, backbones, 1))
        fixed = a + effects - effects.mean(axis=1, keepdims=True)
        p = t_p((fixed - b).mean(axis=1))
        agree(fixed, b, p)
        what = "type I error about these backbones"
        yield f"{what}, unit = seed", design, p < ALPHA, ".050"
        a = a + effects
        p = t_p((a - b).mean(axis=2))
        agree(a, b, p, estimand="population_of_backbones")
        what = "type I error about a population of backbones"
        yield f"{what}, unit = backbone", design, p < ALPHA, ".050"
        pooled = t_p((a - b).reshape(repetitions, -1))
        yield f"{what}, B x S differences (not offered)", design, pooled < ALPHA, "inflated"


def diverged(repetitions: int, rng: np.random.Generator):
    """Every run of either arm ends at chance with probability .05."""
    a, b = arms(rng, (repetitions, 1, 10))
    fell = rng.random((2, *a.shape)) < 0.05
    a, b = np.where(fell[0], CHANCE, a), np.where(fell[1], CHANCE, b)
    d = (a - b)[:, 0]
    with_any = fell.any(axis=(0, 2, 3))
    p = np.where(with_any, flip_p(d), t_p(d))
    agree(a, b, p, fell=fell)
    yield "type I error, 5 % of runs diverge, the rule", "S = 10", p < ALPHA, "<= .050"
    chosen = p[with_any]
    yield "the same, among contrasts with a diverged run", "S = 10", chosen < ALPHA, "<= .050"
    yield "the same, paired t on completed scores (not offered)", "S = 10", t_p(d) < ALPHA, "any"


def coverage(repetitions: int, rng: np.random.Generator):
    for n in (3, 5, 10):
        d = rng.normal(0.3, 1, (repetitions, n))
        low, high = t_interval(d, 0.95)
        yield "coverage of the 95 % t interval", f"S = {n}", (low < 0.3) & (high > 0.3), ".950"
    for n in (6, 10):
        d = rng.normal(0.3, 1, (repetitions, n))
        covers = flip_covers(d, 0.3, ALPHA)
        yield "coverage of the inverted sign-flip", f"S = {n}", covers, ">= .950"


def power(repetitions: int, rng: np.random.Generator):
    for n, d_z in ((5, 2.0), (10, 1.0), (34, 0.5)):
        p = t_p(rng.normal(d_z, 1, (repetitions, n)))
        closed = f"{power_paired_t(d_z, n):.3f}"
        yield "power of the paired t", f"S = {n}, d_z = {d_z:g}", p < ALPHA, closed


def equivalence(repetitions: int, rng: np.random.Generator):
    for sd in (0.5, 0.7, 1.0):
        low, high = t_interval(rng.normal(0, sd, (repetitions, 8)), 1 - 2 * ALPHA)
        closed = f"{power_equivalence(0.5 / sd, 8):.3f}"
        found = (low > -0.5) & (high < 0.5)
        yield "power of equivalence, margin .5", f"S = 8, SD = {sd:g}", found, closed
    low, high = t_interval(rng.normal(0.5, 0.2, (repetitions, 8)), 1 - 2 * ALPHA)
    found = (low > -0.5) & (high < 0.5)
    yield "false equivalence, difference = margin", "S = 8, SD = 0.2", found, "<= .050"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", help="CSV file to write")
    args = parser.parse_args()
    table = []
    print(f"{args.repetitions} repetitions per row, seed {args.seed}")
    for row in rows(args.repetitions, args.seed):
        table.append({**row.__dict__, "standard_error": row.error})
        found = f"{row.share:.4f} +- {row.error:.4f}"
        print(f"{row.what:<72} {row.design:<26} {found}  expected {row.expected}", flush=True)
    if args.output:
        pd.DataFrame(table).to_csv(args.output, index=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
