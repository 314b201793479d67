"""What is computed beside the decisions: trends, factorials, divergence. Layout of ablations.json.

In: results and study. Out: one mapping; numbers that do not exist are None.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from afn.study.grid.cells import Study
from analysis.decisions.divergence import divergence, divergence_tests
from analysis.decisions.factorials import factorials
from analysis.decisions.trends import trends
from analysis.results.scores import Scores


def ablations(results: pd.DataFrame, study: Study) -> dict[str, Any]:
    """Everything of a study that is not a paired decision.

    Returns
    -------
    dict
        ``trends``, ``factorials``, ``divergence`` (k of n per cell), ``divergence_tests`` (exact
        McNemar, only where runs diverged) and ``notes``.
    """
    # In waves: on the first, which every cell has, and whose number of seeds no result has changed.
    first = study.with_seeds(study.waves[0]) if study.looks else study
    scores = Scores(results, first)
    found = {
        "trends": trends(first, scores),
        "factorials": factorials(first, scores),
        "divergence": divergence(results, study),
        "divergence_tests": divergence_tests(results, study),
    }
    notes = []
    for kind in ("trends", "factorials"):
        for item in found[kind]:
            notes += [f"{item['experiment']}, {item['outcome']}: {note}" for note in item["notes"]]
    return found | {"notes": notes}
