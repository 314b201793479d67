"""How large a study is: the numbers below the question of its page.

In: the loaded study. Out: numbers with their nouns. Called by `analysis.report.page`.
"""

from __future__ import annotations

from analysis.inputs import Inputs
from analysis.report import provenance


def facts(inputs: Inputs) -> list[tuple[str, str]]:
    """Size of the study: number and noun."""
    cells = inputs.study.cells()
    sizes = [
        (len(inputs.tasks) or len({c.task for c in cells}), "task"),
        (len({c.backbone for c in cells}), "backbone"),
        (len({c.norm for c in cells}), "variant"),
        (len(inputs.study.seeds), "seed"),
        (len(provenance.runs_of(inputs)), "training"),
    ]
    found = [(f"{n:,}", noun if n == 1 else f"{noun}s") for n, noun in sizes]
    if inputs.looks is not None:
        found[-2] = (found[-2][0], "seeds at most")
    trials = sum(len(search["trials"]) for search in inputs.searches)
    if trials:
        found.append((f"{trials:,}", "trial of searches" if trials == 1 else "trials of searches"))
    return found
