"""The private store, the lease, the ledger and the files of a result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from afn.common.canonical import sealed
from afn.common.errors import StudyError
from afn.common.ledger import Ledger
from afn.training.job.lease import lease
from afn.training.job.record import history_csv, predictions_npz
from afn.training.job.store import RunName, Store, read_result, write_result
from tests.training.conftest import ROOT

RUN = RunName("t", "b", "afn+lambda_init=-5", "r", 0)
RECORD = {"accuracy": 0.5, "step_ms": 1.0, "train_seconds": 2.0}
FILES = {"history.csv": b"a\n1\n", "predictions.npz": b"zip"}


def test_a_run_is_named_by_its_path():
    path = f"results/s/runs/{RUN}/result.json"
    assert RunName.of(path) == RUN
    assert str(RUN) == "t/b/afn+lambda_init=-5/r/seed0"
    for wrong in ("seed0/result.json", "t/b/n/r/seed/result.json", "t/b/n/r/seed0/history.csv"):
        with pytest.raises(StudyError, match="seed<k>"):
            RunName.of(wrong)


def test_the_seal_covers_everything_but_times():
    seal = sealed(RECORD)["seal"]
    assert sealed({**RECORD, "step_ms": 9.0, "train_seconds": 9.0})["seal"] == seal
    assert sealed({**RECORD, "accuracy": 0.6})["seal"] != seal
    assert sealed(sealed(RECORD)) == sealed(RECORD)


def test_results_round_trip_and_replace_each_other(tmp_path):
    write_result(tmp_path, RECORD, FILES)
    record, files = read_result(tmp_path)
    assert files == FILES
    assert record["accuracy"] == 0.5
    write_result(tmp_path, RECORD, {"history.csv": b""})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["history.csv", "result.json"]
    assert read_result(tmp_path)[1] == {"history.csv": b""}


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
    assert read_result(tmp_path) is None


def test_a_failure_in_the_middle_leaves_no_result(tmp_path, monkeypatch):
    write_result(tmp_path, RECORD, FILES)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_result(tmp_path, {**RECORD, "accuracy": 0.7}, FILES)
    assert read_result(tmp_path) is None
    assert not (tmp_path / "result.json").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_the_store_gives_back_only_what_fits_the_stamp(tmp_path):
    store = Store(tmp_path, RUN)
    assert store.finished({"spec": 1}) is None
    store.finish({"spec": 1}, RECORD, FILES)
    assert store.finished({"spec": 1})[0]["accuracy"] == 0.5
    assert store.finished({"spec": 2}) is None
    assert Store(tmp_path, RunName("t", "b", "n", "r", 0)).finished({"spec": 1}) is None
    (store.folder / "finished" / "stamp.json").unlink()
    assert store.finished({"spec": 1}) is None


HOLD = textwrap.dedent("""
    import sys, pathlib
    from afn.training.job.lease import lease
    with lease(pathlib.Path(sys.argv[1]), print):
        print("held", flush=True)
        sys.stdin.readline()
""")


def holder(folder) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lease_is_waited_for_and_free_after_a_kill(tmp_path):
    process = holder(tmp_path)
    said = []

    def say(line):
        said.append(line)
        process.kill()  # it can only be us who waits now

    with lease(tmp_path, say):
        pass
    process.wait()
    assert len(said) == 1
    assert f"process {process.pid} on" in said[0]
    with lease(tmp_path, said.append):
        pass
    assert len(said) == 1


def test_a_lease_in_a_store_that_was_removed_is_taken_anew(tmp_path):
    process = holder(tmp_path / "run")

    def say(line):
        (tmp_path / "run" / "lease").unlink()
        process.kill()

    with lease(tmp_path / "run", say):
        text = (tmp_path / "run" / "lease").read_text()
        assert f"process {os.getpid()} on" in text
    process.wait()


def test_the_ledger_is_lines_of_json(tmp_path):
    first, second = Ledger(tmp_path / "ledger"), Ledger(tmp_path / "ledger")
    first.write("run", "start", 0)
    second.write("other", "emitted", 5)
    first.write("run", "epoch", 1)
    files = sorted((tmp_path / "ledger").iterdir())
    assert len(files) == 2
    assert all(f"-{os.getpid()}-" in file.name for file in files)
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert {(e["run"], e["event"], e["epoch"]) for e in lines} == {
        ("run", "start", 0),
        ("other", "emitted", 5),
        ("run", "epoch", 1),
    }
    assert all(set(e) == {"time", "run", "event", "epoch"} for e in lines)


def test_sidecars_are_the_same_bytes_for_the_same_numbers():
    history = [{"epoch": 1, "loss": 0.1 + 0.2}, {"epoch": 2, "loss": float("nan")}]
    assert history_csv(history) == b"epoch,loss\n1,0.30000000000000004\n2,nan\n"
    predicted = {"running/test/clean/0": np.array([1, 2, 255])}
    assert predictions_npz(predicted) == predictions_npz(dict(predicted))


def test_predictions_round_trip(tmp_path):
    (tmp_path / "p.npz").write_bytes(
        predictions_npz({"a/test/clean/0": np.array([0, 9]), "b/test/clean/0": np.array([3])})
    )
    with np.load(tmp_path / "p.npz") as found:
        assert found["a/test/clean/0"].tolist() == [0, 9]
        assert found["a/test/clean/0"].dtype == np.uint8
    (tmp_path / "p.npz").write_bytes(predictions_npz({"a": np.array([0, 999])}))
    with np.load(tmp_path / "p.npz") as found:
        assert found["a"].tolist() == [0, 999]
