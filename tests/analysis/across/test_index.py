"""The page over all reports says of each what its own page says."""

from __future__ import annotations

import html
import json
import os
import shutil

import pandas as pd
import pytest

from analysis.__main__ import main
from analysis.across import index
from tests.analysis.conftest import ROOT

QUESTION = '<script>alert(1)</script> & "which"?'
PAGE = """<html><body><main><p class="kicker">A title</p><h1>{question}</h1>
<ul class="facts"><li><b>10</b> seeds</li><li><b>2</b> networks</li></ul>
<section id="answer" class="answer"><h2>The answer</h2>
<p>With n = 10 paired <span class="term">seeds</span>, it is <br>better.</p>
<p>The intervals are over seeds.</p>
<div class="table"><p class="caption">A table.</p><table><tr><td><p>not this</p></table></div>
<p>Nor this.</p></section><section><p>Nor that.</p></section></main></body></html>"""


@pytest.fixture
def reports(tmp_path):
    folder = tmp_path / "reports"
    for name in ("b", "a"):
        (folder / name / "data").mkdir(parents=True)
        (folder / name / "index.html").write_text(PAGE.format(question=html.escape(QUESTION)))
    (folder / "empty").mkdir()
    (folder / "notes.md").write_text("x")
    run = {"task": "t", "backbone": "n", "norm": "afn", "recipe": "plain"}
    rows = [run | {"seed": s, "train_seconds": 900.0, "n": k} for s in range(8) for k in (1, 2)]
    pd.DataFrame(rows).to_csv(folder / "a/data/results.csv", index=False)
    os.utime(folder / "b/index.html", (1_000_000_000, 1_000_000_000))
    (tmp_path / "results/a").mkdir(parents=True)
    look = {"command": "report", "runs": 1, "declared": 1, "content": "x"}
    lines = [{"time": "2026-01-02 10:00", **look}, {"time": "2026-03-04 10:00", **look}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "results/a/looks.jsonl").write_text(text)
    return folder


def test_what_is_read_of_a_page(reports):
    first, second = index.collect(reports, reports.parent / "results")
    assert (first.study, second.study) == ("a", "b")
    assert first.question == QUESTION
    assert first.title == "A title"
    assert first.answer == [
        "With n = 10 paired seeds, it is better.",
        "The intervals are over seeds.",
    ]
    assert first.facts == ["10 seeds", "2 networks"]
    assert first.hours == "2.0 hours"
    assert first.date == "2026-03-04"
    assert (second.date, second.hours) == ("2001-09-09", "")


def test_the_command_writes_a_page_with_links(reports, capsys):
    assert main(["index", str(reports), "--results", str(reports.parent / "results")]) == 0
    assert capsys.readouterr().out == f"{reports / 'index.html'}: two reports\n"
    text = (reports / "index.html").read_text()
    assert "<script>" not in text
    assert html.escape(QUESTION, quote=True).replace("&quot;", "&#34;") in text
    assert 'href="a/index.html"' in text
    assert "trained for 2.0 hours" in text
    # Made again, it does not list itself.
    assert main(["index", str(reports)]) == 0
    assert "two reports" in capsys.readouterr().out


def test_a_folder_without_reports(tmp_path, capsys):
    (tmp_path / "reports").mkdir()
    assert main(["index", str(tmp_path / "reports")]) == 0
    assert "No report yet" in (tmp_path / "reports/index.html").read_text()
    assert main(["index", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_the_committed_report_is_read(tmp_path):
    shutil.copytree(ROOT / "reports/sample", tmp_path / "sample")
    (found,) = index.collect(tmp_path, tmp_path)
    assert found.question.startswith("Does AFN beat")
    assert found.answer[0].startswith("In short: in none of its six primary comparisons")
    assert any(fact.endswith("seeds") for fact in found.facts)
    assert not any("first-named arm minus" in text for text in found.answer)
