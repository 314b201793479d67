"""A row per example: a table of scores folded to means, with the answers to every example kept.

In: a frame with a row per method, seed (and block) and example, such as an evaluation of language
models or agents leaves, and a plan that names the column of the examples. Out: the frame with one
mean per method, seed and block, which is decided as any other; and the scores example by example,
which are crossed with the seeds, so that the intervals are about examples like these and not about
these alone. Called by `analysis.standalone.checking`.

Blocks with the same examples (prompts under several models) are averaged example by example; blocks
with examples of their own (several benchmarks) add their parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from afn.common.errors import StudyError, nearest
from analysis.display import formatting
from analysis.results.correct import Member

DIVERGED = "diverged"
TEST = ("example", 0)
"""Every example is one test of its own kind: there are no conditions to average."""


@dataclass(frozen=True)
class ExampleAnswers:
    """The scores of one method in one block, by seed and example.

    Reads like `analysis.results.correct.ArmAnswers`: its scores take the place of right and wrong.
    """

    name: str
    """What tells this set of examples from others."""
    scores: Mapping[object, np.ndarray]
    scale: float = 1.0

    def sets(self) -> dict[str, Member]:
        size = len(next(iter(self.scores.values())))
        return {self.name: Member([*self.scores], [TEST], size, "")}

    def read(self, image_set: str) -> ExampleAnswers:
        return self

    def right(self, seed: object, tests: Sequence[tuple[str, int]]) -> np.ndarray:
        """The scores of all examples, (examples,)."""
        return self.scores[seed]


def folded(frame: pd.DataFrame, plan: Any) -> tuple[pd.DataFrame, pd.Series]:
    """Means over examples, and the scores behind each.

    Parameters
    ----------
    frame : DataFrame
        A row per example of every run.
    plan : Plan
        Of `analysis.standalone.declared`, with ``example``.

    Returns
    -------
    frame : DataFrame
        One row per method, seed, block and part, in the order of their first rows; other columns
        are left out.
    behind : Series
        By row number of ``frame``: a Series of scores by example, in the order of their names.

    Raises
    ------
    StudyError
        Without a seed column, for an example that occurs twice, or one that a method or seed lacks.
    """
    for column in (plan.example, plan.metric, plan.method):
        if column not in frame:
            raise StudyError(f"there is no column {column!r}; {nearest(column, frame.columns)}")
    if plan.seed not in frame:
        raise StudyError(
            f"--example needs seeds (several runs of each method) in a column {plan.seed!r}; "
            f"single runs are compared by --mcnemar {plan.example}"
        )
    keys = list(dict.fromkeys([plan.method, plan.seed, *(plan.blocks or ()), *plan.per]))
    absent = [key for key in keys if key not in frame]
    if absent:
        raise StudyError(f"there is no column {absent[0]!r}; {nearest(absent[0], frame.columns)}")
    names = frame[plan.example].astype(str).str.strip()
    scores = pd.to_numeric(frame[plan.metric], errors="coerce")
    rows, behind = [], []
    for values, own in frame.groupby(keys, sort=False, dropna=False):
        known = pd.Series(scores[own.index].to_numpy(), index=names[own.index].to_numpy())
        place = ", ".join(map(str, values))
        if known.index.has_duplicates:
            twice = known.index[known.index.duplicated()][0]
            raise StudyError(
                f"example {twice} occurs twice for {place}; --block or --per tell apart"
            )
        row = dict(zip(keys, values, strict=True))
        fell = plan.status in own and own[plan.status].astype(str).str.strip().eq(DIVERGED).any()
        row |= {plan.metric: float(known.mean()), plan.status: DIVERGED if fell else ""}
        rows.append(row)
        behind.append(known.sort_index())
    return pd.DataFrame(rows), pd.Series(behind, dtype=object)


def answers_of(rows: pd.DataFrame, behind: pd.Series) -> dict[tuple, ExampleAnswers]:
    """(part, block, method) -> its answers; ``rows`` are checked and name their row in ``source``.

    Raises
    ------
    StudyError
        For a method or seed that lacks an example which others of the block have.
    """
    sets: dict[tuple, pd.Index] = {}
    for row in rows.itertuples():
        known = behind[row.source]
        whole = sets.setdefault((row.part, row.block), known.index)
        if not known.index.equals(whole):
            other = whole.symmetric_difference(known.index)[0]
            where = f"{row.method}, seed {row.seed}" + (f", {row.block}" if row.block else "")
            raise StudyError(
                f"{where}: {formatting.count(len(known), 'example')}, others have {len(whole)}; "
                f"the first that not all have: {other}. Every run needs the same examples"
            )
    kinds: dict[tuple, str] = {}
    for place, index in sets.items():
        kinds[place] = hashlib.sha256("\n".join(index).encode()).hexdigest()
    found = {}
    for (part, block, method), own in rows.groupby(["part", "block", "method"]):
        scores = {r.seed: behind[r.source].to_numpy(float) for r in own.itertuples()}
        found[part, block, method] = ExampleAnswers(kinds[part, block], scores)
    return found
