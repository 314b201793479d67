"""Jobs in this process: the same bits whatever the circumstances, and no epoch trained twice."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from afn.common.errors import StudyError
from tests.training.conftest import PROTOCOLS, RUNNING, make_spec


def test_a_result_holds_what_the_contract_promises(lab):
    spec = make_spec(epochs=3)
    result = lab.run(spec, seeds=(4,))
    assert result["run"] == {
        "task": "digits8x8",
        "backbone": "convnet_small",
        "norm": "batch",
        "recipe": "plain",
        "seed": 4,
    }
    assert (result["schema"], result["study"], result["status"]) == (1, "s", "finished")
    assert (result["spec"], result["fingerprint"], result["reason"]) == (spec, "f0", "")
    assert result["selection"] == {"kind": "last", "epoch": 3}
    assert (result["epochs"], result["threads"], result["device"]) == (3, 1, "cpu")
    assert set(result["versions"]) == {"python", "torch", "numpy", "processor", "head"}
    assert result["step_ms"] > 0
    assert result["train_seconds"] > 0
    rows = {
        (r["protocol"], r["split"], r["condition"], r["severity"]): r for r in result["evaluations"]
    }
    assert len(rows) == len(result["evaluations"]) == 1 + 2 * 19
    assert ("running", "validation", "clean", 0) in rows
    assert rows["test_batch", "test", "noise", 3]["n"] == 360
    assert rows["running", "test", "clean", 0]["accuracy"] > 0.8
    with np.load(lab.output(4).parent / "predictions.npz") as predictions:
        assert set(predictions) == {"/".join(map(str, key)) for key in rows}
        labels = np.load(lab.data.parent / "test_labels.npy")
        for (protocol, split, condition, severity), row in rows.items():
            predicted = predictions[f"{protocol}/{split}/{condition}/{severity}"]
            assert predicted.dtype == np.uint8
            if split == "test":
                assert np.mean(predicted == labels) == row["accuracy"]
    with (lab.output(4).parent / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert [row["epoch"] for row in history] == ["1", "2", "3"]
    assert list(history[0])[:5] == ["epoch", "loss", "accuracy", "lr", "grad_norm"]
    assert float(history[2]["loss"]) < float(history[0]["loss"])
    assert float(history[0]["lr"]) == 1e-3


def test_same_run_twice_and_seeds_in_any_block_are_the_same_bits(lab, other_lab):
    spec = make_spec(norm="afn", augmentation="shift")
    lab.run(spec, seeds=(0, 1, 2))
    for seed in (2, 0, 1):
        other_lab.run(spec, seeds=(seed,))
    assert [lab.bits(seed) for seed in range(3)] == [other_lab.bits(seed) for seed in range(3)]
    assert len({lab.bits(seed)[0] for seed in range(3)}) == 3
    assert lab.epochs() == other_lab.epochs() == 6


def test_removed_outputs_come_back_without_training(lab):
    spec = make_spec()
    lab.run(spec, seeds=(0, 1))
    before = lab.bits(0)
    text = lab.output(0).read_bytes()
    for seed in (0, 1):
        for file in lab.output(seed).parent.iterdir():
            file.unlink()
    lab.run(spec, seeds=(0, 1, 2))
    assert lab.bits(0) == before
    assert lab.output(0).read_bytes() == text
    assert [e[:2] for e in lab.events() if e[1] in ("start", "emitted")] == [
        ("seed0", "start"),
        ("seed1", "start"),
        ("seed0", "emitted"),
        ("seed1", "emitted"),
        ("seed2", "start"),
    ]
    assert lab.epochs() == 6


def test_a_store_may_serve_two_studies(lab):
    spec = make_spec(epochs=1)
    lab.run(spec)
    assert lab.run(spec, study="other")["study"] == "other"
    assert lab.epochs() == 1


@pytest.mark.parametrize("change", ["spec", "fingerprint"])
def test_a_stored_result_of_something_else_is_not_used(lab, change):
    lab.run(make_spec(epochs=1))
    changed = {"fingerprint": "f1"} if change == "fingerprint" else {}
    lab.run(make_spec(epochs=1, lr=1e-3 if changed else 2e-3), **changed)
    assert lab.epochs() == 2


@pytest.mark.parametrize("name", ["result.json", "history.csv", "predictions.npz"])
def test_a_damaged_stored_result_is_trained_again(lab, name):
    spec = make_spec(epochs=1)
    lab.run(spec)
    before = lab.bits()
    stored = next(lab.folder.glob(f"store/*/*/*/*/seed0/finished/{name}"))
    raw = bytearray(stored.read_bytes())
    place = raw.index(b'"n": 360') + 6 if name == "result.json" else len(raw) // 2
    raw[place] ^= 1
    stored.write_bytes(raw)
    lab.run(spec)
    assert lab.bits() == before
    assert lab.epochs() == 2


@pytest.mark.parametrize("norm", ["batch", "afn"])
def test_divergence_is_a_result(lab, norm):
    recipe = {"optimizer": "sgd", "lr": 1e9, "epochs": 5}
    result = lab.run(make_spec(norm, backbone="resnet8", **recipe))
    assert result["status"] == "diverged"
    assert "epoch" in result["reason"]
    assert result["evaluations"] == []
    assert set(result["files"]) == {"history.csv"}
    assert result["epochs"] < 5
    assert lab.events()[-1] == ("seed0", "diverged", result["epochs"])
    lab.run(make_spec(norm, backbone="resnet8", **recipe))
    assert lab.events()[-1] == ("seed0", "emitted", result["epochs"])


def test_the_order_of_protocols_changes_no_number(lab, other_lab):
    def rows(result):
        return sorted(
            (json.dumps(r, sort_keys=True) for r in result["evaluations"] if r["split"] == "test"),
        )

    turned = dict(reversed(PROTOCOLS.items()))
    first = lab.run(make_spec("afn"))
    second = other_lab.run(make_spec("afn", protocols=turned))
    assert rows(first) == rows(second)
    assert first["evaluations"][0]["protocol"] == "running"
    assert second["evaluations"][0]["protocol"] == "test_batch"


def test_another_protocol_changes_no_number_of_the_first(lab, other_lab):
    def rows(result):
        return [r for r in result["evaluations"] if r["protocol"] == "running"]

    both = lab.run(make_spec("afn"))
    alone = other_lab.run(make_spec("afn", protocols=RUNNING))
    assert rows(both) == alone["evaluations"]


@pytest.mark.parametrize(
    ("norm", "protocols"),
    [
        ("layer", {"any": {"statistics": "any"}}),
        ("afn_released", {"test_batch": {"statistics": "batch", "batch_size": 100}}),
    ],
)
def test_norms_with_one_kind_of_statistics(lab, norm, protocols):
    result = lab.run(make_spec(norm, protocols=protocols))
    assert {row["protocol"] for row in result["evaluations"]} == set(protocols)
    assert len(result["evaluations"]) == 20


def test_selection_on_the_validation_split_keeps_the_earliest_best_epoch(lab, other_lab):
    recipe = {"lr": 0.03, "schedule": "constant"}
    result = lab.run(make_spec(epochs=8, selection="validation", **recipe))
    with (lab.output().parent / "history.csv").open() as file:
        accuracy = [float(row["val_accuracy"]) for row in csv.DictReader(file)]
    best = accuracy.index(max(accuracy)) + 1
    assert result["selection"] == {"kind": "validation", "epoch": best}
    validation = next(r for r in result["evaluations"] if r["split"] == "validation")
    assert validation["accuracy"] == max(accuracy)
    assert best < 8, "choose another recipe: the test needs a best epoch before the last"
    # Looking at the validation split after every epoch moves nothing else.
    last = other_lab.run(make_spec(epochs=best, **recipe))
    assert [r["accuracy"] for r in last["evaluations"]] == [
        r["accuracy"] for r in result["evaluations"]
    ]


def test_mistakes_of_the_caller_are_told(lab, tmp_path):
    spec = make_spec()
    foreign = {**spec, "task": {"name": "other"}}
    with pytest.raises(StudyError, match=r"holds task 'digits8x8' .*, the run needs 'other'"):
        lab.run(foreign)
    other = tmp_path / "x/digits8x8/convnet_small/afn/plain/seed1/result.json"
    with pytest.raises(StudyError, match="one cell"):
        lab.run(spec, outputs=(lab.output(), other))
    with pytest.raises(StudyError, match=r"expected .*seed<k>/result\.json"):
        lab.run(spec, outputs=(tmp_path / "result.json",))
    with pytest.raises(StudyError, match=r"missing.*afn\.tasks prepare"):
        lab.run(spec, data=tmp_path / "manifest.json")
    with pytest.raises(StudyError, match="did you mean 'resnet8'"):
        lab.run({**spec, "backbone": {"name": "resnet9"}})
    with pytest.raises(StudyError, match="no CUDA device"):
        lab.run(spec, device="cuda:99")
    assert {event for _, event, _ in lab.events()} <= {"failed"}
