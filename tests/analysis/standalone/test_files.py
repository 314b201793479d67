"""Files of any kind and tables with holes: a report, or one message."""

from __future__ import annotations

import io
import json
import sys

import pytest

from afn.common.errors import StudyError
from analysis.__main__ import main
from analysis.standalone.compare import compare
from analysis.standalone.reading import read_table
from tests.analysis.standalone.field_tables import (
    FAULTS,
    NAMES,
    arms,
    plan,
    read,
    told,
    written,
)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("grid_with_holes", []),
        ("baseline_missing_in_one_part", ["--per", "dataset"]),
    ],
)
def test_holes_leave_a_whole_report(name, options, tmp_path, capsys):
    words = [str(FAULTS / f"{name}.csv"), "--baseline", "a", "--metric", "accuracy", *options]
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    page = (tmp_path / "out" / "index.html").read_text()
    if options:
        assert printed.count("(y, all): not enough pairs") == 2
        assert "a has no score (y): " in printed
    else:
        assert "Mixed model: " in page
        assert "a has no score in y" in printed


def test_all_rows_diverged(tmp_path, capsys):
    frame = arms().assign(status="diverged", accuracy="")
    words = [written(frame, tmp_path), "--baseline", "a", "--metric", "accuracy"]
    assert main([*words, "--diverged", "10", "-o", str(tmp_path / "out")]) == 0
    assert "nothing to compare" in capsys.readouterr().out


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("\n", ",\n"),
        lambda text: "\n".join(
            [text.split("\n")[0], *(x + ",," for x in text.split("\n")[1:] if x)]
        ),
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", ";").replace(".", ","),
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace(",", "|"),
        lambda text: text.replace(",", ", "),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n") + "\r\n\r\n",
    ],
)
def test_files_of_any_kind_hold_the_same_scores(spoil, tmp_path):
    frame = arms()
    text = spoil(frame.to_csv(index=False))
    path = tmp_path / "scores.csv"
    path.write_text(text, encoding="utf-8", newline="")
    found = read_table(str(path), NAMES, ("method", "accuracy")).frame
    assert [d.to_dict() for d in compare(found, plan())] == [
        d.to_dict() for d in compare(frame, plan())
    ]
    path.write_bytes(text.lstrip("\ufeff").encode("utf-16"))
    assert read_table(str(path), NAMES, ("method", "accuracy")).frame.equals(found)


def test_row_end_commas_are_said():
    found = read_table(str(FAULTS / "trailing_commas.csv"), NAMES, ("accuracy",))
    assert found.told == ["Empty fields at the end of 24 rows were cut off: no column holds them."]
    assert [d.n for d in compare(found.frame, plan())] == [6, 6, 6]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method,seed,accuracy\na,0,1,2\n", "row 1 has 4 fields, the header has 3"),
        ("method,seed,accuracy\na,0\n", "row 1 has 2 fields, the header has 3"),
        ("method,seed,seed,accuracy\n", "column 'seed' occurs twice"),
        ("", "it is empty"),
        ("\0\1\2", "is no text"),
    ],
)
def test_files_that_are_no_table(text, message, tmp_path):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(StudyError, match=message):
        read_table(str(tmp_path / "x.csv"), NAMES)


@pytest.mark.parametrize("name", ["scores.PARQUET", "scores.pq", "scores.parquet", "scores"])
def test_parquet_by_any_name(name, tmp_path):
    arms().to_parquet(tmp_path / "x")
    (tmp_path / "x").rename(tmp_path / name)
    assert read_table(str(tmp_path / name)).frame.equals(arms())


def test_standard_input(monkeypatch, tmp_path, capsys):
    text = arms().to_csv(index=False).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    words = ["--baseline", "a", "--metric", "accuracy", "-o", str(tmp_path / "out")]
    assert main(["-", *words]) == 0
    found = json.loads((tmp_path / "out" / "decisions.json").read_text())
    assert list(found["made_from"]) == ["standard input"]
    assert "24 scores" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["run names", "times", "times that repeat"])
def test_columns_that_name_rows_are_no_blocks(kind):
    frame = read("column_of_run_names")
    if kind != "run names":
        every = 1 if kind == "times" else 2
        cells = [f"2026-01-01 10:{i // every if i < 6 else i:02}" for i in range(len(frame))]
        frame["run"] = cells
    assert [(d.backbone, d.n) for d in compare(frame, plan())] == [
        ("pooled", 6),
        ("x", 6),
        ("y", 6),
    ]
    assert "Column run differs in " in told(frame, plan())


@pytest.mark.parametrize("name", ["Seed", "random_seed", "SEED"])
def test_a_seed_column_by_another_name(name):
    frame = arms().rename(columns={"seed": name})
    with pytest.raises(StudyError, match=f"no column 'seed', but one called '{name}': say --seed"):
        compare(frame, plan())
    assert [d.n for d in compare(frame, plan(seed=name))] == [6, 6, 6]


def test_a_missing_seed_column():
    with pytest.raises(StudyError, match=r"no column 'seed'; does 'trial' hold the seeds"):
        compare(arms().rename(columns={"seed": "trial"}), plan())


@pytest.mark.parametrize(
    ("one", "other"), [("b", "B"), ("b", "b\u200b"), ("\u00e9", "e\u0301"), ("b 1", "b\u00a01")]
)
@pytest.mark.parametrize(("column", "many"), [("method", "Methods"), ("block", "Blocks")])
def test_names_that_look_alike_are_said(column, many, one, other):
    frame = arms()
    frame = frame.rename(columns={"dataset": "block"})
    first = sorted(frame[column].unique())[-1]
    frame[column] = frame[column].replace(first, one)
    half = frame[column].eq(one) & frame["seed"].ge(3)
    frame.loc[half, column] = other
    text = told(frame, plan())
    first, second = sorted([one, other])
    assert f"{many} that look alike are told apart: {first!a} and {second!a}" in text
    assert "look alike" not in told(arms(), plan())


def test_what_looks_wrong_is_said():
    frame = arms()
    copied = frame.copy()
    copied.loc[copied["seed"] == 3, "accuracy"] = copied.loc[
        copied["seed"] == 1, "accuracy"
    ].to_numpy()
    assert (
        "Seeds with the same scores to the last bit, in every method and block: 1 and 3."
        in told(copied, plan())
    )
    mixed = frame.copy()
    mixed.loc[mixed["method"] == "b", "accuracy"] /= 100
    assert "Percent beside fractions? 12 scores" in told(mixed, plan())
    assert "as large as the scores themselves" in told(frame, plan(margin=70.0))
    fractions = frame.assign(accuracy=frame["accuracy"] / 100)
    assert "as large as the scores themselves" in told(fractions, plan(margin=1.0))
    quiet = told(frame, plan(margin=1.0))
    assert not any(word in quiet for word in ("last bit", "Percent", "as large as"))
