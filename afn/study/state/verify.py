"""Put every result of a study through the gate: is it whole, and of the present study and code?

In: a `Study` and its folders. Out: a list of findings, empty where all is well. Called by
``python -m afn.study verify``.
"""

from __future__ import annotations

from dataclasses import replace

from afn.common.errors import StudyError
from afn.common.run_folder import Unusable
from afn.study.grid.cells import Run, Study
from afn.study.layout import PREPARED, StudyFolders
from afn.study.state.gate import Admitted, Gate
from afn.study.state.trials import choice_findings, trial_results
from afn.study.waves.asked import asked_runs, runs_by


def verify(study: Study) -> tuple[int, list[str], list[str]]:
    """How many results of runs are admitted; what is wrong with the others, and with trials; notes.

    A note names a task whose prepared data are not there: its scores were not computed again.
    """
    layout = StudyFolders(study.name)
    runs = followed(study)
    gate = Gate(layout.results, PREPARED)
    # One after the other: what the gate admits holds all predictions of its run.
    found = (gate.admit(run.cell, run.seed, layout.result(run).parent) for run in runs)
    findings = [_line(result) for result in found if isinstance(result, Unusable)]
    whole = len(runs) - len(findings)
    for group in study.searches():
        trials = [
            (name, replace(t, sidecars={}, right={}) if isinstance(t, Admitted) else t)
            for name, t in trial_results(group, layout.trials, gate.prepared)
        ]
        # A trial that was never trained is no fault: its search may not have come to it.
        there = [t for _, t in trials if isinstance(t, Unusable) and t.kind != "missing"]
        findings += [_line(trial) for trial in there]
        findings += choice_findings(group, layout.results, trials)
    notes = [f"note: no score was computed again: {reason}" for reason in gate.absent.values()]
    return whole, findings, notes


def followed(study: Study) -> list[Run]:
    """The runs that a study asks for by now; those of the first wave where a look is damaged.

    What is damaged is a finding about that look (`afn.study.state.looked`), not the end of all.
    """
    try:
        return asked_runs(study, StudyFolders(study.name).results)
    except StudyError:
        return runs_by(study, [])


def _line(found: Unusable) -> str:
    return f"{found.kind}: {found.file}: {found.reason}"
