"""One line of the table, and how shares and means become lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.stats.sequential.calibration import DEFAULT_LOOKS, LookSchedule

ALPHA = 0.05
LOOKS = DEFAULT_LOOKS
SCHEDULE = LookSchedule(LOOKS)
CHUNK = 20_000
"""Studies that are held at once."""


@dataclass(frozen=True)
class Row:
    """What was simulated, what came out with its standard error, what it should be."""

    what: str
    design: str
    value: float
    error: float
    studies: int
    expected: str

    def __str__(self) -> str:
        digits = 4 if self.error < 0.01 else 3
        found = f"{self.value:.{digits}f} +- {self.error:.{digits}f}"
        return f"{self.what:<62} {self.design:<34} {found:<19} expected {self.expected}"


def share(what: str, design: str, hits: np.ndarray, expected: str) -> Row:
    """A share of studies; the error of 0 and 1 is that of one hit."""
    n, value = len(hits), float(np.mean(hits))
    error = float(np.sqrt(max(value * (1 - value), 1 / n) / n))
    return Row(what, design, value, error, n, expected)


def average(what: str, design: str, values: np.ndarray, expected: str) -> Row:
    """A mean over studies."""
    n = len(values)
    error = float(np.std(values) / np.sqrt(n)) if n else float("nan")
    return Row(what, design, float(np.mean(values)) if n else float("nan"), error, n, expected)


def middle(what: str, design: str, values: np.ndarray, expected: str) -> Row:
    """A median over studies, with the error that the order statistics around it give."""
    n = len(values)
    low, high = np.quantile(values, [0.5 - 0.5 / np.sqrt(n), 0.5 + 0.5 / np.sqrt(n)])
    return Row(what, design, float(np.median(values)), float(high - low) / 2, n, expected)


def chunks(studies: int) -> Iterator[int]:
    """Sizes of the parts in which studies are simulated."""
    for start in range(0, studies, CHUNK):
        yield min(CHUNK, studies - start)
