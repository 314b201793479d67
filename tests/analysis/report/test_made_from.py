"""Files from runs to page carry hashes: one that was edited or is old is told, and not used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from afn.common.gate.signature import VARIABLE
from afn.common.made_from import enclosed, read_document
from afn.common.run_folder import write_result
from afn.study import study_from_mapping
from afn.study.state.made import (
    DOCUMENTS,
    LISTS,
    lacking,
    made_findings,
    prepared_findings,
    with_content,
)
from analysis.__main__ import main
from analysis.results.io import content_of, read_table, write_parquet
from tests.analysis.pages import MINIMAL
from tests.analysis.synthetic import draw_history, draw_results, write_runs
from tests.records import predictions_of

RESULTS, REPORTS = Path("results/tiny"), Path("reports/tiny")
STUDY = str(RESULTS / "study.json")
TABLE, DECISIONS = RESULTS / "results.parquet", RESULTS / "decisions.json"
GIVEN = [STUDY, "--results", str(TABLE), "--decisions", str(DECISIONS)]
GIVEN += ["--ablations", str(RESULTS / "ablations.json"), "--search", str(RESULTS / "search.json")]
REPORT = ["report", *GIVEN, "--figures", str(REPORTS / "figures"), "--tables"]
REPORT += [str(REPORTS / "tables"), "-o", str(REPORTS / "index.html")]


def collect() -> int:
    return main(["collect", STUDY, "--runs", str(RESULTS / "runs"), "-o", str(RESULTS)])


def decide() -> int:
    ablations = str(RESULTS / "ablations.json")
    words = ["--results", str(TABLE), "-o", str(DECISIONS), "--ablations", ablations]
    return main(["decide", STUDY, *words])


@pytest.fixture(scope="module")
def study():
    return study_from_mapping(MINIMAL, "tiny.yaml")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, study):
    """A folder with everything from runs to page, made by the commands of the workflow."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_runs(RESULTS / "runs", study, draw_results(study), draw_history(study))
        Path(STUDY).write_text(study.to_json())
        (RESULTS / "search.json").write_text(json.dumps(enclosed("searches", [], {})))
        assert collect() == 0
        assert decide() == 0
        assert main(["figures", *GIVEN, "-o", str(REPORTS / "figures")]) == 0
        assert main(["tables", *GIVEN, "-o", str(REPORTS)]) == 0
        assert main(REPORT) == 0
    return folder


@pytest.fixture
def there(whole, tmp_path, monkeypatch):
    """A copy of it, in which we are."""
    shutil.copytree(whole, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")


def change_json(path: Path, change) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def change_accuracy() -> None:
    """Another accuracy in one run, sealed anew, as another training would leave it."""
    path = next((RESULTS / "runs").rglob("result.json"))
    result = json.loads(path.read_text())
    result["evaluations"][-1]["accuracy"] = 0.5
    predictions = {"predictions.npz": predictions_of(result["evaluations"])}
    history = {"history.csv": path.with_name("history.csv").read_bytes()}
    write_result(path.parent, result, {**history, **predictions})


def test_what_was_made_in_order_is_all_right(there, study):
    assert made_findings(study) == []
    assert lacking(study) == []
    assert 'name="afn-content" content=""' not in (REPORTS / "index.html").read_text()


def test_edited_decisions_are_refused_with_the_way_to_heal(there, study, capsys):
    change_json(DECISIONS, lambda d: d["decisions"][0].update(estimate=12.0))
    assert main(REPORT) == 2
    error = capsys.readouterr().err
    assert f"{DECISIONS}: was changed after it was written" in error
    assert f"rm '{DECISIONS}'" in error
    assert any("was changed after" in line for line in made_findings(study))


def test_decisions_that_the_results_do_not_give_are_refused(there, capsys):
    """Though they be sealed anew: the report decides again."""
    document = read_document(DECISIONS, "decisions")
    document["decisions"][0]["verdict"] = "superior"
    value = enclosed("decisions", document["decisions"], document["made_from"])
    DECISIONS.write_text(json.dumps(value))
    assert main(REPORT) == 2
    assert "the verdict of afn - batch (clean, pooled) is not what" in capsys.readouterr().err


def test_an_edited_table_is_refused(there, study, capsys):
    frame = pd.read_parquet(TABLE)
    frame.loc[3, "accuracy"] = 0.99
    frame.to_parquet(TABLE, index=False)
    for step in (decide, lambda: main(REPORT)):
        assert step() == 2
        assert f"{TABLE}: " in capsys.readouterr().err
    assert any(f"older than {TABLE}" in line for line in made_findings(study))


def test_a_page_that_is_older_than_the_results_is_told(there, study, capsys):
    before = (REPORTS / "index.html").read_text()
    change_accuracy()
    told = made_findings(study)
    assert [f"stale: {DECISIONS}: made from other results of runs than those there are"] == [
        line for line in told if "decisions" in line
    ]
    assert collect() == 0
    assert decide() == 0
    told = made_findings(study)
    assert f"stale: {REPORTS}/index.html: older than {DECISIONS}, or made from another one" in told
    assert main(REPORT) == 2, "the figures are of other decisions"
    error = capsys.readouterr().err
    assert "figures/index.json: made from another" in error
    assert "decisions.json" in error
    assert (REPORTS / "index.html").read_text() == before
    assert main(["figures", *GIVEN, "-o", str(REPORTS / "figures")]) == 0
    assert main(["tables", *GIVEN, "-o", str(REPORTS)]) == 0
    assert main(REPORT) == 0
    assert made_findings(study) == []


def test_a_page_without_its_inputs_is_told(there, study):
    TABLE.unlink()
    assert lacking(study) == [f"missing: {TABLE}"]
    assert any("index.html" in line and "is not there" in line for line in made_findings(study))


def test_an_edited_page_is_told(there, study):
    page = REPORTS / "index.html"
    page.write_text(page.read_text().replace("equivalent", "superior"))
    assert made_findings(study) == [f"changed: {page}: was changed after it was written"]


def test_looks_before_the_last_run_are_counted_on_the_page(there, capsys):
    run = next((RESULTS / "runs").rglob("seed3"))
    run.rename("kept")
    partial = ["partial", STUDY, "--runs", str(RESULTS / "runs"), "-o", str(REPORTS / "partial")]
    assert main(partial) == main(partial) == 0
    Path("kept").rename(run)
    assert main(REPORT) == 0
    text = " ".join((REPORTS / "index.html").read_text().split())
    assert "The results were looked at twice before they were complete: on 20" in text
    assert text.count("(11 of 12 runs)") == 2


def test_a_page_without_early_looks_speaks_of_none(there):
    assert main(REPORT) == main(REPORT) == 0
    assert "looked at" not in (REPORTS / "index.html").read_text()
    assert len((RESULTS / "looks.jsonl").read_text().splitlines()) == 1


def test_a_figure_or_a_table_that_is_lost_is_told_with_the_way_to_heal(there, study):
    for folder, kind in (("figures", "svg"), ("tables", "csv")):
        lost = next((REPORTS / folder).glob(f"*.{kind}"))
        content = lost.read_bytes()
        lost.unlink()
        (told,) = made_findings(study)
        index = REPORTS / folder / "index.json"
        assert told.startswith(f"missing: {lost}: named by {index}; make it again: rm '{index}'")
        lost.write_bytes(content + b"superior")
        (told,) = made_findings(study)
        assert told.startswith(f"changed: {lost}: is not what {index} names; make it again")
        lost.write_bytes(content)


def test_an_edited_copy_of_the_data_is_told(there, study):
    copy = REPORTS / "data/decisions.csv"
    copy.write_text(copy.read_text().replace("equivalent", "superior"))
    (told,) = made_findings(study)
    assert told.startswith(f"changed: {copy}: is not what {REPORTS / 'tables/index.json'} names")


def test_an_edited_plan_is_told(there, study):
    change_json(Path(STUDY), lambda resolved: resolved["plan"].update(alpha=0.5))
    told = made_findings(study)
    assert told[0].startswith(f"changed: {STUDY}: is not the study of the study file; make it")
    assert any(f"older than {STUDY}" in line for line in told)


def test_other_cells_of_an_experiment_are_told(there, study):
    path = RESULTS / "membership.csv"
    path.write_text(path.read_text().replace(",batch,", ",afn,"))
    (told,) = made_findings(study)
    assert told.startswith(f"changed: {path}: does not name the cells of the study")


def test_with_a_key_what_was_sealed_anew_is_told(there, study, monkeypatch, capsys):
    """Without one, hashes that fit are all that there is."""
    monkeypatch.setenv(VARIABLE, "a secret")
    told = made_findings(study)
    unsigned = "it carries no signature, and AFN_SEAL_KEY is set"
    for path in (*DOCUMENTS, *LISTS, "index.html"):
        assert any(path in line and unsigned in line for line in told), path
    for step in (decide, lambda: main(REPORT)):
        assert step() == 2
        assert unsigned in capsys.readouterr().err
    rewrite_runs()
    search = RESULTS / "search.json"
    search.write_text(json.dumps(enclosed("searches", [], {})))
    assert collect() == decide() == 0
    assert main(["figures", *GIVEN, "-o", str(REPORTS / "figures")]) == 0
    assert main(["tables", *GIVEN, "-o", str(REPORTS)]) == 0
    assert main(REPORT) == 0
    assert made_findings(study) == []
    page = (REPORTS / "index.html").read_text()
    monkeypatch.delenv(VARIABLE)
    assert made_findings(study) == [], "who has no key asks for no signature"
    document = read_document(DECISIONS, "decisions")
    sealed_anew = enclosed("decisions", document["decisions"][:1], document["made_from"])
    DECISIONS.write_text(json.dumps(sealed_anew))
    (REPORTS / "index.html").write_text(with_content(page.replace("equivalent", "superior")))
    write_parquet(TABLE, read_table(TABLE), {})
    monkeypatch.setenv(VARIABLE, "a secret")
    told = made_findings(study)
    assert any(f"{DECISIONS}: was not written by this study" in line for line in told)
    assert any(f"{REPORTS}/index.html: was not written by this study" in line for line in told)
    assert decide() == 2
    assert f"{TABLE}: was not written by this study" in capsys.readouterr().err


def rewrite_runs() -> None:
    """The runs once more, as they are, by the writer."""
    for path in (RESULTS / "runs").rglob("result.json"):
        record = json.loads(path.read_text())
        files = {name: path.with_name(name).read_bytes() for name in record["files"]}
        write_result(path.parent, record, files)


def test_prepared_data_that_were_changed_are_told(there, study):
    from afn.common.canonical import sealed
    from afn.common.files import sha256_of

    assert prepared_findings(study) == []
    folder = Path("data/prepared/digits8x8")
    folder.mkdir(parents=True)
    arrays = {}
    for name in ("one.npy", "two.npy", "three.npy"):
        (folder / name).write_text(name)
        arrays[name] = {"file": name, "sha256": sha256_of(folder / name)}
    (folder / "manifest.json").write_text(json.dumps(sealed({"arrays": arrays})))
    assert prepared_findings(study) == []
    (folder / "two.npy").write_text("other")
    (folder / "three.npy").unlink()
    told = prepared_findings(study)
    assert [line.split(": ")[:2] for line in told] == [
        ["changed", f"{folder}/two.npy"],
        ["missing", f"{folder}/three.npy"],
    ]
    (folder / "manifest.json").write_text(json.dumps(sealed({"arrays": {}}) | {"arrays": {"x": 1}}))
    assert prepared_findings(study)[0].startswith("unreadable")


def test_verify_says_so(there, capsys):
    from afn.study.__main__ import main as study_main

    Path("config.yaml").write_text(json.dumps(MINIMAL))
    page = REPORTS / "index.html"
    page.write_text(page.read_text() + "<!-- seen -->")
    assert study_main(["verify"]) == 1
    assert f"changed: {page}" in capsys.readouterr().out


def test_a_table_comes_back_as_it_was_written(tmp_path):
    frame = pd.DataFrame(
        {
            "x": [0.1, None, 0.30000000000000004],
            "n": pd.array([1, None, 3], dtype="Int64"),
            "text": ["a", None, "ä"],
            "nothing": [None, None, None],
        }
    )
    write_parquet(tmp_path / "t.parquet", frame, {})
    assert content_of(read_table(tmp_path / "t.parquet")) == content_of(frame)
    for column, value in (("x", 0.3), ("n", 2), ("text", "A")):
        other = frame.copy()
        other.loc[2, column] = value
        assert content_of(other) != content_of(frame)
