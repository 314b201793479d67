"""The progress line names the step that runs when nothing trains; reruns say what they compare."""

from __future__ import annotations

import pytest

from afn.study.plan.describe import describe_plan, headline, undeclared
from afn.study.state import steps as module
from afn.study.state.repeat import announced, compared, kept
from afn.study.state.steps import Steps
from tests.records import write_run

BEGINS = """[Thu Nov 26 21:53:55 2026]
localrule {rule}:
    input: a, b
    output: c
    jobid: {job}
    reason: Missing output files: c

"""
ENDS = """[Thu Nov 26 21:55:09 2026]
Finished jobid: {job} (Rule: {rule})
12 of 14 steps (86%) done
"""
FAILS = """Error in rule {rule}:
    message: None
    jobid: {job}
    input: a
"""


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_the_steps_that_run_are_named_with_their_time(tmp_path, clock):
    log = tmp_path / "snakemake.log"
    steps = Steps(log)
    assert steps.words() == ""
    with log.open("w") as file:

        def add(text: str, **names) -> str:
            file.write(text.format(**names))
            file.flush()
            return steps.words()

        assert add(BEGINS, rule="train_seed0_to_9", job=4) == ""
        assert add(BEGINS, rule="propose_tuned_afn_0", job=5) == ", drawing trials (0:00)"
        assert add(ENDS, rule="propose_tuned_afn_0", job=5) == ""
        assert add(BEGINS, rule="figures", job=11) == ", drawing figures (0:00)"
        clock[0] += 72
        both = add(BEGINS, rule="tables", job=12)
        assert both == ", drawing figures (1:12), writing tables (0:00)"
        assert add(ENDS, rule="figures", job=11) == ", writing tables (0:00)"
        assert add(FAILS, rule="tables", job=12) == ""
        assert add("localrule report:\n    jobid: 1") == "", "half a line waits"
        assert add("3\n") == ", writing the page (0:00)"
        assert add(ENDS, rule="report", job=13) == add(BEGINS, rule="all", job=0) == ""


@pytest.fixture
def study(small, load, tmp_path, monkeypatch):
    loaded = load(small)
    monkeypatch.chdir(tmp_path)
    return loaded


def _write(folder, **changes) -> None:
    run = "/".join(folder.parts[-5:])
    write_run(folder, run, **{"fingerprint": "a", "train_seconds": 1.0, **changes})


def test_a_rerun_says_which_runs_and_whether_the_bits_are_equal(study):
    from afn.study.layout import StudyFolders

    runs = list(study.runs())[:4]
    folders = [StudyFolders(study.name).result(run).parent for run in runs]
    for folder in folders[:3]:
        _write(folder)
    told = announced(runs)
    assert told == ["training 4 runs again:", *(f"  {run.path}" for run in runs)]
    before = kept(study, runs)
    _write(folders[0], train_seconds=9.0)
    _write(folders[1], parameters=7)
    _write(folders[2], fingerprint="b")
    _write(folders[3])
    assert compared(runs, before, kept(study, runs)) == [
        "the new bits equal the old in 1 of 3 runs",
        f"  differs: {runs[1].path}",
        f"  differs: {runs[2].path} (it was made by other code)",
        "nothing to compare in 1 of 4 runs: no whole result before",
    ]
    assert compared([], {}, {}) == []


def test_many_runs_are_counted(study):
    told = announced(list(study.runs()))
    assert len(told) == 12
    assert told[-1] == f"  ... and {len(list(study.runs())) - 10} more"


def test_an_omitted_margin_is_told(small, load):
    study = load(small)
    (told,) = undeclared(study)
    assert "declares no margin: 1 point is taken" in told
    assert told in describe_plan(study)
    assert told in headline(study)
    small["plan"]["margin"] = 1.0
    assert undeclared(load(small)) == []
    del small["plan"]["margin"]
    small["plan"]["primary"] = []
    small["experiments"].pop("norms")
    assert undeclared(load(small)) == [], "nothing is decided by it"
