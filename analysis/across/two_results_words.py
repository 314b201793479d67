"""What a comparison is called on the page about two results, and the order of its rows.

In: the table of `analysis.across.two_results.compare`. Out: texts. Called by the page and the
figure about two results.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.display import formatting, naming

PART = ["outcome", "a", "b", "backbone"]


def named(table: pd.DataFrame, first: str) -> pd.DataFrame:
    """The table with two columns of names.

    Parameters
    ----------
    first : str
        The protocol that a bare arm name means.

    Returns
    -------
    DataFrame
        With ``comparison`` (both arms) and ``where``: outcome, backbone where there is one, and of
        task, recipe and experiment what tells a row from others that compare the same.
    """
    comparison = [naming.contrast(a, b, first) for a, b in zip(table["a"], table["b"], strict=True)]
    where = pd.Series("", index=table.index)
    for _, rows in table.groupby(PART, sort=False):
        told = _telling(rows)
        for index, row in rows.iterrows():
            names = [naming.outcome(str(row["outcome"]))]
            names += [] if row["backbone"] == "pooled" else [naming.part(str(row["backbone"]))]
            names += [naming.part(str(row[key])).replace("_", " ") for key in told]
            where[index] = ", ".join(dict.fromkeys(names))
    return table.assign(comparison=comparison, where=where)


def _telling(rows: pd.DataFrame) -> list[str]:
    """The first column that tells all rows apart; several where none does."""
    apart = [key for key in ("task", "recipe", "experiment") if rows[key].nunique() > 1]
    return next(([key] for key in apart if rows[key].is_unique), apart)


def ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Contradictions, then other verdicts that differ, then by how far the estimate moved."""
    keys = ["contradict", "same", "primary", "half_widths"]
    return table.sort_values(keys, ascending=[False, True, False, False], na_position="last")


def place(row: Any) -> str:
    return f"{row.comparison}, {row.where}"


def change(row: Any) -> str:
    return f"{place(row)} ({row.verdict_1} in A, {row.verdict_2} in B)"


def numbers(row: Any, number: int) -> str:
    """Estimate and interval of A (1) or B (2)."""
    estimate, low, high = (getattr(row, f"{k}_{number}") for k in ("estimate", "ci_low", "ci_high"))
    return f"{formatting.signed(estimate)} {formatting.interval((low, high))}"
