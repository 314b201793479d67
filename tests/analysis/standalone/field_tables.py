"""Small tables for the tests of faults from the field."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.standalone.checking import checked
from analysis.standalone.compare import Plan, compare
from analysis.standalone.reading import read_table
from analysis.standalone.supplementary import notes

FAULTS = Path(__file__).with_name("faults")
NAMES = ("method", "seed", "status", "dataset")


def read(name: str) -> pd.DataFrame:
    return read_table(str(FAULTS / f"{name}.csv"), NAMES, ("accuracy",)).frame


def plan(**given) -> Plan:
    return Plan(**{"baseline": "a", "metric": "accuracy"} | given)


def told(frame: pd.DataFrame, asked: Plan) -> str:
    table = checked(frame, asked)
    return "\n".join(notes(table, asked, compare(frame, asked), 0))


def arms(n=6, names=("a", "b"), blocks=("x", "y"), gap=0.6) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rows = [
        {"method": m, "dataset": d, "seed": s, "accuracy": round(base + i * gap + rng.normal(), 2)}
        for d in blocks
        for s in range(n)
        for base in [70 + 3 * rng.normal()]
        for i, m in enumerate(names)
    ]
    return pd.DataFrame(rows)


def written(frame: pd.DataFrame, tmp_path, name="scores.csv", **how) -> str:
    path = tmp_path / name
    frame.to_csv(path, index=False, **how)
    return str(path)


def through_a_file(frame: pd.DataFrame, tmp_path, **how) -> pd.DataFrame:
    return read_table(written(frame, tmp_path, **how), NAMES, ("accuracy",)).frame
