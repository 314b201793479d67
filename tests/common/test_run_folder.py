"""The one reader and the one writer of the folder of a run."""

from __future__ import annotations

import json
import os

import pytest

from afn.common.canonical import sealed
from afn.common.gate.signature import VARIABLE
from afn.common.run_folder import STATUSES, Result, Unusable, read, write_result
from tests.records import CLEAN, RUN, SPEC, evaluation, files_of, predictions_of, record_of

RECORD = record_of()
FILES = files_of(RECORD)


def test_the_seal_covers_everything_but_times():
    seal = sealed(RECORD)["seal"]
    assert sealed({**RECORD, "step_ms": 9.0, "train_seconds": 9.0})["seal"] == seal
    assert sealed({**RECORD, "epochs": 3})["seal"] != seal
    assert sealed(sealed(RECORD)) == sealed(RECORD)


def test_results_round_trip_and_replace_each_other(tmp_path):
    write_result(tmp_path, RECORD, FILES)
    assert read(tmp_path).sidecars == FILES
    assert read(tmp_path).record["evaluations"] == RECORD["evaluations"]
    assert read(tmp_path, sidecars=False).sidecars == {}
    diverged = record_of(status="diverged", epochs=1)
    write_result(tmp_path, diverged, files_of(diverged))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["history.csv", "result.json"]
    assert read(tmp_path).sidecars == {"history.csv": b"epoch,loss\n1,0.5\n"}


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
        path.write_bytes(path.read_bytes().replace(b"0.5", b"0.6") + b"\n\n0")
    assert isinstance(read(tmp_path), Unusable)


def test_a_failure_in_the_middle_leaves_no_result(tmp_path, monkeypatch):
    write_result(tmp_path, RECORD, FILES)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_result(tmp_path, {**RECORD, "threads": 2}, FILES)
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


@pytest.mark.parametrize("key", ["epochs", "accuracy", "seed"])
def test_a_key_that_is_given_twice_is_seen(tmp_path, key):
    """Readers differ in which of the two they take, and the seal covers one."""
    write_result(tmp_path, RECORD, FILES)
    path = tmp_path / "result.json"
    text = path.read_text().replace(f'"{key}":', f'"{key}": 9, "{key}":', 1)
    path.write_text(text)
    found = read(tmp_path)
    assert found.kind == "unreadable"
    assert f"the key {key!r} is given twice" in found.reason


def _written(status):
    if status == "empty":
        return {"status": status, "epochs": 0}, {}
    record = record_of(status=status)
    return record, files_of(record)


@pytest.mark.parametrize("status", STATUSES)
def test_a_caller_says_which_statuses_it_can_use(tmp_path, status):
    write_result(tmp_path, *_written(status))
    assert isinstance(read(tmp_path, statuses=(status,)), Result)
    others = tuple(other for other in STATUSES if other != status)
    assert read(tmp_path, statuses=others).kind == "status"


def _changed(**changed):
    return {**RECORD, **changed}


def _rows(*rows, **changed):
    return _changed(evaluations=[*rows], **changed)


VALID, TEST = RECORD["evaluations"]
UNTRUE = {
    "which run": [_changed(run=None), _changed(run={"task": "x"})],
    "cannot be": [
        _changed(run={**RECORD["run"], "seed": "0"}),
        _changed(run={**RECORD["run"], "norm": ""}),
    ],
    "no specification": [
        _changed(spec=None),
        _changed(spec={}),
        _changed(spec=[]),
        _changed(spec={**SPEC, "norm": "batch"}),
    ],
    "asks for": [_changed(spec={**SPEC, "recipe": {"epochs": "2"}})],
    "no protocols": [_changed(spec={**SPEC, "protocols": None})],
    "no names": [
        _changed(spec={**SPEC, "protocols": {"running": {"conditions": value}}})
        for value in (5, 0, False, "", "clean", [1], {"clean": 1})
    ],
    "validated": [
        _changed(spec={**SPEC, "validation_protocol": "other"}),
        _changed(spec={**SPEC, "validation_protocol": ["running"]}),
    ],
    "which code": [_changed(fingerprint=None), _changed(fingerprint="")],
    "which data": [_changed(data=None)],
    "not a time": [
        *(_changed(step_ms=value) for value in ("x", None, -1.0, float("nan"), float("inf"), True)),
        *(_changed(step_ms=value) for value in (10**400, 2**63, 1e308)),
        _changed(train_seconds=[1.0]),
    ],
    "not a number": [
        _changed(parameters="x"),
        *(_changed(**{name: 2**63}) for name in ("parameters", "threads", "at_once")),
        _changed(threads=0),
        _rows(VALID, {**TEST, "loss": "x"}),
        _rows(VALID, {**TEST, "loss": 10**400}),
    ],
    "which device": [_changed(device=None)],
    "which versions": [_changed(versions={"torch": 2}), _changed(versions=None)],
    "not a text": [_changed(reason=value) for value in (7, 0, [], {})],
    "was trained for": [
        *(_changed(epochs=value) for value in (1, 3, "2", 2.0, True, None)),
        _changed(status="diverged", reason="x", epochs=0, evaluations=[]),
        _changed(status="diverged", reason="x", epochs=3, evaluations=[]),
        _changed(status="stopped", epochs=2, evaluations=[VALID]),
    ],
    "has the reason": [
        _changed(reason="nan"),
        _changed(status="diverged", evaluations=[]),
    ],
    "which epoch": [_changed(selection=None), _changed(selection={"epoch": 0})],
    "tested epoch": [_changed(selection={"epoch": 1}), _changed(selection={"epoch": 3})],
    "no list": [_changed(evaluations=None), _changed(evaluations={})],
    "tests are recorded": [_changed(status="diverged", reason="x")],
    "recorded twice": [_rows(VALID, TEST, TEST), _rows(VALID, TEST, {**TEST, "accuracy": 0.25})],
    "what it is of": [_rows(VALID, 7), _rows(VALID, {**TEST, "condition": None})],
    "the severity": [_rows(VALID, {**TEST, "severity": "3"})],
    "not a share": [
        _rows(VALID, {**TEST, "accuracy": value}) for value in (1.1, -0.1, "1", None, True, 10**400)
    ],
    "no number of images": [_rows(VALID, {**TEST, "n": value}) for value in (0, None, 3.0)],
    "not evaluated once": [
        _rows(TEST),
        _rows(VALID, TEST, {**VALID, "split": "val"}),
        _rows({**VALID, "protocol": "other"}, TEST),
    ],
    "its specification lacks": [_rows(VALID, TEST, {**TEST, "protocol": "other"})],
    "no test is recorded": [_rows(VALID)],
    "names other files": [_changed(status="diverged", reason="x", evaluations=[])],
}


@pytest.mark.parametrize("reason", UNTRUE)
def test_a_sealed_result_that_is_not_true_to_itself_is_not_used(tmp_path, reason):
    for record in UNTRUE[reason]:
        path = tmp_path / "result.json"
        write_result(tmp_path, RECORD, FILES)
        hashes = json.loads(path.read_text())["files"]
        path.write_text(json.dumps(sealed({**record, "files": hashes})))
        found = read(tmp_path, statuses=STATUSES)
        assert isinstance(found, Unusable), record
        assert found.kind in ("untrue", "changed")
        if found.kind == "untrue":
            assert reason in found.reason


def test_files_that_a_run_of_its_status_does_not_have_are_not_named(tmp_path):
    for files in ({}, {"history.csv": FILES["history.csv"]}):
        write_result(tmp_path, RECORD, files)
        assert "names other files" in read(tmp_path).reason


def test_every_protocol_has_the_tests_that_it_is_for(tmp_path):
    protocols = {
        "running": {"statistics": "running"},
        "batch8": {"statistics": "batch", "batch_size": 8, "conditions": ["clean", "severity_5"]},
    }
    spec = {**SPEC, "protocols": protocols}
    tests = [*CLEAN, ("noise", 1), ("noise", 5)]
    whole = record_of(spec=spec, tests=tests)
    assert len(whole["evaluations"]) == 6
    write_result(tmp_path, whole, files_of(whole))
    assert isinstance(read(tmp_path), Result)
    for number in range(1, 6):
        rows = whole["evaluations"][:number] + whole["evaluations"][number + 1 :]
        half = {**whole, "evaluations": rows}
        write_result(tmp_path, half, files_of(half))
        # What no protocol has any more is missed where the prepared data are known.
        found = read(tmp_path)
        assert isinstance(found, Result) == (number == 2), rows
    more = [*whole["evaluations"], evaluation("batch8", "test", "noise", 1, 0.5)]
    write_result(tmp_path, {**whole, "evaluations": more}, files_of({**whole, "evaluations": more}))
    assert "tests are recorded under batch8" in read(tmp_path).reason


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("history.csv", b"epoch,loss\n1,0.5\n", "has 1 rows, one for each of 2 epochs"),
        ("history.csv", b"loss\n1\n1\n", "begins with no column epoch"),
        ("history.csv", FILES["history.csv"][:-1], "cannot be read"),
        ("predictions.npz", b"zip", "cannot be read"),
        ("predictions.npz", b"", "cannot be read"),
        ("predictions.npz", FILES["predictions.npz"][:-30], "cannot be read"),
        ("predictions.npz", predictions_of([TEST]), "holds other evaluations"),
        ("predictions.npz", predictions_of([VALID, {**TEST, "n": 300}]), "are 300, not 1000"),
    ],
)
def test_files_that_do_not_hold_what_the_result_says(tmp_path, file, content, reason):
    write_result(tmp_path, RECORD, {**FILES, file: content})
    found = read(tmp_path)
    assert (found.kind, reason in found.reason) == ("sidecar", True), found


def test_a_result_belongs_into_the_folder_of_its_run(tmp_path):
    own, other = tmp_path / RUN, tmp_path / RUN.replace("seed0", "seed1")
    for folder in (own, other, own / "finished"):
        write_result(folder, RECORD, FILES)
    assert isinstance(read(own), Result)
    assert isinstance(read(own / "finished"), Result)
    assert read(other).kind == "foreign"
    assert read(other).reason == f"the result is of another run: {RUN}"
    # A slot of a search lies where no run of its name does.
    assert isinstance(read(other, run=RUN), Result)
    assert read(own, run="x/y/z/w/seed0").kind == "foreign"


def test_a_stamp_of_another_training_is_seen_in_the_store(tmp_path):
    folder = tmp_path / RUN / "finished"
    write_result(folder, RECORD, FILES)
    stamp = {key: RECORD[key] for key in ("spec", "fingerprint", "data", "threads")} | {"seed": 0}
    (folder / "stamp.json").write_text(json.dumps(stamp))
    assert isinstance(read(folder), Result)
    for other in ({**stamp, "seed": 1}, {**stamp, "fingerprint": "f1"}, {}, [], "x"):
        (folder / "stamp.json").write_text(json.dumps(other))
        assert read(folder).kind == "foreign"


def test_with_a_key_only_signed_results_are_used(tmp_path, monkeypatch):
    write_result(tmp_path, RECORD, FILES)
    path, bare = tmp_path / "result.json", (tmp_path / "result.json").read_bytes()
    monkeypatch.setenv(VARIABLE, "a secret")
    assert "carries no signature, and AFN_SEAL_KEY is set" in read(tmp_path).reason
    write_result(tmp_path, RECORD, FILES)
    signed = json.loads(path.read_text())
    assert signed["seal"] == json.loads(bare)["seal"], "equal runs keep equal seals"
    assert isinstance(read(tmp_path), Result)
    # A time is outside the seal, not outside the signature; a new seal needs no key, this does.
    for changed in ({**signed, "step_ms": 0.5}, {**signed, "threads": 2}):
        path.write_text(
            json.dumps(
                {
                    **sealed({k: v for k, v in changed.items() if k != "signature"}),
                    "signature": signed["signature"],
                }
            )
        )
        assert read(tmp_path).kind == "unsigned"
    path.write_text(json.dumps(signed))
    monkeypatch.setenv(VARIABLE, "another")
    assert "not that of the key" in read(tmp_path).reason
    monkeypatch.delenv(VARIABLE)
    assert isinstance(read(tmp_path), Result), "who has no key asks for no signature"
