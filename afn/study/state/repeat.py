"""Runs that are trained again: which ones, and whether the new results equal the old to the bit.

In: a `Study`, and runs of it. Out: lines for the terminal. A result's seal is a hash of everything
in it but its times, so equal seals are equal bits. Called by the driver behind ``make rerun``.
"""

from __future__ import annotations

from afn.common import run_folder
from afn.common.run_folder import Result
from afn.study.grid.cells import Run, Study
from afn.study.layout import StudyFolders

TOLD = 10
"""Of so many runs each is named."""
Kept = dict[str, tuple[str, str]]
"""Run path -> seal and fingerprint of its result, of the runs that have a whole one."""


def kept(study: Study, runs: list[Run]) -> Kept:
    """What is known of the results of some runs."""
    layout, found = StudyFolders(study.name), {}
    for run in runs:
        result = run_folder.read(layout.result(run).parent)
        if isinstance(result, Result):
            found[run.path] = (result.record["seal"], str(result.record.get("fingerprint")))
    return found


def announced(runs: list[Run]) -> list[str]:
    """Which runs will be trained again."""
    head = f"training {len(runs)} run{'s' if len(runs) > 1 else ''} again:"
    more = [f"  ... and {len(runs) - TOLD} more"] if len(runs) > TOLD else []
    return [head, *(f"  {run.path}" for run in runs[:TOLD]), *more]


def compared(runs: list[Run], before: Kept, after: Kept) -> list[str]:
    """Whether the new results equal the old ones, and which do not."""
    there = [run.path for run in runs if run.path in before]
    same = [path for path in there if before[path][0] == after.get(path, ("",))[0]]
    lines = []
    if there:
        lines = [f"the new bits equal the old in {len(same)} of {len(there)} runs"]
    for path in sorted(set(there) - set(same)):
        code = before[path][1] != after.get(path, ("", ""))[1]
        lines.append(f"  differs: {path}{' (it was made by other code)' if code else ''}")
    alone = len(runs) - len(there)
    if alone:
        lines.append(f"nothing to compare in {alone} of {len(runs)} runs: no whole result before")
    return lines
