from __future__ import annotations

import json
import time

import pytest

from afn.common.canonical import sealed
from afn.study.code.fingerprint import run_fingerprint
from afn.study.layout import PREPARED
from afn.study.state.progress import FollowedLedger, Progress, format_seconds, matrix
from afn.study.state.verify import verify
from analysis.results.collect import last_failures
from tests.records import CLEAN, DATA, write_labels, write_run


@pytest.fixture
def study(small, load, tmp_path, monkeypatch):
    loaded = load({**small, "seeds": 8})
    monkeypatch.chdir(tmp_path)
    return loaded


def _write_result(progress: Progress, run, **changes) -> None:
    made_by = {"fingerprint": run_fingerprint(run.cell), **changes}
    write_run(progress.layout.result(run).parent, run.path, run.cell.spec(), **made_by)


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
    event = {"time": time.time(), "run": runs[3].path, "epoch": 1}
    _write_events(progress, {**event, "event": "start"}, {**event, "event": "epoch"})
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
    assert progress.rate() == pytest.approx(1.0, rel=0.1)


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
    ledger = FollowedLedger(tmp_path)
    assert ledger.poll() == [{"event": "epoch"}]
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write('ished"}\nnot json\n')
    assert ledger.poll() == [{"event": "finished"}]
    assert ledger.poll() == []


def test_what_is_no_file_in_the_ledger_ends_nobody(tmp_path):
    (tmp_path / "a.jsonl").symlink_to("a.jsonl")
    (tmp_path / "b.jsonl").mkdir()
    (tmp_path / "c.jsonl").write_bytes(b'{"event": "epoch"}\n' + b"[" * 100_000 + b"\n")
    assert FollowedLedger(tmp_path).poll() == [{"event": "epoch"}]
    assert last_failures(tmp_path) == {}


def test_verify_finds_what_is_missing_damaged_or_stale(study):
    runs = list(study.runs())
    progress = Progress(study, runs)
    for run in runs:
        _write_result(progress, run)
    whole, findings, notes = verify(study)
    assert (whole, findings) == (48, [])
    assert notes[0].startswith("note: no score was computed again: data/prepared/digits8x8/")
    folders = [progress.layout.result(run).parent for run in runs]
    (folders[0] / "result.json").unlink()
    (folders[1] / "result.json").write_text("{")
    (folders[2] / "history.csv").write_text("epoch\n2\n")
    (folders[3] / "history.csv").unlink()
    _write_result(progress, runs[4], fingerprint="0")
    better = json.loads((folders[5] / "result.json").read_text()) | {"status": "diverged"}
    (folders[5] / "result.json").write_text(json.dumps(better))
    whole, findings, _ = verify(study)
    assert whole == 42
    told = [
        ("missing", "result.json", "there is no result"),
        ("unreadable", "result.json", "cannot be read"),
        ("sidecar", "history.csv", "its sha256 differs"),
        ("sidecar", "history.csv", "is not there"),
        ("stale", "result.json", "the result was made from other code (0, now "),
        ("changed", "result.json", "its seal does not fit"),
    ]
    for finding, folder, (kind, file, reason) in zip(findings, folders, told, strict=False):
        assert finding.startswith(f"{kind}: {folder / file}: ")
        assert reason in finding
    assert len(findings) == 6


def test_verify_computes_every_score_again(study):
    from afn.common.files import sha256_of

    manifest = write_labels(PREPARED / "digits8x8", [*CLEAN, ("noise", 1)])
    progress, (first, second, third, *rest) = Progress(study, []), list(study.runs())
    right = {"data": sha256_of(manifest), "tests": [*CLEAN, ("noise", 1)]}
    for run in rest:
        _write_result(progress, run, **right)
    _write_result(progress, first, **right, accuracy=0.25)
    path = progress.layout.result(first)
    record = json.loads(path.read_text())
    record["evaluations"][1]["accuracy"] = 0.5
    path.write_text(json.dumps(sealed(record)))
    _write_result(progress, second, **(right | {"tests": CLEAN}))
    _write_result(progress, third, **(right | {"data": DATA}))
    whole, findings, notes = verify(study)
    assert (whole, notes) == (45, [])
    assert [finding.partition(":")[0] for finding in findings] == ["scores", "untrue", "stale"]
    assert "are right in 0.250000 of the prepared images, but it recorded 0.5" in findings[0]
    assert "lacks 2 declared evaluations, such as running/test/noise/1" in findings[1]
    assert "from other prepared data than those there are" in findings[2]
    assert Progress(study, [third]).states() == {third.path: "stale"}


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (75, "1:15"), (3700, "1:01:40")])
def test_seconds_are_written_as_clocks_do(seconds, text):
    assert format_seconds(seconds) == text
