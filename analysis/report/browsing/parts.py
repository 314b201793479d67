"""What readers open and filter on the page, put together: cells, images, toolbox.

In: the loaded study, and the folders beside its results: stored runs (predictions), logs, prepared
data. Out: what the page's template asks for. Called by `analysis.report.page`. Up to `FOLDED` cells
are folded into the page; those of a larger study are files beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.display.table import Table
from analysis.inputs import Inputs
from analysis.report.browsing import cells, images, toolbox
from analysis.report.browsing.answers import CleanAnswers

FOLDED = 60
"""Cells that fit into the page; those of a larger study stand beside it."""


@dataclass
class Folders:
    """Where the files beside the results lie; None where they are not given."""

    runs: Path | None = None
    logs: Path | None = None
    data: Path | None = None


def parts(
    inputs: Inputs, folders: Folders, study_file: str, output: Path
) -> tuple[dict[str, Any], Table | None]:
    """What the template shows of cells and toolbox, and the table of images; writes the files of
    cells that stand beside the page ``output``."""
    told = CleanAnswers(inputs, folders.runs, folders.data)
    apart = images.differing(inputs, told)
    entries = cells.entries(inputs, told, apart, folders.logs, study_file)
    beside = len(entries) > FOLDED
    cells.write_beside(inputs, entries if beside else [], output.parent)
    shown = {
        "cells": entries,
        "beside": beside,
        "evidence": cells.behind(inputs),
        "toolbox": toolbox.choices(inputs),
    }
    return shown, images.table(inputs, apart, [cells.pictures(own, beside) for own in apart])
