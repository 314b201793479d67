"""The studies that this repository ships, by name: a file of a user's own beside them is no test's
business. docs/tasks.md has a row for each (tests/studies/test_tasks_page.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STUDIES = [
    "ablations_cifar10",
    "digits_small",
    "table1_digits",
    "table2_cifar10_c",
    "table3_pacs_single",
    "table4_pacs_multi",
    "table5_cifar10",
    "table6_cifar100",
]
"""Those in the folder studies/."""


def shipped(name: str) -> Path:
    """The file of one of `STUDIES`."""
    return ROOT / "studies" / f"{name}.yaml"


FILES = [ROOT / "config.yaml", *map(shipped, STUDIES)]
"""All study files, the default study's first."""


def each(files: list[Path]) -> list:
    """Parameters of a test or a fixture, one for each file; a failing test names the file."""
    return [
        pytest.param(file, id=file.stem, marks=pytest.mark.about(file.relative_to(ROOT)))
        for file in files
    ]
