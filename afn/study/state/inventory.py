"""What exists of a study, what would be trained, and what would be trained again and why.

In: a `Study` and its folders. Out: lines of text. Called by ``python -m afn.study plan``, before an
edit's run. Reads every result, changes nothing.
"""

from __future__ import annotations

from collections import Counter

from afn.common.run_folder import Unusable
from afn.study.code.memory import difference
from afn.study.grid.cells import Cell, Study
from afn.study.layout import PREPARED, StudyFolders
from afn.study.state.gate import Admitted, Gate, Stale
from afn.study.state.trials import trial_results
from afn.study.waves.asked import asked_runs

EXISTS, NEW = "exist", "new"


def inventory(study: Study) -> list[str]:
    """A headline, and a line per reason for which something is trained again."""
    layout = StudyFolders(study.name)
    gate = Gate(layout.results, PREPARED)
    runs = Counter(
        _state(
            run.cell,
            gate.admit(run.cell, run.seed, layout.result(run).parent, sidecars=False),
            layout,
        )
        for run in asked_runs(study, layout.results)
    )
    trials = Counter(
        _state(study.cell(cell), found, layout)
        for group in study.searches()
        for cell, found in trial_results(group, layout.trials, gate.prepared, sidecars=False)
    )
    return _lines("results", runs) + (_lines("trials of searches", trials) if trials else [])


def _lines(what: str, states: Counter[str]) -> list[str]:
    again = {why: n for why, n in states.most_common() if why not in (EXISTS, NEW)}
    words = [f"{states[EXISTS]} exist, {states[NEW]} new"]
    words += [f"{sum(again.values())} would be trained again"] if again else []
    return [f"{what}: {', '.join(words)}", *(f"  {n}: {why}" for why, n in again.items())]


def _state(cell: Cell, found: Admitted | Unusable, layout: StudyFolders) -> str:
    if isinstance(found, Admitted):
        return EXISTS
    if isinstance(found, Stale):
        code = difference(cell, layout.codes, found.record["fingerprint"])
        reasons = {**found.differs, **({"code": code} if "code" in found.differs else {})}
        return "; ".join(reasons.values())
    return NEW if found.kind == "missing" else found.reason
