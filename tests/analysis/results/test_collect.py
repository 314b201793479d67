"""Collecting runs and the command line, with the study as ``afn.study`` resolves it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from afn.common.canonical import sealed
from afn.common.files import sha256_of
from afn.common.leases import mark
from afn.common.run_folder import write_result
from afn.study import StudyError, study_from_mapping
from analysis.__main__ import main
from analysis.decisions.decide import decide
from analysis.results.collect import collect
from analysis.results.correct import Correct
from tests.analysis.small_study import CONDITIONS, IMAGES, SEVERITIES
from tests.analysis.synthetic import draw_history, draw_results, long_history, write_runs
from tests.records import predictions_of, write_labels

CONFIG = {
    "study": "tiny",
    "question": "Does it collect?",
    "seeds": 6,
    "protocols": {
        "running": {"statistics": "running"},
        "test_batch": {"statistics": "batch", "batch_size": 120},
    },
    "base": {"task": "digits8x8", "backbone": "resnet8", "norm": "afn"},
    "experiments": {
        "methods": {
            "factors": {"norm": ["batch", "asr", "afn"]},
            "contrasts": [["afn@test_batch", "batch@test_batch"]],
        },
        "lambda_init": {
            "factors": {"norm.lambda_init": [-1, -3, -5]},
            "trend": "norm.lambda_init",
        },
    },
    "plan": {"outcomes": ["shift"], "primary": ["methods"]},
}
KEYS = ["task", "backbone", "norm", "recipe", "seed"]


@pytest.fixture(scope="module")
def study():
    return study_from_mapping(CONFIG, "tiny.yaml")


@pytest.fixture(scope="module")
def results(study):
    return draw_results(study, diverged=[("resnet8", "asr", 1)])


TESTS = [("clean", 0), *((c, s) for c in CONDITIONS for s in SEVERITIES)]


@pytest.fixture
def prepared(tmp_path):
    """The labels of the task's tests: all zero."""
    return write_labels(tmp_path / "prepared" / "digits8x8", TESTS, IMAGES).parents[1]


@pytest.fixture
def runs(tmp_path, study, results, prepared):
    data = sha256_of(prepared / "digits8x8/manifest.json")
    write_runs(tmp_path / "runs", study, results, draw_history(study), data)
    (tmp_path / "study.json").write_text(study.to_json())
    return tmp_path / "runs"


def result_of(runs, norm, seed):
    return runs / "digits8x8/resnet8" / norm / "plain" / f"seed{seed}" / "result.json"


def test_tables_hold_what_the_runs_wrote(runs, study, results):
    tables = collect(study, runs)
    found = tables["results"]
    expected = results[found.columns].astype(found.dtypes.to_dict())
    pd.testing.assert_frame_equal(found, expected)
    fell = found[found.status == "diverged"]
    assert len(fell) == 1
    assert fell[["condition", "protocol", "accuracy", "severity"]].isna().all(axis=None)
    assert len(tables["missing"]) == 0
    long = long_history(draw_history(study))
    order = [*KEYS, "epoch", "quantity", "layer"]
    pd.testing.assert_frame_equal(
        tables["history"].sort_values(order, ignore_index=True),
        long.astype(tables["history"].dtypes.to_dict()).sort_values(order, ignore_index=True),
    )
    rows = set(tables["membership"].itertuples(index=False, name=None))
    assert ("lambda_init", "digits8x8", "resnet8", "afn", "plain") in rows
    assert len(rows) == 6


def flip_a_byte(path):
    file = path.parent / "predictions.npz"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def edit(**changes):
    def spoil(path):
        document = json.loads(path.read_text())
        path.write_text(json.dumps(sealed({**document, **changes})))

    return spoil


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
        write_result(path.parent, record, {**files_beside(path), "predictions.npz": predictions_of(rows)})

    return spoil


def files_beside(path):
    return {name: (path.parent / name).read_bytes() for name in ("history.csv", "predictions.npz")}


def half(path):
    """Half of the tests, the same ones under every protocol, with their predictions."""
    record = json.loads(path.read_text())
    kept = [row for row in record["evaluations"] if row["severity"] in (0, 1)]
    record["evaluations"] = kept
    write_result(path.parent, record, {**files_beside(path), "predictions.npz": predictions_of(kept)})


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


def test_a_missing_run_is_told_with_what_its_last_attempt_failed_of(runs, study):
    path = result_of(runs, "afn", 3)
    name = path.parent.relative_to(runs).as_posix()
    path.unlink()
    ledger = runs.parent / ".ledger"
    ledger.mkdir()
    failed = {"time": 2.0, "run": name, "event": "failed", "epoch": 0, "reason": "disk full"}
    (ledger / "a.jsonl").write_text(json.dumps(failed) + '\n{"time": 3.0, "ru')
    (reason,) = collect(study, runs, partial=True)["missing"].reason
    assert reason == "there is no result; its last attempt failed: disk full"
    # Once it is tried again the failure is past.
    (ledger / "b.jsonl").write_text(json.dumps({**failed, "time": 4.0, "event": "resume"}))
    (reason,) = collect(study, runs, partial=True)["missing"].reason
    assert reason == "there is no result"


def test_a_missing_run_whose_process_was_killed_is_told_so(runs, study):
    path = result_of(runs, "afn", 3)
    store = runs.parent / ".store" / path.parent.relative_to(runs)
    path.unlink()
    store.mkdir(parents=True)
    (store / "lease").write_text(mark("process 7 on node3"))
    (reason,) = collect(study, runs, partial=True)["missing"].reason
    assert reason.startswith("there is no result; process 7 on node3 was killed (no message")
    (store / "lease").write_text("")
    (reason,) = collect(study, runs, partial=True)["missing"].reason
    assert reason == "there is no result"


def other_machine(results, seeds, **changed):
    """The rows of some seeds, as another machine would have made them."""
    return results[results.seed.isin(seeds)].assign(**changed)


@pytest.mark.parametrize(("what", "value"), [("torch", "2.1.0"), ("processor", "Another CPU")])
def test_run_folders_of_two_machines_are_one_study_and_mixtures_are_flagged(
    tmp_path, study, results, what, value
):
    here, there = tmp_path / "here", tmp_path / "there"
    write_runs(here, study, other_machine(results, range(3)), draw_history(study))
    write_runs(
        there, study, other_machine(results, range(3, 6), **{what: value}), draw_history(study)
    )
    with pytest.raises(StudyError, match="of the study's runs cannot be used"):
        collect(study, here)
    shutil.copytree(there, here, dirs_exist_ok=True)
    merged = collect(study, here)["results"]
    assert len(merged) == len(results)
    # Each pair of a seed is of one machine, but the pairs together are not.
    (decision,) = (d for d in decide(merged, study) if d.primary and d.a == "afn@test_batch")
    (note,) = (note for note in decision.notes if value in note)
    assert what in note
    # The copies are whole: no pair of the merged study differs from its source.
    compared = merged[merged.seed >= 3].reset_index(drop=True)
    source = collect(study, there, partial=True)["results"].reset_index(drop=True)
    pd.testing.assert_frame_equal(compared, source)


def test_a_run_folder_that_was_copied_in_part_is_told(tmp_path, study, results):
    here = tmp_path / "here"
    write_runs(here, study, results, draw_history(study))
    path = result_of(here, "afn", 3)
    (path.parent / "history.csv").unlink()
    with pytest.raises(StudyError, match=r"its file history\.csv is not there"):
        collect(study, here)
    # A folder under the name of another run.
    shutil.copytree(result_of(here, "afn", 4).parent, path.parent, dirs_exist_ok=True)
    with pytest.raises(StudyError, match="the result is of another run: .*/seed4"):
        collect(study, here)


def test_a_whole_folder_that_is_missing_is_told_briefly(runs, study):
    shutil.rmtree(runs)
    with pytest.raises(StudyError, match="30 of the study's runs") as error:
        collect(study, runs)
    assert "and 25 more" in str(error.value)
    tables = collect(study, runs, partial=True)
    assert len(tables["missing"]) == 30
    assert list(tables["results"].columns[:3]) == ["study", "task", "backbone"]


def test_runs_that_shared_their_process_have_no_time_per_step(runs, study):
    edit(at_once=2)(result_of(runs, "afn", 1))
    edit(at_once=0)(result_of(runs, "afn", 2))
    tables = collect(study, runs, partial=True)
    found = tables["results"].query("norm == 'afn'")
    assert set(found[found["step_ms"].isna()]["seed"]) == {1}
    assert found["train_seconds"].notna().all()
    assert "at_once is 0, not a number from 1 on" in tables["missing"]["reason"].iloc[0]


def test_runs_whose_steps_were_recorded_are_another_build(runs, study):
    path = result_of(runs, "afn", 1)
    versions = json.loads(path.read_text())["versions"]
    edit(versions={**versions, "step": "recorded"})(path)
    edit(versions={**versions, "step": "eager"})(result_of(runs, "afn", 2))
    found = collect(study, runs)["results"].query("norm == 'afn'").groupby("seed")["head"]
    heads = found.unique().map(list).to_dict()
    assert heads.pop(1) == [f"{versions['head']}, steps recorded"]
    assert set(map(tuple, heads.values())) == {(versions["head"],)}


def test_runs_of_other_studies_are_left_alone(runs, study):
    shutil.copytree(runs / "digits8x8/resnet8/afn", runs / "digits8x8/resnet8/afn+stan_ratio=8")
    assert set(collect(study, runs)["results"].norm) == {c.norm for c in study.cells()}


def test_from_runs_to_decisions_on_the_command_line(runs, tmp_path, capsys):
    study, out = str(tmp_path / "study.json"), tmp_path / "out"
    assert main(["collect", study, "--runs", str(runs), "-o", str(out)]) == 0
    words = [study, "--results", str(out / "results.parquet"), "-o", str(out / "decisions.json")]
    assert main(["decide", *words, "--ablations", str(out / "ablations.json")]) == 0
    decisions = json.loads((out / "decisions.json").read_text())["decisions"]
    assert [d["a"] for d in decisions if d["primary"]] == ["afn@test_batch"]
    assert {d["experiment"] for d in decisions} == {"methods", "lambda_init"}
    ablations = json.loads((out / "ablations.json").read_text())["ablations"]
    assert [x["level"] for x in ablations["trends"][0]["levels"]] == [-5, -3, -1]
    assert [d["norm"] for d in ablations["divergence"] if d["diverged"]] == ["asr"]
    assert sorted(p.name for p in out.iterdir()) == [
        "ablations.json",
        "correct.npz",
        "decisions.json",
        "history.parquet",
        "membership.csv",
        "results.parquet",
    ]
    assert capsys.readouterr().err == ""


def decided_from(runs, tmp_path, prepared, *more) -> list[dict]:
    """Collect and decide on the command line, about images like these."""
    config = {**CONFIG, "plan": {**CONFIG["plan"], "target": "images_like_these"}}
    study = tmp_path / "alike.json"
    study.write_text(study_from_mapping(config, "alike.yaml").to_json())
    out = tmp_path / "alike"
    words = ["collect", str(study), "--runs", str(runs), "--data", str(prepared), "-o", str(out)]
    assert main([*words, *more]) == 0
    words = ["--results", str(out / "results.parquet"), "--correct", str(out / "correct.npz")]
    words += ["-o", str(out / "decisions.json"), "--ablations", str(out / "ablations.json")]
    assert main(["decide", str(study), *words]) == 0
    return json.loads((out / "decisions.json").read_text())["decisions"]


def test_answers_are_collected_for_decisions_about_new_images(runs, tmp_path, prepared, study):
    decided = decided_from(runs, tmp_path, prepared)
    assert {(d["target"], d["images"]) for d in decided} == {("images_like_these", 360)}
    assert all(d["ci"] == d["ci_images"] != d["ci_seeds"] for d in decided)
    members = Correct(tmp_path / "alike" / "correct.npz").sets(
        "digits8x8/resnet8/asr/plain", "any"
    )
    assert members["test_labels"].seeds == [0, 2, 3, 4, 5]  # the run of seed 1 diverged
    assert len(members["test_labels"].tests) == 19


def test_labels_of_other_data_are_refused(runs, tmp_path, prepared, capsys):
    out = str(tmp_path / "o")
    words = ["collect", str(tmp_path / "study.json"), "--runs", str(runs), "-o", out]
    labels = prepared / "digits8x8" / "test_labels.npy"
    kept = labels.read_bytes()
    labels.write_bytes(kept[:-1] + b"\1")
    assert main([*words, "--data", str(prepared)]) == 2
    assert "test_labels.npy is damaged" in capsys.readouterr().err
    write_labels(prepared / "digits8x8", TESTS, IMAGES, value=1)
    assert main([*words, "--data", str(prepared)]) == 2
    assert "from other prepared data than those there are" in capsys.readouterr().err
    assert main([*words, "--data", str(tmp_path / "nowhere")]) == 2
    assert "labels of its tests cannot be read" in capsys.readouterr().err
    # While a study runs, what is not there is said by its decisions.
    decided = decided_from(runs, tmp_path, tmp_path / "nowhere", "--partial")
    assert {d["target"] for d in decided} == {"these_images"}
    assert all("no predictions are stored" in d["notes"][0] for d in decided)


def test_the_same_runs_give_the_same_bytes(runs, tmp_path):
    study, written = str(tmp_path / "study.json"), []
    for name in ("one", "two"):
        out = tmp_path / name
        main(["collect", study, "--runs", str(runs), "-o", str(out)])
        words = [study, "--results", str(out / "results.parquet"), "-o", str(out / "d.json")]
        main(["decide", *words, "--ablations", str(out / "a.json")])
        written.append({p.name: p.read_bytes() for p in out.iterdir()})
    assert written[0] == written[1]


def test_a_mistake_is_one_message(runs, tmp_path, capsys):
    result_of(runs, "batch", 0).unlink()
    words = [
        "collect",
        str(tmp_path / "study.json"),
        "--runs",
        str(runs),
        "-o",
        str(tmp_path / "o"),
    ]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Traceback" not in error
    assert not list((tmp_path / "o").iterdir())
    assert main([*words, "--partial"]) == 0
    assert "seed0" in capsys.readouterr().err
    missing = pd.read_csv(tmp_path / "o" / "missing.csv")
    assert missing[["norm", "seed"]].to_dict("records") == [{"norm": "batch", "seed": 0}]
    (tmp_path / "bad.parquet").write_bytes(b"no table")
    words = [str(tmp_path / "study.json"), "--results", str(tmp_path / "bad.parquet")]
    assert (
        main(["decide", *words, "-o", str(tmp_path / "d"), "--ablations", str(tmp_path / "a")]) == 2
    )
    assert "bad.parquet" in capsys.readouterr().err
    assert main(["collect", str(tmp_path / "no.json"), "--runs", "r", "-o", "o"]) == 2
    assert "no.json" in capsys.readouterr().err


def test_chance_comes_from_the_task(study, results):
    from analysis.results.scores import Scores

    cell = study.cell("digits8x8/resnet8/asr/plain")
    scores = Scores(results, study).of(cell, "shift")
    assert scores.values[1] == 10.0
    assert scores.diverged == {1}
    assert np.isfinite(list(scores.values.values())).all()
