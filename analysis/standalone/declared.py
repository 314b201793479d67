"""What is declared about a table of scores, and the table with its columns found.

Plain records: made by `cli` or by a caller of `analysis.compare`, read by every module here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

DIVERGED = "diverged"
STATUSES = ("finished", "ok", "", DIVERGED)
CORRECTIONS = ("holm", "benjamini-hochberg", "none")


@dataclass(frozen=True)
class Plan:
    """What is decided, declared before looking at the scores.

    Attributes
    ----------
    baseline : str
        Every other method is compared with it, unless ``contrasts`` names the pairs.
    metric : str
        Column of the scores.
    method, seed : str
        Columns. Without a seed column there is one score per method and block, and blocks are
        the unit.
    blocks : tuple of str, optional
        Columns over which decisions are pooled (backbone, data set). Default: every other column
        that holds text, except one that differs in (nearly) every row, and no other.
    per : tuple of str
        Columns whose values are decided apart (task, test condition).
    contrasts : tuple of (a, b), optional
        a minus b.
    alpha, margin : float
        ``margin`` in the metric's unit; None: equivalence is not asked.
    estimand : str
        ``these_blocks`` (unit = seed, mean over blocks) or ``population_of_blocks`` (unit = block).
    diverged : float, optional
        Score that a row with status ``diverged`` counts as; needed if there is one.
    example : str, optional
        Column of the examples of a table with a row for each; intervals are then about examples
        like these.
    target : float, optional
        A score that is good enough; the mean shortfall below it stands beside the decisions.
    status : str
        Column that says ``finished`` (or ``ok``, or nothing) or ``diverged``; may be absent.
    """

    baseline: str
    metric: str
    method: str = "method"
    seed: str = "seed"
    blocks: tuple[str, ...] | None = None
    per: tuple[str, ...] = ()
    contrasts: tuple[tuple[str, str], ...] | None = None
    alpha: float = 0.05
    margin: float | None = None
    estimand: str = "these_blocks"
    diverged: float | None = None
    status: str = "status"
    correction: str = "holm"
    higher_is_better: bool = True
    unit: str = ""
    example: str | None = None
    target: float | None = None

    def __post_init__(self) -> None:
        # Blanks around names are cut off in the table, too.
        object.__setattr__(self, "baseline", str(self.baseline).strip())
        if self.contrasts is not None:
            pairs = tuple((str(a).strip(), str(b).strip()) for a, b in self.contrasts)
            object.__setattr__(self, "contrasts", pairs)


ESTIMANDS = {
    "these_blocks": "these_backbones",
    "these_backbones": "these_backbones",
    "population_of_blocks": "population_of_backbones",
    "population_of_backbones": "population_of_backbones",
}


@dataclass(frozen=True)
class Checked:
    """A table with its columns found: ``method``, ``seed``, ``block``, ``part``, ``score``."""

    rows: pd.DataFrame
    methods: list[str]
    blocks: list[str]
    parts: list[str]
    seeds: list[Any]
    ignored: list[str]
    by_seed: bool
    told: list[str] = field(default_factory=list)
    """Sentences about what was done to names and columns."""
    block_columns: tuple[str, ...] = ()
    answers: dict[tuple, Any] = field(default_factory=dict)
    """(part, block, method) -> the scores example by example, where there are."""
