"""What the matrix of a study says of runs that are trained, or whose trainer was killed."""

from __future__ import annotations

import fcntl
import json
import time

from afn.study.grid.cells import Run
from afn.study.state.progress import Progress
from tests.common.test_leases import leave


def test_the_matrix_of_a_study_knows_the_living_from_the_killed(small, load, tmp_path, monkeypatch):
    study = load({**small, "seeds": 8})
    monkeypatch.chdir(tmp_path)
    cell = study.cells()[0]
    living, killed, failed = (Run(cell, seed).path for seed in range(3))
    progress = Progress(study, list(study.runs()))
    events = [
        # A day ago by its clock: an epoch may take so long, or the clock was set.
        {"time": 1.0, "run": living, "event": "epoch", "epoch": 1},
        {"time": 4e9, "run": killed, "event": "epoch", "epoch": 1},
        {"time": 1.0, "run": failed, "event": "failed", "epoch": 0, "reason": "disk full"},
    ]
    progress.layout.ledger.mkdir(parents=True)
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (progress.layout.ledger / "a.jsonl").write_text(lines)
    leave(progress.layout.store / killed)
    leave(progress.layout.store / living)
    with (progress.layout.store / living / "lease").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        states = progress.states()
    assert [states[path] for path in (living, killed, failed)] == ["running", "missing", "missing"]
    assert "ETA" not in progress.line(states), "no event tells how fast it is"
    troubles = progress.troubles(states)
    assert troubles.keys() == {killed, failed}
    assert troubles[killed].startswith("process 7 on node3 was killed")
    assert troubles[failed] == "its last attempt failed: disk full"


def test_the_ledger_says_whether_another_machine_trains(small, load, tmp_path, monkeypatch):
    study = load({**small, "seeds": 8})
    monkeypatch.chdir(tmp_path)
    new, old = (Run(study.cells()[0], seed).path for seed in range(2))
    progress = Progress(study, list(study.runs()))
    progress.layout.ledger.mkdir(parents=True)
    with (progress.layout.ledger / "a.jsonl").open("w") as file:
        for path, age in ((new, 1.0), (old, 3600.0)):
            event = {"time": time.time() - age, "run": path, "event": "epoch", "epoch": 1}
            file.write(json.dumps(event) + "\n")
            leave(progress.layout.store / path, host="node4")
    states = progress.states()
    assert (states[new], states[old]) == ("running", "missing")
    troubles = progress.troubles(states)
    assert troubles.keys() == {old}
    assert troubles[old].startswith("held by process 7 on node3, or killed there")
