"""What repeated searches chose, and where the width of their intervals comes from, once more.

In: the evidence and the CSV of ``tuning_spread`` or ``tuned_variance``. Out: differences in words.
Called by `tests.referee.referee`.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from tests.referee.evidence import CELL, Evidence
from tests.referee.recomputed.choices import at_edge, chosen, number_of
from tests.referee.recomputed.searches import as_compared
from tests.referee.recomputed.tables import differing

MOST = 10_000


def tuning_spread(e: Evidence, table: pd.DataFrame) -> list[str]:
    """What every search chose, and whether that is the end of a range."""
    found = []
    for row in table.to_dict("records"):
        best = chosen(e, row)
        value = math.nan if best is None else float(best["params"][row["key"]])
        edge = best is not None and at_edge(e, row["experiment"], row["key"], value)
        where = f"tuning_spread, {row['search']}, search {number_of(row)}, {row['key']}"
        if not math.isclose(float(row["chosen"]), value, rel_tol=1e-12):
            found.append(f"{where}: {row['chosen']} is shown, {value} was chosen")
        if bool(row["edge"]) != edge:
            found.append(f"{where}: the end of a range or not")
    keys = ["experiment", "search", "repeat", "key"]
    have = list(table[keys].itertuples(index=False, name=None))
    wanted = {
        (t["experiment"], t["label"], t["repeat"], key)
        for t in e.trials.to_dict("records")
        for key in t["params"]
    }
    return found + ["tuning_spread: not every choice once"] * (
        set(have) != wanted or len(have) > len(wanted)
    )


def tuned_variance(e: Evidence, table: pd.DataFrame) -> list[str]:
    """Variances between searches, final runs and images, and what more searches would give."""
    found = []
    for row in table.to_dict("records"):
        x = as_compared(e, row, row["experiment"], row["recipe"])
        runs = _by_run(e, row)
        run, each = float(np.var(runs, axis=1, ddof=1).mean()), runs.shape[1]
        d = x.by_image
        assert d is not None
        units, images = d.shape
        parts = parts_of(d)
        searches = max(parts["unit"] - run / each, 0.0)
        low, high = x.interval(1 - e.alpha)
        truth: dict[str, Any] = {"n": units, "runs": each, "half_width": (high - low) / 2}
        truth |= {"sd_searches": math.sqrt(searches), "sd_runs": math.sqrt(run)}
        truth["sd_images"] = math.sqrt(max(parts["images"] / images, 0.0))
        truth["sd_rest"] = math.sqrt(parts["left"] / images)
        half = lambda n: _half(parts, n, images, e.alpha)  # noqa: B023, E731
        truth["half_width_of_twice"] = half(2 * units)
        enough = (n for n in itertools.count(2) if n > MOST or half(n) <= e.margin)
        needed = next(enough)
        truth["searches_for_margin"] = math.nan if needed > MOST else float(needed)
        found += differing("tuned_variance", row, truth)
    wanted = [d for d in e.declared if e.seeds_of_searches(d["experiment"])]
    return found + ["tuned_variance: not every contrast"] * (len(wanted) != len(table))


def _by_run(e: Evidence, row: dict[str, Any]) -> np.ndarray:
    """Arm a minus arm b by search and final run."""
    (net,) = e.levels(row["experiment"], "backbone")
    rows = []
    for k in e.seeds_of_searches(row["experiment"]):
        place = {"task": row["task"], "backbone": net, "recipe": f"{row['recipe']}.search{k}"}
        a, b = ({**place, "norm": row[arm]} for arm in "ab")
        scores = [e.scores(c, e.served(c, ""), row["outcome"]) for c in (a, b)]
        assert set(a) == set(CELL)
        rows.append((scores[0] - scores[1]).to_numpy())
    return np.array(rows)


def parts_of(d: np.ndarray) -> dict[str, float]:
    """Variances between rows, between columns and of what is left, by their mean squares."""
    units, images = d.shape
    rows, columns = d.mean(axis=1), d.mean(axis=0)
    rest = d - rows[:, None] - columns + d.mean()
    left = float(np.sum(rest**2)) / ((units - 1) * (images - 1))
    return {
        "unit": float(rows.var(ddof=1)) - left / images,
        "images": float(columns.var(ddof=1)) - left / units,
        "left": left,
    }


def _half(parts: dict[str, float], units: int, images: int, alpha: float) -> float:
    """Half-width to expect of so many searches on so many images, by the crossed rule."""
    error, df = crossed_error(parts, units, images)
    return float(stats.t.isf(alpha / 2, df)) * error


def crossed_error(parts: dict[str, float], units: int, images: int) -> tuple[float, float]:
    """Standard error and degrees of freedom of so many units on so many images."""
    left = parts["left"] / (units * images)
    by_unit = max(parts["unit"] / units + left, 0.0)
    by_image = max(parts["images"] / images + left, 0.0)
    total = max(by_unit + by_image - left, by_unit, by_image)
    spread = by_unit**2 / (units - 1) + by_image**2 / (images - 1)
    spread += left**2 / ((units - 1) * (images - 1))
    df = min(max(total**2 / spread, min(units, images) - 1), images - 1) if spread else units - 1
    return math.sqrt(max(total, 0.0)), df
