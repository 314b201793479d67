"""Runs that are damaged, or not of the data: each is named, with what makes it again."""

from __future__ import annotations

import json
import shutil

import pytest

from afn.common.canonical import sealed
from afn.common.files import sha256_of
from afn.common.run_folder import write_result
from afn.study import StudyError
from analysis.results.collect import collect
from tests.analysis.results.collected import edit, result_of
from tests.analysis.synthetic import draw_history, draw_results, write_runs
from tests.records import predictions_of


def flip_a_byte(path):
    file = path.parent / "predictions.npz"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def change(**changes):
    """What a flipped bit does to a result: its seal stays, whatever else changes."""

    def spoil(path):
        document = json.loads(path.read_text())
        path.write_text(json.dumps({**document, **changes}))

    return spoil


def other_settings(path):
    document = json.loads(path.read_text())
    document["spec"]["norm"]["lambda_init"] = -2.0
    path.write_text(json.dumps(sealed(document)))


def without_accuracy(path):
    document = json.loads(path.read_text())
    document["evaluations"][3]["accuracy"] = None
    path.write_text(json.dumps(sealed(document)))


def predicting(**changes):
    """Other predictions, named by the result with their hash: its scores are not theirs."""

    def spoil(path):
        record = json.loads(path.read_text())
        rows = [{**row, **changes} for row in record["evaluations"]]
        write_result(
            path.parent, record, {**files_beside(path), "predictions.npz": predictions_of(rows)}
        )

    return spoil


def files_beside(path):
    return {name: (path.parent / name).read_bytes() for name in ("history.csv", "predictions.npz")}


def half(path):
    """Half of the tests, the same ones under every protocol, with their predictions."""
    record = json.loads(path.read_text())
    kept = [row for row in record["evaluations"] if row["severity"] in (0, 1)]
    record["evaluations"] = kept
    write_result(
        path.parent, record, {**files_beside(path), "predictions.npz": predictions_of(kept)}
    )


DAMAGE = {
    "there is no result": lambda path: path.unlink(),
    "cannot be read": lambda path: path.write_text(path.read_text()[:200]),
    "has status 'running'": edit(status="running"),
    "does not say which run": edit(run={"task": "x"}),
    "of another run": lambda path: shutil.copytree(
        path.parent.with_name("seed4"), path.parent, dirs_exist_ok=True
    ),
    "no specification": edit(spec=None),
    "other code": edit(fingerprint="0"),
    "step_ms is 'x', not a time": change(step_ms="x"),
    "trained for 1": edit(epochs=1),
    "names other files": edit(files={}),
    "status 'stopped'": edit(status="stopped"),
    "other settings (norm.lambda_init: -2.0 became -3.0)": other_settings,
    "no list of evaluations": edit(evaluations=None),
    "validation split is not evaluated once": edit(evaluations=[]),
    "is not a share": without_accuracy,
    "its seal does not fit": change(parameters=1),
    "(its seal does not fit)": change(parameters=float("nan")),
    "changed after it was written": change(spec={"lr": float("inf")}),
    "history.csv is not there": lambda path: (path.parent / "history.csv").unlink(),
    "predictions.npz is damaged": flip_a_byte,
}


AGAINST_THE_DATA = {
    "right in 0.500000 of the prepared images": predicting(accuracy=0.5),
    "lacks 24 declared evaluations, such as running/test/blur/3": half,
    "other prepared data": edit(data="0" * 64),
}


@pytest.mark.parametrize("reason", AGAINST_THE_DATA)
def test_results_are_compared_with_the_prepared_data(runs, study, prepared, reason):
    assert len(collect(study, runs, data=prepared)["missing"]) == 0
    AGAINST_THE_DATA[reason](result_of(runs, "afn", 3))
    with pytest.raises(StudyError) as error:
        collect(study, runs, data=prepared)
    assert "1 of the study's runs" in str(error.value)
    assert reason in str(error.value)
    (told,) = collect(study, runs, data=prepared, partial=True)["missing"].reason
    assert reason in told


def test_no_diverged_run_is_lost_at_the_gate(tmp_path, study, prepared):
    fell = [("resnet8", norm, seed) for norm in ("batch", "afn") for seed in (0, 5)]
    write_runs(
        tmp_path / "fallen",
        study,
        draw_results(study, diverged=fell),
        draw_history(study),
        sha256_of(prepared / "digits8x8/manifest.json"),
    )
    found = collect(study, tmp_path / "fallen", data=prepared)["results"]
    fallen = found[found.status == "diverged"]
    assert [*zip(fallen.backbone, fallen.norm, fallen.seed, strict=True)] == sorted(
        fell, key=lambda run: (run[1] == "afn", run[2])
    )
    assert (fallen.reason != "").all()


@pytest.mark.parametrize("reason", DAMAGE)
def test_a_damaged_run_is_named_with_the_command_that_makes_it_again(runs, study, reason):
    path = result_of(runs, "afn", 3)
    DAMAGE[reason](path)
    with pytest.raises(StudyError) as error:
        collect(study, runs)
    message = str(error.value)
    assert str(path) in message
    assert reason in message
    assert "make rerun WHERE=" in message
    with pytest.raises(StudyError, match=r"make rerun STUDY=studies/mine\.yaml WHERE="):
        collect(study, runs, study_file="studies/mine.yaml")
    assert "norm == 'afn' and recipe == 'plain' and seed == 3" in message
    tables = collect(study, runs, partial=True)
    assert len(tables["missing"]) == 1
    assert reason in tables["missing"].reason[0]
    got = tables["results"]
    assert not ((got.norm == "afn") & (got.seed == 3)).any()
    assert ((got.norm == "afn") & (got.seed == 4)).any()
