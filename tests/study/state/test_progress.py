from __future__ import annotations

import json
import time

import pytest

from afn.common.canonical import sealed
from afn.common.files import sha256_of
from afn.study.code.fingerprint import run_fingerprint
from afn.study.state.progress import Ledger, Progress, format_seconds, matrix
from afn.study.state.verify import verify


@pytest.fixture
def study(small, load, tmp_path, monkeypatch):
    loaded = load({**small, "seeds": 8})
    monkeypatch.chdir(tmp_path)
    return loaded


def _write_result(progress: Progress, run, **changes) -> None:
    path = progress.layout.result(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / "history.csv").write_text("epoch\n1\n")
    result = {
        "status": "finished",
        "spec": json.loads(run.cell.spec()),
        "fingerprint": run_fingerprint(run.cell),
        "files": {"history.csv": sha256_of(path.parent / "history.csv")},
        **changes,
    }
    path.write_text(json.dumps(sealed(result)))


def _write_events(progress: Progress, *events: dict, tail: str = "") -> None:
    folder = progress.layout.ledger
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "host-1-2.jsonl").open("a") as file:
        file.write("".join(json.dumps(event) + "\n" for event in events) + tail)


def test_each_run_has_the_state_that_its_files_say(study):
    runs = list(study.runs())
    progress = Progress(study, runs)
    _write_result(progress, runs[0])
    _write_result(progress, runs[1], status="diverged")
    _write_result(progress, runs[2], fingerprint="0")
    event = {"time": time.time(), "run": runs[3].path, "event": "epoch", "epoch": 1}
    _write_events(progress, event)
    states = progress.states()
    expected = ["finished", "diverged", "stale", "running", "missing"]
    assert [states[run.path] for run in runs[:5]] == expected
    assert matrix(study, states).splitlines()[0].endswith("#x~>....")
    line = progress.line(states)
    assert "2/48 runs (1 diverged)" in line
    assert "ETA" in line
    _write_result(progress, runs[2])
    assert progress.states()[runs[2].path] == "finished"


def test_the_time_left_is_epochs_left_by_rate(study):
    runs = list(study.runs())
    progress = Progress(study, runs)
    now = time.time()
    event = {"run": runs[0].path, "event": "epoch"}
    events = [{**event, "time": now - 10 + k, "epoch": k} for k in range(1, 11)]
    _write_events(progress, *events)
    progress.states()
    assert progress.rate() == pytest.approx(10 / 9, rel=0.1)


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
def test_a_clock_that_is_set_while_we_look_on_bends_no_rate(study, monkeypatch, jump):
    runs = list(study.runs())
    progress = Progress(study, runs, since=time.time())
    true, now = time.time, [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress.states()
    monkeypatch.setattr(time, "time", lambda: true() + jump)
    for k in range(1, 11):
        now[0] += 1
        event = {"run": runs[0].path, "event": "epoch", "epoch": k, "time": time.time()}
        _write_events(progress, event)
        progress.states()
    assert progress.rate() == pytest.approx(1.0, rel=0.2)
    # Who looks for the first time after the clock was set back learns nothing from the future.
    monkeypatch.setattr(time, "time", lambda: true() + jump - 86_400)
    late = Progress(study, runs)
    states = late.states()
    assert late.rate() == 0
    assert "ETA" not in late.line(states)


def test_a_half_written_line_waits_for_its_end(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"event": "epoch"}\n{"event": "fin')
    ledger = Ledger(tmp_path)
    assert ledger.poll() == [{"event": "epoch"}]
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write('ished"}\nnot json\n')
    assert ledger.poll() == [{"event": "finished"}]
    assert ledger.poll() == []


def test_verify_finds_what_is_missing_damaged_or_stale(study):
    runs = list(study.runs())
    progress = Progress(study, runs)
    for run in runs:
        _write_result(progress, run)
    assert verify(study) == (48, [])
    folders = [progress.layout.result(run).parent for run in runs]
    (folders[0] / "result.json").unlink()
    (folders[1] / "result.json").write_text("{")
    (folders[2] / "history.csv").write_text("epoch\n2\n")
    (folders[3] / "history.csv").unlink()
    _write_result(progress, runs[4], fingerprint="0")
    better = json.loads((folders[5] / "result.json").read_text()) | {"status": "diverged"}
    (folders[5] / "result.json").write_text(json.dumps(better))
    whole, findings = verify(study)
    assert whole == 42
    told = [
        ("missing", "result.json", "there is no result"),
        ("unreadable", "result.json", "cannot be read"),
        ("sidecar", "history.csv", "its sha256 differs"),
        ("sidecar", "history.csv", "is not there"),
        ("stale", "result.json", "made from other settings or code"),
        ("changed", "result.json", "its seal does not fit"),
    ]
    for finding, folder, (kind, file, reason) in zip(findings, folders, told, strict=False):
        assert finding.startswith(f"{kind}: {folder / file}: ")
        assert reason in finding
    assert len(findings) == 6


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (75, "1:15"), (3700, "1:01:40")])
def test_seconds_are_written_as_clocks_do(seconds, text):
    assert format_seconds(seconds) == text
