"""What exists of a study, what would be trained, and what would be trained again and why.

In: a `Study` and its folders. Out: lines of text. Called by ``python -m afn.study plan``, before an
edit's run. Reads every result, changes nothing.
"""

from __future__ import annotations

import json
from collections import Counter

from afn.common import run_folder
from afn.common.canonical import canonical_json
from afn.common.run_folder import Unusable
from afn.study.code.fingerprint import run_fingerprint
from afn.study.code.memory import difference
from afn.study.grid.cells import Cell, Run, Study
from afn.study.layout import Layout
from afn.study.search.groups import spec_of
from afn.study.waves.asked import asked_runs

EXISTS, NEW = "exist", "new"
_SHOWN = 60
"""Characters of a value in a reason."""


def inventory(study: Study) -> list[str]:
    """A headline, and a line per reason for which something is trained again."""
    layout = Layout(study.name)
    wanted = asked_runs(study, layout.results)
    lines = _lines("results", Counter(_state(run, layout) for run in wanted))
    trials = Counter(
        _state_of_trial(cell, folder, layout)
        for group in study.searches()
        for number in range(len(group.rounds))
        for rung, slots in enumerate(group.slots(number))
        for slot in range(slots)
        for path in group.cells
        for cell in [study.cell(path)]
        for seed in group.seeds
        for folder in [f"{group.slot_cell(path, number, rung, slot)}/seed{seed}"]
    )
    return lines + (_lines("trials of searches", trials) if trials else [])


def _lines(what: str, states: Counter[str]) -> list[str]:
    again = {why: n for why, n in states.most_common() if why not in (EXISTS, NEW)}
    words = [f"{states[EXISTS]} exist, {states[NEW]} new"]
    words += [f"{sum(again.values())} would be trained again"] if again else []
    return [f"{what}: {', '.join(words)}", *(f"  {n}: {why}" for why, n in again.items())]


def _state(run: Run, layout: Layout) -> str:
    found = run_folder.read(layout.result(run).parent, sidecars=False)
    if isinstance(found, Unusable):
        return NEW if found.kind == "missing" else found.reason
    wanted = spec_of(run.cell, layout.results)
    if wanted is None:
        return f"the search {run.cell.search} has not ended"
    reasons = []
    recorded = found.record.get("spec")
    spec = {k: v for k, v in recorded.items() if k != "seed"} if isinstance(recorded, dict) else {}
    if canonical_json(spec) != wanted:
        reasons.append("other settings" + _first_difference(spec, wanted))
    return "; ".join([*reasons, *_code(run.cell, found.record, layout)]) or EXISTS


def _state_of_trial(cell: Cell, path: str, layout: Layout) -> str:
    statuses = run_folder.STATUSES
    found = run_folder.read(layout.trials / path, statuses=statuses, sidecars=False)
    if isinstance(found, Unusable):
        return NEW if found.kind == "missing" else found.reason
    if found.record["status"] == "empty":
        return EXISTS
    return "; ".join(_code(cell, found.record, layout)) or EXISTS


def _code(cell: Cell, record: dict, layout: Layout) -> list[str]:
    made_by = record.get("fingerprint")
    same = made_by == run_fingerprint(cell)
    return [] if same else [difference(cell, layout.codes, made_by)]


def _first_difference(before: dict, text: str) -> str:
    """The first option that differs between a recorded specification and the wanted one."""
    old, new = _flat(before), _flat(json.loads(text))
    for key in sorted(old.keys() | new.keys()):
        values = [repr(side.get(key, "nothing"))[:_SHOWN] for side in (old, new)]
        if values[0] != values[1]:
            return f" ({key}: {values[0]} became {values[1]})"
    return ""


def _flat(value: object, key: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {key: value}
    found: dict[str, object] = {}
    for name, inner in value.items():
        found |= _flat(inner, f"{key}.{name}" if key else str(name))
    return found
