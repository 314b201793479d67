"""Re-hash every result of a study: is it what was written, and from the present code?

In: a `Study` and its folders. Out: a list of findings, empty where all is well. Called by
``python -m afn.study verify``.
"""

from __future__ import annotations

from pathlib import Path

from afn.common import run_folder
from afn.common.run_folder import Unusable
from afn.study.grid.cells import Run, Study
from afn.study.layout import Layout
from afn.study.state.progress import is_current
from afn.study.waves.asked import asked_runs


def verify(study: Study) -> tuple[int, list[str]]:
    """Return how many results are whole and current, and what is wrong with the others.

    In waves, of the runs that were asked for by now.
    """
    layout = Layout(study.name)
    runs = asked_runs(study, layout.results)
    findings = [found for run in runs if (found := finding(run, layout.result(run)))]
    return len(runs) - len(findings), findings


def finding(run: Run, path: Path) -> str:
    """What is wrong with the result of a run; "" where it is whole and current."""
    found = run_folder.read(path.parent)
    if isinstance(found, Unusable):
        return f"{found.kind}: {found.file}: {found.reason}"
    if not is_current(found.record, run):
        return f"stale: {path}: the result was made from other settings or code"
    return ""
