"""Trainings that stop by intention and go on later: the bits of one that never stopped."""

from __future__ import annotations

import json
import shutil

import pytest

from afn.common import run_folder
from afn.common.errors import StudyError
from tests.training.conftest import make_spec, read_result

SPECS = {
    "cosine": {"norm": "afn", "augmentation": "shift", "warmup_epochs": 1},
    "alrs": {"schedule": "alrs", "optimizer": "sgd", "lr": 0.01},
    "ada": {"name": "ada", "phases": 1, "ascent_steps": 1},
    "best": {"selection": "validation", "lr": 0.01},
}


@pytest.mark.parametrize("name", SPECS)
def test_pieces_give_the_bits_of_the_whole(lab, other_lab, name):
    spec = make_spec(epochs=4, **SPECS[name])
    other_lab.run(spec)
    for until, trained in ((1, 1), (3, 3)):
        result = lab.run(spec, until=until)
        assert (result["status"], result["epochs"], lab.epochs()) == ("stopped", until, trained)
        assert [row["split"] for row in result["evaluations"]] == ["validation"]
    lab.run(spec)
    assert lab.bits() == other_lab.bits()
    assert lab.epochs() == other_lab.epochs()


def test_a_stop_after_the_last_epoch_is_none(lab, other_lab):
    spec = make_spec()
    assert lab.run(spec, until=2)["status"] == "finished"
    other_lab.run(spec)
    assert lab.bits() == other_lab.bits()


def test_an_earlier_stop_comes_back_after_a_later_one(lab):
    spec = make_spec(epochs=3)
    lab.run(spec, until=1)
    first = lab.bits()
    # As after a kill between the checkpoint and the result: nothing is left to train.
    shutil.rmtree(next((lab.folder / "store").rglob("until1")))
    lab.run(spec, until=1)
    assert (lab.bits(), lab.epochs()) == (first, 1)
    lab.run(spec, until=2)
    assert lab.bits() != first
    lab.run(spec, until=1)
    assert (lab.bits(), lab.epochs()) == (first, 2)
    # Without its own copy it is trained anew, not continued from what is further.
    shutil.rmtree(next((lab.folder / "store").rglob("until1")))
    lab.run(spec, until=1)
    assert (lab.bits(), lab.epochs()) == (first, 3)


def test_a_lost_checkpoint_costs_epochs_and_no_bits(lab, other_lab):
    spec = make_spec(epochs=3)
    lab.run(spec, until=2)
    for file in (lab.folder / "store").rglob("checkpoint*.pt"):
        file.unlink()
    lab.run(spec)
    other_lab.run(spec)
    assert lab.bits() == other_lab.bits()
    assert lab.epochs() == 5


def test_divergence_before_the_stop_ends_the_training(lab):
    spec = make_spec(optimizer="sgd", lr=1e30, epochs=4)
    result = lab.run(spec, until=2)
    assert (result["status"], result["evaluations"]) == ("diverged", [])
    assert not list((lab.folder / "store").rglob("checkpoint*.pt"))


def test_a_slot_names_the_run_that_fills_it(lab):
    spec = make_spec()
    first = lab.run(spec, until=1)
    output = lab.folder / "x/digits8x8/convnet_small/batch/plain.rung1.slot0/seed0/result.json"
    lab.run(spec, outputs=(output,), cell="digits8x8/convnet_small/batch/plain")
    assert read_result(output.parent) is None, "who reads a slot says which run fills it"
    found = run_folder.read(output.parent, run="digits8x8/convnet_small/batch/plain/seed0").record
    assert (found["run"], found["status"]) == (first["run"], "finished")
    assert lab.epochs() == 2


@pytest.mark.parametrize("text", ["{}", "[]", '{"cell": "a/b/c/d"}', "{"])
def test_a_damaged_slot_is_told(tmp_path, text):
    from afn.training.__main__ import parser, read_what

    slot = tmp_path / "slot.json"
    slot.write_text(text)
    given = ["x", "--slot", str(slot), "--study", "s", "--fingerprint", "f", "--data", "d"]
    given += ["--store", "s", "--ledger", "l"]
    with pytest.raises(StudyError, match=r"slot\.json"):
        read_what(parser().parse_args(given))
    slot.write_text(json.dumps({"cell": None}))
    assert read_what(parser().parse_args(given)) == (None, None)
    with pytest.raises(StudyError, match="--until 0"):
        read_what(parser().parse_args([*given, "--until", "0"]))
