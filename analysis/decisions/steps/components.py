"""How much of a difference's variance comes from units, from final runs and from images.

In: a comparison, its pairs and the crossed estimate, if there is one. Out: the variances of
`afn.study.plan.purchase`, from which a plan or a report says what more of each would buy. Called by
`analysis.decisions.contrast`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.decisions.steps.pairing import Comparison, Pairs
from analysis.stats import paired
from analysis.stats.crossed import Crossed


def components(
    c: Comparison, pairs: Pairs, crossed: Crossed | None, images: int
) -> dict[str, Any] | None:
    """Variances in the unit of the scores, squared; None below two pairs."""
    d = pairs.differences
    units = len(d)
    if units < 2:
        return None
    between, by_image, residual = float(np.var(d, ddof=1)), None, None
    if crossed is not None:
        # The parts of a crossed estimate are variances of the mean, each with the residual in it.
        residual = crossed.residual * units * images
        by_image = (crossed.images - crossed.residual) * images
        between = (crossed.seeds - crossed.residual) * units
    run, runs = _between_runs(c, pairs)
    return {
        "unit": between,
        "run": run,
        "runs": runs,
        "images": by_image,
        "residual": residual,
        "of_images": images if crossed is not None else 0,
        "overlap": 0.0 if c.split is None else c.split[1] / c.split[0],
    }


def _between_runs(c: Comparison, pairs: Pairs) -> tuple[float | None, int]:
    """Variance of the paired difference between the final runs of one search, and their number.

    Within searches, R (F - 1) degrees of freedom; None where a unit is one run.
    """
    rows = []
    for group in pairs.groups:
        own = [(c.scores_a[b].runs.get(u), c.scores_b[b].runs.get(u)) for b, u in group]
        if not own or any(x is None or y is None or len(x) != len(y) for x, y in own):
            return None, 1
        rows.append(np.mean([paired.difference(np.array(x), np.array(y)) for x, y in own], axis=0))
    sizes = {len(row) for row in rows}
    if len(sizes) != 1 or sizes == {1}:
        return None, sizes.pop() if len(sizes) == 1 else 1
    return float(np.mean(np.var(rows, axis=1, ddof=1))), sizes.pop()
