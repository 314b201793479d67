"""What more seeds, searches or images would buy: the half-width of an interval, before it is paid.

In: the parts of the variance of a difference, as a pilot's decisions carry them (``components``),
and a design. Out: half-widths in the unit of the scores. Called by ``python -m afn.study plan``,
with and without ``--pilot``, and by the report's table of variances.

The parts are variances: ``unit`` between units (seeds, or searches with their winner's runs),
``run`` between the final runs of one search (None where a unit is one run), ``runs`` how many a
unit had, ``images`` between images and ``residual`` of unit x image (None where no answers are
stored, and then only the units can be multiplied). ``overlap`` is what splits of one pool share
(Nadeau and Bengio's n_test / n_train; else 0). As differences of mean squares the first and
the last but one may be below zero, where the residual alone explains what is seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from afn.study.grid.cells import ResolvedExperiment
    from afn.study.grid.schema import Plan

MOST_UNITS = 10_000
SEARCH_SD, RUN_SD = (1.0, 2.3), 1.1
"""In points, of a difference on shifted images: between searches with finalists (two alike methods;
one that is easily misled), between final runs. Those of the generator in benchmarks/searches.py."""

FEWEST, SAFE = 5, 8
"""So few repeated searches hold about .93 of a 95 % interval, with finalists; so many are safe."""
COVERED = (".914", ".932", ".929")
"""Of five searches, of five with finalists, of ten without."""


def unit_variance(parts: Mapping[str, Any], runs: float | None = None) -> float:
    """Variance between units whose winner is trained with ``runs`` seeds (default: as before)."""
    if parts["run"] is None or runs in (None, parts["runs"]):
        result: float = parts["unit"]
        return result
    between = max(parts["unit"] - parts["run"] / parts["runs"], 0.0)
    several: float = between + parts["run"] / runs
    return several


def half_width(
    parts: Mapping[str, Any],
    units: int,
    *,
    images: int | None = None,
    runs: int | None = None,
    level: float = 0.95,
) -> float:
    """Half the width of the interval that a design can expect.

    Parameters
    ----------
    parts : mapping
        See the module.
    units : int
        Seeds or searches, at least 2.
    images : int, optional
        For a claim about images like these; without it about the pilot's images.
    runs : int, optional
        Final runs of each search's winner.
    level : float
        Such as .95.
    """
    from scipy.stats import t

    if units < 2:
        return math.inf
    error, df = standard_error(parts, units, images=images, runs=runs)
    return float(t.isf((1 - level) / 2, df)) * error


def standard_error(
    parts: Mapping[str, Any], units: int, *, images: int | None = None, runs: int | None = None
) -> tuple[float, float]:
    """The standard error that a design can expect, and its degrees of freedom.

    Parameters
    ----------
    parts, units, images, runs
        As in `half_width`; the degrees of freedom are those of the analysis (Satterthwaite's where
        units and images vary).
    """
    own = unit_variance(parts, runs)
    if images is None or parts["images"] is None:
        # On given images the residual is part of what differs between units.
        own += (parts["residual"] or 0.0) / parts["of_images"] if parts["of_images"] else 0.0
        share = 1 / units + parts["overlap"]
        return math.sqrt(max(own, 0.0) * share), units - 1
    rest = parts["residual"] / (units * images)
    by_unit = max(own / units + rest, 0.0)
    by_image = max(parts["images"] / images + rest, 0.0)
    variance = max(by_unit + by_image - rest, by_unit, by_image)
    if not variance > 0:
        return 0.0, units - 1
    pieces = (by_unit, units - 1), (by_image, images - 1), (rest, (units - 1) * (images - 1))
    spread = sum(part**2 / df for part, df in pieces)
    df = min(max(variance**2 / spread, min(units, images) - 1), images - 1)
    return math.sqrt(variance), df


def units_for(parts: Mapping[str, Any], half: float, **design: Any) -> int | None:
    """The fewest units whose half-width is at most ``half``; None where no number suffices."""
    return fewest(lambda units: half_width(parts, units, **design) <= half)


def fewest(suffices: Callable[[int], bool]) -> int | None:
    """The least number from 2 on that suffices, where more always do; None above `MOST_UNITS`."""
    low, high = 1, 2
    while not suffices(high):
        low, high = high, 2 * high
        if high > MOST_UNITS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def searched_width(experiment: ResolvedExperiment, plan: Plan) -> list[str]:
    """What repeated searches and their final runs buy, as lines of a plan; none without."""
    searches = experiment.searches
    if searches < 1:
        return []
    if searches == 1:
        return [
            "    one search per method is one draw of a noisy choice: for these settings, "
            "exploratory; search.repeats: 5 makes the search the unit"
        ]
    runs = len(next(cell.seeds for cell in experiment.cells if cell.seeds is not None))
    level = 1 - plan.alpha
    cases = [
        {
            "unit": sd**2 + RUN_SD**2 / runs,
            "run": RUN_SD**2,
            "runs": runs,
            "images": None,
            "residual": None,
            "of_images": 0,
            "overlap": 0.0,
        }
        for sd in SEARCH_SD
    ]

    def span(count: int, each: int = runs) -> str:
        found = [half_width(parts, count, runs=each, level=level) for parts in cases]
        return f"+-{found[0]:.1f} to +-{found[1]:.1f}"

    needed = [units_for(parts, plan.margin, level=level) for parts in cases]
    twice = f"{2 * searches} searches: {span(2 * searches)}"
    return [
        f"    half-width of a {100 * level:g} % interval over {searches} searches x {runs} final "
        f"runs, where searches differ by {SEARCH_SD[0]:g} to {SEARCH_SD[1]:g} points (SD) and "
        f"final runs by {RUN_SD:g}: {span(searches)}; {twice}; "
        f"{2 * runs} final runs: {span(searches, 2 * runs)}; for +-{plan.margin:g}: {needed[0]} to "
        f"{needed[1]} searches",
        *_skewed(searches, experiment.groups[0].finalists),
    ]


def _skewed(searches: int, finalists: Mapping[str, int] | None) -> list[str]:
    """What few searches cover where their differences are skewed; nothing where they suffice.

    As simulated by benchmarks/searches.py, and told in docs/statistics.md.
    """
    if searches >= SAFE and finalists:
        return []
    why = "    where validation misleads one method, a 95 % interval over"
    if not finalists:
        return [
            f"{why} 5 searches covers {COVERED[0]}, over 10 {COVERED[2]}: add "
            f"finalists: {{count: 3, seeds: 2}}, with which 5 cover {COVERED[1]}; best are "
            f"{SAFE} searches with them"
        ]
    if searches < FEWEST:
        return [f"{why} fewer than {FEWEST} searches covers less than .93: ask for {SAFE}"]
    return [f"{why} {searches} searches with finalists covers about .93; {SAFE} are safer"]
