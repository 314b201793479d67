"""Training curves of many runs as one long table.

In: the text of ``history.csv`` of each run. Out: history.parquet, one row per run, epoch, quantity
and layer. Called while runs are collected. Read by hand, column by column: a data frame for each of
ten thousand small files would cost more than everything else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from afn.study.state.gate import Admitted
from analysis.results.scores import CELL, RUN

TYPES = {
    **dict.fromkeys(CELL, "str"),
    **dict.fromkeys(["seed", "epoch"], "int64"),
    **dict.fromkeys(["quantity", "layer"], "str"),
    "value": "float64",
}


class Histories:
    """The curves of the runs that were added so far."""

    def __init__(self) -> None:
        self._runs: list[list[Any]] = []
        self._columns: dict[str, list[tuple[int, np.ndarray]]] = {}

    def add(self, run: dict[str, Any], found: Admitted) -> str:
        """Take the history of a run; says what is wrong with it, "" where nothing is."""
        try:
            lines = found.sidecars["history.csv"].decode().splitlines()
            names, rows = lines[0].split(","), [line.split(",") for line in lines[1:]]
            values = np.array([[float(value or "nan") for value in row] for row in rows]).T
            if len(values) != len(names) or len(set(names)) != len(names):
                raise ValueError(f"{len(values)} values in a row, {len(names)} columns")
        except ValueError as error:
            return f"its history.csv cannot be read ({error})"
        if list(values[0]) != list(range(1, len(rows) + 1)):
            return "its history.csv does not have every epoch once"
        for name, column in zip(names[1:], values[1:], strict=True):
            self._columns.setdefault(name, []).append((len(self._runs), column))
        self._runs.append([run[key] for key in RUN])
        return ""

    def table(self) -> pd.DataFrame:
        """One row per (run, epoch, quantity, layer).

        ``lambda_mu:blocks.0.norm1`` is quantity ``lambda_mu`` of that layer; a quantity of the
        whole network has layer "". Values that are not there are left out.
        """
        parts: list[tuple] = []
        for name, curves in self._columns.items():
            quantity, _, layer = name.partition(":")
            value = np.concatenate([curve for _, curve in curves])
            of = np.repeat([number for number, _ in curves], [len(c) for _, c in curves])
            epoch = np.concatenate([np.arange(1, len(curve) + 1) for _, curve in curves])
            there = ~np.isnan(value)
            count = int(there.sum())
            parts.append(
                (of[there], epoch[there], [quantity] * count, [layer] * count, value[there])
            )
        if not parts:
            return pd.DataFrame(columns=list(TYPES)).astype(TYPES)
        runs, epochs, quantities, layers, values = (
            np.concatenate([np.asarray(part[k], object if k in (2, 3) else None) for part in parts])
            for k in range(5)
        )
        table = {
            key: np.array([run[k] for run in self._runs], object)[runs] for k, key in enumerate(RUN)
        }
        rest = {"epoch": epochs, "quantity": quantities, "layer": layers, "value": values}
        return pd.DataFrame({**table, **rest}).astype(TYPES)
