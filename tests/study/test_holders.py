"""What the lease of a run tells about the process that had it."""

from __future__ import annotations

import fcntl
import json
import time

import pytest

from afn.study import holders
from afn.study.grid import Run
from afn.study.progress import Progress


def leave(folder, **changed) -> None:
    """The lease of a process that was killed."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = {**json.loads(holders.mark("process 7 on node3")), **changed}
    (folder / "lease").write_text(json.dumps(mark))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "kill -9; the kernel ended no process for want of memory"),
        ({"oom_kills": 3}, "the kernel ended 2 process(es) of this machine for want of memory, so"),
        ({"oom_kills": None}, "(no message: out of memory, or kill -9)"),
        ({"boot": "another"}, "the machine was started again since"),
    ],
)
def test_how_a_process_was_killed(tmp_path, changed, told, monkeypatch):
    # Not the machine's: another process may be killed for memory meanwhile.
    monkeypatch.setattr(holders, "_oom_kills", lambda: 5)
    leave(tmp_path, **changed)
    trouble = holders.trouble(tmp_path, "an older failure")
    assert trouble.startswith("process 7 on node3 was killed (no message")
    assert told in trouble


def test_who_holds_the_lease_is_alive(tmp_path):
    leave(tmp_path)
    with (tmp_path / "lease").open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert holders.is_held(tmp_path) is True
        assert holders.trouble(tmp_path, "disk full") == "a process trains it now"
    assert holders.is_held(tmp_path) is False


def test_of_another_machine_it_is_not_said_that_the_process_was_killed(tmp_path):
    """Its lock may be there and not be seen here."""
    leave(tmp_path, who="process 7 on node4", host="node4")
    assert holders.is_held(tmp_path) is None
    assert holders.trouble(tmp_path, "an older failure") == (
        "held by process 7 on node4, or killed there "
        "(no message: out of memory, kill -9, or the end of node4)"
    )
    with (tmp_path / "lease").open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as seen where locks do go from machine to machine
        assert holders.is_held(tmp_path) is True
        assert holders.trouble(tmp_path, "") == "a process trains it now"
        file.truncate(0)
    assert holders.is_held(tmp_path) is False
    assert holders.trouble(tmp_path, "disk full") == "its last attempt failed: disk full"


@pytest.mark.parametrize("text", ["", "process 7 on node3\n", "[]", "\x00", '{"who'])
def test_a_lease_that_says_nothing_says_nothing(tmp_path, text):
    (tmp_path / "lease").write_text(text)
    assert holders.trouble(tmp_path, "") == ""
    assert holders.trouble(tmp_path, "disk full") == "its last attempt failed: disk full"
    assert holders.is_held(tmp_path / "nowhere") is None
    assert holders.trouble(tmp_path / "nowhere", "") == ""


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
