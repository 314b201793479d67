"""The accuracies that the paper prints, and whether its averages are those of its own cells.

In: accuracies.csv beside this file (its source is in README.md). Out: tidy frames.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

TABLE = Path(__file__).with_name("accuracies.csv")
ROW = ["table", "benchmark", "setting", "backbone", "method"]
ROUNDING = 0.1
"""Cells and their average are printed to 0.1: each is off by 0.05 at most, so both by 0.1."""


def accuracies() -> pd.DataFrame:
    """One row per printed number, in percent; nan where the paper prints nan."""
    return pd.read_csv(TABLE)


def averages() -> pd.DataFrame:
    """Every printed average beside the mean of its own cells.

    Returns
    -------
    DataFrame
        The columns of a row of the paper, ``printed``, ``computed`` and ``agrees``: no rounding
        to 0.1 of cells and average can explain a larger difference.
    """
    table = accuracies()
    average = table["condition"] == "average"
    printed = table[average].set_index(ROW)["accuracy"].rename("printed")
    computed = table[~average].groupby(ROW, sort=False)["accuracy"].mean().rename("computed")
    found = printed.to_frame().join(computed)
    found["agrees"] = (found["printed"] - found["computed"]).abs() <= ROUNDING + 1e-9
    return found.reset_index()
