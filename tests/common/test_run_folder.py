"""The one reader and the one writer of the folder of a run."""

from __future__ import annotations

import json
import os

import pytest

from afn.common.canonical import sealed
from afn.common.run_folder import STATUSES, Result, Unusable, read, write_result

RECORD = {"status": "finished", "accuracy": 0.5, "step_ms": 1.0, "train_seconds": 2.0}
FILES = {"history.csv": b"a\n1\n", "predictions.npz": b"zip"}


def test_the_seal_covers_everything_but_times():
    seal = sealed(RECORD)["seal"]
    assert sealed({**RECORD, "step_ms": 9.0, "train_seconds": 9.0})["seal"] == seal
    assert sealed({**RECORD, "accuracy": 0.6})["seal"] != seal
    assert sealed(sealed(RECORD)) == sealed(RECORD)


def test_results_round_trip_and_replace_each_other(tmp_path):
    write_result(tmp_path, RECORD, FILES)
    assert read(tmp_path).sidecars == FILES
    assert read(tmp_path).record["accuracy"] == 0.5
    assert read(tmp_path, sidecars=False).sidecars == {}
    write_result(tmp_path, RECORD, {"history.csv": b""})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["history.csv", "result.json"]
    assert read(tmp_path).sidecars == {"history.csv": b""}


@pytest.mark.parametrize("file", ["result.json", "history.csv", "predictions.npz"])
@pytest.mark.parametrize("how", ["missing", "empty", "changed"])
def test_damage_is_seen(tmp_path, file, how):
    write_result(tmp_path, RECORD, FILES)
    path = tmp_path / file
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.write_bytes(path.read_bytes().replace(b"0.5", b"0.6").replace(b"z", b"y") + b"\n\n0")
    assert isinstance(read(tmp_path), Unusable)


def test_a_failure_in_the_middle_leaves_no_result(tmp_path, monkeypatch):
    write_result(tmp_path, RECORD, FILES)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_result(tmp_path, {**RECORD, "accuracy": 0.7}, FILES)
    assert isinstance(read(tmp_path), Unusable)
    assert not (tmp_path / "result.json").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def _spoiled(folder, **changed):
    write_result(folder, RECORD, FILES)
    path = folder / "result.json"
    path.write_text(json.dumps(sealed({**json.loads(path.read_text()), **changed})))
    return read(folder)


@pytest.mark.parametrize(
    ("changed", "kind", "reason"),
    [
        ({"status": "stopped"}, "status", "has status 'stopped', not finished or diverged"),
        ({"status": ["finished"]}, "status", "has status"),
        ({"files": None}, "unreadable", "does not name its files"),
        ({"files": {"../x": "0"}}, "sidecar", "lies elsewhere"),
        ({"files": {"x\0": "0"}}, "sidecar", "is not there"),
        ({"files": {"..": "0"}}, "sidecar", "is not there"),
        ({"files": {"history.csv": 7}}, "sidecar", "history.csv is damaged"),
    ],
)
def test_a_sealed_result_that_is_of_no_use_says_why(tmp_path, changed, kind, reason):
    found = _spoiled(tmp_path, **changed)
    assert found.kind == kind
    assert reason in str(found)


@pytest.mark.parametrize(
    "text", ["", "{", "7", "[]", "null", "[" * 100_000, "\ud800", '{"a": NaN}']
)
def test_whatever_lies_there_is_no_error(tmp_path, text):
    (tmp_path / "result.json").write_bytes(text.encode(errors="surrogatepass"))
    assert isinstance(read(tmp_path), Unusable)


def test_a_result_without_a_seal_is_not_used(tmp_path):
    write_result(tmp_path, RECORD, FILES)
    path = tmp_path / "result.json"
    record = json.loads(path.read_text())
    del record["seal"]
    path.write_text(json.dumps(record))
    assert read(tmp_path).kind == "changed"


@pytest.mark.parametrize("status", STATUSES)
def test_a_caller_says_which_statuses_it_can_use(tmp_path, status):
    write_result(tmp_path, {**RECORD, "status": status}, {})
    assert isinstance(read(tmp_path, statuses=(status,)), Result)
    others = tuple(other for other in STATUSES if other != status)
    assert read(tmp_path, statuses=others).kind == "status"
