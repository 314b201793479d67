"""Do the decision rules hold what they promise? By simulation, with standard errors.

    python -m benchmarks.calibration [--repetitions 100000] [--seed 1] [-o calibration.csv]
    python -m benchmarks.calibration --table targets --repetitions 20000
    python -m benchmarks.calibration --table targets --only searches --repetitions 20000

Every row draws its repetitions at once and decides them with vectorised forms of the rules; the
first repetitions of every row are decided by `analysis.decisions.contrast` as well and must agree,
so that what is calibrated is what the reports use. Takes under a minute on one core. The second
table (`benchmarks.targets`, `benchmarks.searches`) is about new images, new data and new searches;
it takes half an hour.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from afn.study.plan.power import minimum_detectable_d_z, power_equivalence, power_paired_t
from analysis.decisions.contrast import POOLED, Comparison, Rules, decide_all
from analysis.decisions.decision import Decision
from analysis.results.scores import ArmScores
from benchmarks import targets
from benchmarks.rules import (
    flip_covers,
    flip_p,
    heterogeneity_p,
    holm_any,
    percentile_covers,
    t_interval,
    t_p,
)

ALPHA, CHANCE, CHECKED = 0.05, 10.0, 25


@dataclass(frozen=True)
class Row:
    """One line of the table: a share of repetitions (or a mean), and what it should be."""

    what: str
    design: str
    share: float
    repetitions: int
    expected: str
    spread: float | None = None
    """Standard deviation between repetitions; None for a share, whose own follows from it."""

    @classmethod
    def of(cls, what: str, design: str, found: Iterable, expected: str) -> Row:
        """From what every repetition gave: whether the rule hit, or a number."""
        found = np.asarray(found if isinstance(found, np.ndarray) else list(found))
        spread = None if found.dtype == bool else float(np.std(found, ddof=1))
        return cls(what, design, float(np.mean(found)), len(found), expected, spread)

    @property
    def error(self) -> float:
        return self.share_error(self.share)

    def share_error(self, share: float) -> float:
        """Standard error of a share in as many repetitions; of 0 and 1, that of one hit."""
        if self.spread is not None:
            return self.spread / float(np.sqrt(self.repetitions))
        return float(np.sqrt(max(share * (1 - share), 1 / self.repetitions) / self.repetitions))


def agree(a: np.ndarray, b: np.ndarray, p: np.ndarray, **options) -> None:
    """The engine gives the same p to the first repetitions.

    ``a``, ``b`` have shape (repetitions, backbones, seeds); ``options``: ``estimand`` and
    ``fell``, a mask of diverged runs of both arms.
    """
    for i in range(min(CHECKED, len(a))):
        own = {**options, "fell": options["fell"][:, i]} if "fell" in options else options
        found = engine(a[i], b[i], **own).p
        if not abs(found - p[i]) < 1e-7:
            raise AssertionError(f"repetition {i}: the engine gives p = {found}, here {p[i]}")


def engine(
    a: np.ndarray,
    b: np.ndarray,
    *,
    estimand: str = "these_backbones",
    fell: np.ndarray | None = None,
) -> Decision:
    """What `analysis` decides of one repetition: two arms of shape (backbones, seeds)."""
    fell = np.zeros((2, *a.shape), bool) if fell is None else fell
    scores = [
        {
            str(k): ArmScores(
                dict(enumerate(x[k].tolist())), frozenset(np.flatnonzero(lost[k]).tolist())
            )
            for k in range(len(a))
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
        seeds=tuple(range(a.shape[1])),
        scores_a=scores[0],
        scores_b=scores[1],
    )
    return decide_all([comparison], Rules(alpha=ALPHA))[0]


def rows(
    repetitions: int, seed: int, table: str = "rules", only: str | None = None
) -> Iterator[Row]:
    """All rows of a table, or of one part of it, each part from its own stream of numbers."""
    parts = TABLES[table]
    for part, child in zip(parts, np.random.SeedSequence(seed).spawn(len(parts)), strict=True):
        if only not in (None, part.__name__):
            continue
        for what, design, found, expected in part(repetitions, np.random.default_rng(child)):
            yield Row.of(what, design, found, expected)


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
    yield "any false claim among 12 true nulls, Holm", "S = 10", holm_any(p, ALPHA), "<= .050"
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


def differ(repetitions: int, rng: np.random.Generator):
    """The F test of heterogeneity itself, where the backbones share one effect."""
    for backbones in (2, 4):
        a, b = arms(rng, (repetitions, backbones, 10))
        p = heterogeneity_p(a + 0.5 - b)
        for i in range(CHECKED):
            found = engine(a[i] + 0.5, b[i]).heterogeneity["p"]
            if not abs(found - p[i]) < 1e-7:
                raise AssertionError(f"repetition {i}: the engine gives p = {found}, here {p[i]}")
        what = "type I error of contrast x backbone, seeds as subjects"
        yield what, f"B = {backbones}, S = 10", p < ALPHA, ".050"


def diverged(repetitions: int, rng: np.random.Generator):
    """Every run of either arm ends at chance with probability .05."""
    a, b = arms(rng, (repetitions, 1, 10))
    fell = rng.random((2, *a.shape)) < 0.05
    p, estimate = completed(a, b, fell)
    with_any = fell.any(axis=(0, 2, 3))
    yield "type I error, 5 % of runs diverge, the rule", "S = 10", p < ALPHA, "<= .050"
    chosen = p[with_any]
    yield "the same, among contrasts with a diverged run", "S = 10", chosen < ALPHA, "<= .050"
    what = "the same, paired t on completed scores (not offered)"
    yield what, "S = 10", t_p(estimate) < ALPHA, "any"


def one_sided(repetitions: int, rng: np.random.Generator):
    """Only arm a diverges, in 5 % of its runs; finished runs are equal. Its true mean is lower."""
    a, b = arms(rng, (repetitions, 1, 10))
    fell = rng.random((2, *a.shape)) < 0.05
    fell[1] = False
    p, d = completed(a, b, fell)
    with_any, up = fell.any(axis=(0, 2, 3)), d.mean(axis=-1) > 0
    what = "one arm diverges in 5 % of its runs"
    yield f"{what}: called superior", "S = 10", (p < ALPHA) & up, "<= .025"
    reached = ((p < ALPHA) & up)[with_any]
    yield f"{what}: the same, if a run diverged", "S = 10", reached, "<= .025"
    yield f"{what}: any rejection, the rule", "S = 10", p < ALPHA, "any"
    for n in (10, 30):
        for drop in (5, 60):
            d = rng.normal(0, 1, (repetitions, n)) - drop * (rng.random((repetitions, n)) < 0.05)
            design = f"S = {n}, loss = {drop} SD"
            yield f"{what}: any rejection, paired t (not offered)", design, t_p(d) < ALPHA, "any"


def completed(a: np.ndarray, b: np.ndarray, fell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P of the rule on scores whose diverged runs count as chance, and the paired differences."""
    a, b = np.where(fell[0], CHANCE, a), np.where(fell[1], CHANCE, b)
    d = (a - b)[:, 0]
    p = np.where(fell.any(axis=(0, 2, 3)), flip_p(d), t_p(d))
    agree(a, b, p, fell=fell)
    return p, d


def coverage(repetitions: int, rng: np.random.Generator):
    for n in (3, 5, 10):
        d = rng.normal(0.3, 1, (repetitions, n))
        low, high = t_interval(d, 0.95)
        for i in range(CHECKED):
            if not np.allclose(engine(d[[i]], 0 * d[[i]]).ci, (low[i], high[i])):
                raise AssertionError(f"repetition {i}: the engine gives another interval")
        yield "coverage of the 95 % t interval", f"S = {n}", (low < 0.3) & (high > 0.3), ".950"
    for n in (6, 10):
        d = rng.normal(0.3, 1, (repetitions, n))
        covers = flip_covers(d, 0.3, ALPHA)
        yield "coverage of the inverted sign-flip", f"S = {n}", covers, ">= .950"
    for n in (5, 10):
        d = rng.normal(0.3, 1, (repetitions, n))
        covers = percentile_covers(d, 0.3, rng)
        what = "coverage of the percentile bootstrap (not offered)"
        yield what, f"S = {n}", covers, "too low"


def power(repetitions: int, rng: np.random.Generator):
    """The effects that a plan prints as detectable with 80 % power, and three others."""
    designs = [(n, round(minimum_detectable_d_z(n), 2)) for n in (3, 5, 8, 10, 20, 30)]
    for n, d_z in (*designs, (5, 2.0), (10, 0.5), (34, 0.5)):
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


TABLES = {
    "rules": (
        *(single, family, heterogeneity, differ, diverged, one_sided),
        *(coverage, power, equivalence),
    ),
    "targets": targets.PARTS,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--table", choices=TABLES, default="rules")
    parts = [part.__name__ for table in TABLES.values() for part in table]
    parser.add_argument("--only", choices=parts, help="one part of the table")
    parser.add_argument("-o", "--output", help="CSV file to write")
    args = parser.parse_args()
    table = []
    print(f"{args.repetitions} repetitions per row, seed {args.seed}")
    for row in rows(args.repetitions, args.seed, args.table, args.only):
        table.append({**row.__dict__, "standard_error": row.error})
        found = f"{row.share:.4f} +- {row.error:.4f}"
        print(f"{row.what:<77} {row.design:<24} {found}  expected {row.expected}", flush=True)
    if args.output:
        pd.DataFrame(table).to_csv(args.output, index=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
