"""Collecting runs, with the study as ``afn.study`` resolves it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from afn.common.leases import mark
from afn.study import StudyError
from analysis.decisions.decide import decide
from analysis.results.collect import collect
from tests.analysis.results.collected import KEYS, edit, other_machine, result_of
from tests.analysis.synthetic import draw_history, long_history, write_runs


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
    with pytest.raises(StudyError, match=r"the result is of another run: .*/seed4"):
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


def test_chance_comes_from_the_task(study, results):
    from analysis.results.scores import Scores

    cell = study.cell("digits8x8/resnet8/asr/plain")
    scores = Scores(results, study).of(cell, "shift")
    assert scores.values[1] == 10.0
    assert scores.diverged == {1}
    assert np.isfinite(list(scores.values.values())).all()
