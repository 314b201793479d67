"""A flipped bit or a lost end in any file: told, repaired, and the same bits in the end.

The places are drawn from a seed for every file, the first and the last byte among them.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from afn.common.canonical import canonical_json
from afn.common.errors import StudyError
from afn.study.state.gate import Admitted, Wanted, admit
from afn.study.state.prepared import read_prepared
from afn.tasks.__main__ import main as tasks
from afn.training.job import interruption
from afn.training.job.interruption import Interrupted, Interruption
from tests.training.conftest import RUNNING, make_spec, read_result

SPEC = make_spec(epochs=1, protocols=RUNNING, batch_size=256)


def damaged(raw: bytes, dice: random.Random, many: int) -> list[bytes]:
    """Versions of a file with one bit flipped, and with its end lost."""
    places = [0, len(raw) - 1, *(dice.randrange(len(raw)) for _ in range(many))]
    flipped = []
    for place in places:
        copied = bytearray(raw)
        copied[place] ^= 1 << dice.randrange(8)
        flipped.append(bytes(copied))
    return [*flipped, b"", *(raw[: dice.randrange(len(raw))] for _ in range(many // 2))]


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def finished(lab):
    lab.run(SPEC)
    return lab


def test_damage_in_the_store_of_a_finished_run(finished):
    lab, dice = finished, random.Random(0)
    bits = lab.bits()
    files = files_below(lab.folder / "store")
    names = {"result.json", "history.csv", "predictions.npz", "stamp.json", "lease"}
    assert {file.name for file in files} == names
    again = 0
    for file in files:
        raw = file.read_bytes() or b"text of a killed process\n"
        for content in damaged(raw, dice, 2):
            before = lab.epochs()
            file.write_bytes(content)
            lab.output().unlink()
            lab.run(SPEC)
            assert lab.bits() == bits, f"{file.name} {content[:40]!r}"
            again += lab.epochs() - before
    # Only what has no influence, as a lease or a time, may go unseen.
    assert again > 4 * 4


def test_damage_in_a_result_is_seen_by_all_and_emitted_anew(finished):
    lab, dice = finished, random.Random(1)
    folder, bits, times = lab.output().parent, lab.bits(), ("step_ms", "train_seconds")
    whole = {key: value for key, value in lab.result().items() if key not in times}
    wanted = Wanted(canonical_json(SPEC), "f0", read_prepared(lab.data))
    assert isinstance(admit(folder, wanted), Admitted)
    for file in files_below(folder):
        raw = file.read_bytes()
        for content in damaged(raw, dice, 60):
            file.write_bytes(content)
            found = read_result(folder)
            usable = isinstance(admit(folder, wanted), Admitted)
            assert usable == (found is not None), f"{file.name} {content[:40]!r}"
            if found is not None:
                assert {k: v for k, v in found[0].items() if k not in times} == whole
        lab.run(SPEC)
        assert lab.bits() == bits
    assert lab.epochs() == 1


def test_damage_in_the_checkpoints_of_a_run_that_was_stopped(lab, other_lab, monkeypatch):
    monkeypatch.setattr(interruption, "LONG_EPOCH_SECONDS", 0.0)
    for _ in range(2):
        with pytest.raises(Interrupted):
            lab.run(SPEC, interruption=Interruption(time.time() - 100))
    other_lab.run(SPEC)
    files = files_below(lab.folder / "store")
    saved = {file: file.read_bytes() for file in files}
    assert {"checkpoint.pt", "checkpoint.previous.pt"} <= {file.name for file in files}
    dice = random.Random(2)
    for file in files:
        for content in damaged(saved[file] or b"text\n", dice, 4):
            for path in files_below(lab.folder / "store"):
                path.unlink()
            for path, raw in saved.items():
                path.write_bytes(raw)
            file.write_bytes(content)
            lab.run(SPEC)
            assert lab.bits() == other_lab.bits(), f"{file.name} {content[:40]!r}"
    assert [event for _, event, _ in lab.events()].count("start") == 1


def test_damage_in_the_prepared_data_is_told_and_prepared_anew(lab, digits, monkeypatch):
    folder, dice = lab.folder / "data", random.Random(3)
    prepare = ["prepare", "digits8x8", "-o", str(folder)]
    assert tasks(prepare) == 0
    manifest = folder / "manifest.json"
    assert manifest.read_bytes() == digits.read_bytes()
    whole = {file: file.read_bytes() for file in files_below(folder)}
    assert len(whole) > 5
    for file, raw in whole.items():
        for content in damaged(raw, dice, 30 if file == manifest else 1):
            if content == raw:
                continue
            file.write_bytes(content)
            with pytest.raises(StudyError, match=r"prepared data|no manifest") as error:
                lab.run(SPEC, data=manifest)
            assert str(file) in str(error.value)
            assert "afn.tasks prepare" in str(error.value)
            assert not lab.output().exists()
        file.write_bytes(raw)
    # A training that is stopped by intention reads no test set, and needs none.
    spec = {**SPEC, "recipe": {**SPEC["recipe"], "epochs": 2}}
    tests = folder / "test_images.npy"
    tests.write_bytes(whole[tests][:-1] + bytes([whole[tests][-1] ^ 1]))
    assert lab.run(spec, data=manifest, until=1)["status"] == "stopped"
    with pytest.raises(StudyError, match=r"test_images\.npy"):
        lab.run(spec, data=manifest)
    (folder / "train_images.npy").write_bytes(b"")
    assert tasks(prepare) == 0
    assert {file: file.read_bytes() for file in files_below(folder)} == whole
    lab.run(SPEC, data=manifest)
