"""Names in somebody's table: methods, blocks and seeds as they are written.

In: columns of a frame. Out: columns of text (seeds: whole numbers where they are written as such)
and sentences about what was treated. Nothing here refuses; `checking` does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.display import formatting

SEPARATORS = ("/", " / ", "|", " | ", ";", " ; ", "//", "||")
WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.0*)?")


def named(column: pd.Series) -> tuple[pd.Series, list[str]]:
    """Names as text without blanks around them; a sentence where there were any."""
    written = column.astype(str)
    cut = written.str.strip()
    blank = written[written != cut]
    if blank.empty:
        return cut, []
    shown = formatting.listing([repr(x) for x in blank.unique()[:3]])
    more = f" and {blank.nunique() - 3} more" if blank.nunique() > 3 else ""
    rows = formatting.count(len(blank), "row")
    return cut, [
        f"Blanks around the names of column {column.name} were cut off in {rows}: {shown}{more}."
    ]


def seeds_of(column: pd.Series) -> tuple[pd.Series, list[str]]:
    """Seeds: whole numbers, however they are written (1, 1.0, "1"); any other text as it is."""
    values = {value: _seed(value) for value in column.unique()}
    told = []
    ways: dict[Any, list[str]] = {}
    for value, seed in values.items():
        ways.setdefault(seed, []).append(value)
    several = next((seed for seed, written in ways.items() if len(written) > 1), None)
    if several is not None:
        shown = formatting.listing([repr(x) for x in ways[several]])
        told.append(f"Seeds that are written in several ways are the same seed: {shown}.")
    return column.map(values).astype(object), told


def _seed(value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return str(value)
    if isinstance(value, int | np.integer):
        return int(value)
    text = str(value).strip()
    if isinstance(value, float | np.floating):
        return int(value) if float(value).is_integer() else text
    return int(text.partition(".")[0]) if WHOLE.fullmatch(text) else text


def joined(columns: Sequence[pd.Series], index: pd.Index, otherwise: str) -> pd.Series:
    """One name for several columns, by a separator that none of them contains."""
    if not columns:
        return pd.Series(otherwise, index=index)
    if len(columns) == 1:
        return columns[0]
    texts = [text for column in columns for text in column.unique()]
    free = [s for s in SEPARATORS if not any(s.strip() in text for text in texts)]
    if free:
        return columns[0].str.cat(list(columns[1:]), sep=free[0])
    quoted = [column.map(repr) for column in columns]
    return quoted[0].str.cat(quoted[1:], sep=", ")


def block_columns(
    frame: pd.DataFrame, others: Sequence[str], keys: Sequence[str], method: str
) -> tuple[tuple[str, ...], list[str]]:
    """The columns of text that are blocks, and sentences about those that only name rows.

    A column that differs in every row, or in more than half of them without telling apart rows that
    are not told apart already, holds run names, times or hashes: as a block it would leave no pair.
    """
    text = [c for c in others if not _number(frame[c])]
    told = []
    for column in sorted(text, key=lambda c: -frame[c].nunique()):
        different = frame[column].nunique()
        if different <= len(frame) / 2 or not _splits_pairs(frame, column, method):
            continue
        rest = [c for c in text if c != column]
        if different < len(frame) and frame.duplicated([*keys, method, *rest]).any():
            continue
        text.remove(column)
        where = "every row" if different == len(frame) else f"{different} of {len(frame)} rows"
        told.append(
            f"Column {column} differs in {where}, so it names rows and was not used as a block "
            "(--block names the columns that are)."
        )
    return tuple(text), told


def _number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _splits_pairs(frame: pd.DataFrame, column: str, method: str) -> bool:
    """Whether most values of a column belong to one method alone."""
    return bool(frame.groupby(column, observed=True)[method].nunique().le(1).mean() > 0.5)
