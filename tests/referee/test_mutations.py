"""A report that says what is not so is found: old faults, put back one by one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.referee import referee
from tests.referee.evidence import Evidence
from tests.referee.page import answer, sentences, tables
from tests.referee.recomputed import comparisons, decisions, repeated, searches

pytestmark = pytest.mark.long
DRAW = """
import argparse, sys
from analysis.figures import severity
from analysis.figures.drawing import style
from analysis.inputs import add_inputs, load
parser = argparse.ArgumentParser()
add_inputs(parser)
style.use()
for picture in severity.pictures(load(parser.parse_args(sys.argv[2:]))):
    picture.numbers.to_csv(f"{sys.argv[1]}/{picture.name}.csv", index=False)
"""
"""Draws the two figures of severities by the package that lies in the working folder."""


@pytest.fixture
def report(rates, tmp_path) -> Path:
    """A copy of a report, to be spoiled."""
    copy = tmp_path / "report"
    shutil.copytree(rates.made.report, copy, ignore=shutil.ignore_patterns("*.png", "*.pdf"))
    return copy


def spoil(path: Path, change) -> None:
    frame = pd.read_csv(path)
    spoilt = change(frame.copy())
    assert not spoilt.equals(frame)
    spoilt.to_csv(path, index=False)


def named(found: list[str], figure: str) -> bool:
    return bool(found) and all(text.startswith(figure) for text in found)


def test_differences_from_the_mean_of_differently_trained_networks(rates, report):
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        levels = pd.read_csv(report / "figures/severity.csv")
        base = levels[levels["norm"] == "batch"]
        base = base.groupby(["task", "backbone", "panel", "severity"])["value"].mean()
        own = levels.join(base.rename("base"), on=base.index.names)
        return rows.assign(value=(own["value"] - own["base"]).to_numpy(), low=None, high=None)

    spoil(report / "figures/severity-difference.csv", change)
    assert named(referee.of_figures(rates, report), "severity-difference")


def test_the_old_subtraction_in_the_code_itself(rates, tmp_path):
    """Once as it is, which is right, and once with the recipe left out of the reference."""
    shutil.copytree(rates.made.folder / "analysis", tmp_path / "analysis")
    assert drawn(rates, tmp_path, "sound") == []
    code = tmp_path / "analysis/figures/severity.py"
    text = code.read_text(encoding="utf-8")
    old = text.replace(
        'reference.set_index(["recipe", "seed", "severity"])["accuracy"]',
        'reference.groupby(["seed", "severity"])["accuracy"].mean()',
    ).replace('on=["recipe", "seed", "severity"]', 'on=["seed", "severity"]')
    assert old.count('["seed", "severity"]') == 2
    code.write_text(old, encoding="utf-8")
    found = drawn(rates, tmp_path, "spoilt")
    assert named(found, "severity-difference")
    assert any("norm=batch" in text for text in found)  # the reference itself leaves zero


def drawn(e: Evidence, folder: Path, name: str) -> list[str]:
    """What is wrong in figures that the package in a folder draws of a study."""
    (folder / name).mkdir()
    results = e.made.results
    files = ["--results", results / "results.parquet", "--decisions", results / "decisions.json"]
    command = [sys.executable, "-c", DRAW, folder / name, results / "study.json", *files]
    path = os.pathsep.join(map(str, (folder, e.made.folder)))
    env = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = []
    for figure in sorted((folder / name).glob("*.csv")):
        found += referee.of_figure(e, figure.stem, figure)
    assert len(list((folder / name).iterdir())) == 2
    return found


def test_a_label_without_its_recipe(rates, report):
    spoil(
        report / "figures/severity.csv",
        lambda rows: rows.assign(label=rows["label"].str.partition(",")[0].str.partition(" ")[0]),
    )
    found = referee.of_figures(rates, report)
    assert named(found, "severity")
    assert any("names 2 things" in text for text in found)


def test_a_recipe_under_anothers_name(rates, report):
    rates_of = {
        "plain+epochs=1": "plain+epochs=1+lr=0.003",
        "plain+epochs=1+lr=0.003": "plain+epochs=1",
    }
    spoil(report / "tables/accuracies.csv", lambda t: t.assign(recipe=t["recipe"].map(rates_of)))
    assert named(referee.of_tables(rates, report), "accuracies")


@pytest.mark.parametrize(
    "caveat",
    [
        "Every arm was trained with the same recipe, and none was tuned: a caveat.",
        "Recipe, the same in every cell: lr 0.001 epochs 1",
    ],
)
def test_the_old_caveat(rates, caveat):
    right = "Recipe, the same in every cell: epochs 1 different between cells: lr 0.001 and 0.003"
    assert sentences.false_caveats(rates, right) == []
    assert sentences.false_caveats(rates, f"{right} {caveat}")


def test_a_verdict_that_is_left_out(rates, report):
    spoil(report / "data/decisions.csv", lambda t: t.assign(a=t["a"].where(t.index > 0, "batch")))
    assert referee.of_decisions(rates, report)


def test_a_verdict_that_the_numbers_do_not_allow(rates):
    own = json.loads((rates.made.results / "decisions.json").read_text())["decisions"]
    sound = [d for d in own if not decisions.words(rates, [d])]
    assert len(sound) >= len(own) - 2
    assert all(decisions.words(rates, [d | {"verdict": "nothing to compare"}]) for d in sound)


@pytest.mark.parametrize("column", ["estimate", "ci_low", "p", "p_adjusted", "n", "g_z"])
def test_a_number_of_a_decision(rates, report, column):
    spoil(report / "data/decisions.csv", lambda t: t.assign(**{column: t[column] * (1 + 1e-6)}))
    found = referee.of_decisions(rates, report)
    assert found
    assert all(f": {column} is" in text for text in found)


def test_a_level_that_is_not_the_plans(rates):
    for text in ("its 95 % interval", "95\u00a0% bootstrap interval", "95 % confidence"):
        assert sentences.false_levels(rates, text)
    assert (
        sentences.false_levels(rates, "its 90 % interval; 80 % (1 \u2212 2 alpha) interval") == []
    )


def test_a_number_that_nobody_computed(rates):
    assert answer.unknown(rates, "AFN gains +47.11 points") == ["+47.11"]


def test_a_figure_that_no_rule_knows(rates, report):
    index = report / "figures/index.json"
    index.write_text(index.read_text().replace('"conditions"', '"weather"'))
    assert any("nobody recomputes" in text for text in referee.of_figures(rates, report))


def spoil_page(report: Path, old: str, new: str) -> None:
    """Write the page otherwise, once."""
    page = report / "index.html"
    text = page.read_text(encoding="utf-8")
    assert old in text
    page.write_text(text.replace(old, new, 1), encoding="utf-8")


def cell(report: Path, table: str, row: int, column: str) -> str:
    """What a printed table says at a place."""
    shown = tables.read(report / "index.html")[table]
    return shown.rows[row][shown.heads.index(column)]


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("board", "difference"),
        ("board", "interval"),
        ("verdicts", "simultaneous"),
        ("verdicts", "g"),
        ("backbones", "difference"),
        ("accuracies", "clean images"),
        ("dependence", "differences"),
        ("cost", "parameters"),
    ],
)
def test_a_printed_number_that_is_not_the_files(rates, report, table, column):
    found = referee.of_page(rates, with_another_number(report, table, column))
    assert named(found, table)
    assert all(repr(column) in text for text in found)


@pytest.mark.parametrize("column", ["differ", "first is better on"])
def test_a_printed_number_of_images_that_is_not_the_answers(rates, report, column):
    assert named(referee.of_page(rates, with_another_number(report, "images", column)), "images")


def with_another_number(report: Path, table: str, column: str) -> Path:
    """The report with a digit of the second row of a printed table changed."""
    text = cell(report, table, 1, column)
    digit = max(i for i, c in enumerate(text) if c.isdigit() and c != "0")
    other = text[:digit] + str(int(text[digit]) - 1) + text[digit + 1 :]
    page = (report / "index.html").read_text(encoding="utf-8")
    start = page.index(f'id="table-{table}"')
    mended = page[:start] + page[start:].replace(f">{text}<", f">{other}<", 1)
    (report / "index.html").write_text(mended, encoding="utf-8")
    return report


def test_two_rows_that_change_places(rates, report):
    page = report / "index.html"
    text = page.read_text(encoding="utf-8")
    start = text.index('id="table-board"')
    rows = re.findall(r'<tr(?![^>]*class="group")[^>]*>.*?</tr>', text[start:])[1:3]
    head, tail = text[:start], text[start:]
    for old, new in zip(rows, ("@0", "@1"), strict=True):
        tail = tail.replace(old, new, 1)
    page.write_text(head + tail.replace("@0", rows[1]).replace("@1", rows[0]), encoding="utf-8")
    assert named(referee.of_page(rates, report), "board")


def test_a_table_without_a_row(rates, report):
    page = report / "index.html"
    text = page.read_text(encoding="utf-8")
    start = text.index('id="table-verdicts"')
    row = re.search(r'<tr[^>]* id="row-.*?</tr>', text[start:])[0]
    page.write_text(text.replace(row, ""), encoding="utf-8")
    assert any("rows are printed" in found for found in referee.of_page(rates, report))


def test_an_explored_comparison_that_looks_like_a_claim(searched, tmp_path):
    copy = tmp_path / "report"
    shutil.copytree(searched.made.report, copy, ignore=shutil.ignore_patterns("*.png", "*.pdf"))
    spoil_page(copy, " (for these settings, exploratory)", "")
    assert named(referee.of_page(searched, copy), "board")


def test_brackets_behind_brackets():
    assert sentences.doubled("superior (t-test alone) (exploratory)")
    assert sentences.doubled("superior (t-test alone; exploratory), AFN (both test batch)") == []


def test_a_sentence_with_the_number_of_another_decision(rates, report):
    own = json.loads((rates.made.results / "decisions.json").read_text())["decisions"]
    assert sentences.spoken(rates, report / "index.html", own) == []
    spoil_page(report, "; difference ", "; difference +47.11 points, or ")
    assert sentences.spoken(rates, report / "index.html", own)


def test_an_interval_by_another_name(searched):
    path = searched.made.report / "figures/forest.csv"
    rows = pd.read_csv(path, keep_default_na=False, na_values=[""])
    assert comparisons.kinds(searched, "forest", rows) == []
    rows["interval"] = "t, 0.95"
    assert comparisons.kinds(searched, "forest", rows)


@pytest.mark.parametrize("column", ["state", "value", "number"])
def test_a_trial_that_was_not_trained_so(searched, column):
    path = searched.made.report / "figures/search-history.csv"
    rows = pd.read_csv(path)
    assert searches.trials(searched, "search-history", rows) == []
    rows[column] = rows[column].to_numpy()[::-1]
    assert searches.trials(searched, "search-history", rows)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("tuning_spread", "chosen"),
        ("tuning_spread", "edge"),
        ("tuned_variance", "sd_runs"),
        ("tuned_variance", "half_width_of_twice"),
        ("tuned_variance", "n"),
        ("tuned_gain", "change"),
        ("tuned_gain", "tuned_n"),
        ("search_budget", "epochs"),
        ("search_budget", "best"),
    ],
)
def test_another_number_of_repeated_searches(default, name, column):
    table = pd.read_csv(default.made.report / f"tables/{name}.csv")
    rule = getattr(repeated, name, None) or getattr(searches, name)
    assert rule(default, table) == []
    old = table[column]
    wrong = old.to_numpy()[::-1] if name == "tuning_spread" else old * 1.01
    assert rule(default, table.assign(**{column: wrong}))
