"""From runs to decisions on the command line."""

from __future__ import annotations

import json

import pandas as pd

from afn.study import study_from_mapping
from analysis.__main__ import main
from analysis.results.correct import Correct
from tests.analysis.results.collected import CONFIG, TESTS, result_of
from tests.analysis.small_study import IMAGES
from tests.records import write_labels


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
    members = Correct(tmp_path / "alike" / "correct.npz").sets("digits8x8/resnet8/asr/plain", "any")
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
