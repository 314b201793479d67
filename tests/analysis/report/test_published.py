"""The sections on domains and on the paper's numbers: page, CSV, LaTeX and figure say the same."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from types import SimpleNamespace
from unittest.mock import patch

import pandas as pd
import pytest

from analysis.decisions.decide import decide
from analysis.decisions.decision import Decision
from analysis.decisions.domain_matrices import MEAN
from analysis.display import formatting, paper_names
from analysis.display.latex import text as latex
from analysis.figures import domains, making, published
from analysis.figures.drawing import style
from analysis.inputs import Inputs
from analysis.published.judging import judge
from analysis.report import answer
from analysis.report import published as section
from analysis.results.scores import CELL
from analysis.tables.domains import table as domains_table
from analysis.tables.published import tables
from tests.analysis.pages import build
from tests.analysis.report.test_page import Reader
from tests.analysis.table_results import document_of, study_of, table_results
from tests.sharing import once

LEVEL = {"mnist": 72.0, "svhn": 30.0, "usps": 72.0, "mnist_m": 40.0, "clean": 90.0}
NO_HISTORY = pd.DataFrame(columns=[*CELL, "seed", "epoch", "quantity", "layer", "value"])


def score(cell, condition, severity, protocol, seed):
    """AFN is a point above BatchNorm; test-batch statistics give two more."""
    value = LEVEL[condition] + (cell.norm == "afn") + 2 * (protocol == "test_batch")
    return value + 0.3 * (seed % 3)


@pytest.fixture(scope="module")
def changes():
    """Table 1 with two methods, without the experiments that it does not need."""
    main = document_of("table1_digits")["experiments"]["normalizations"]
    main["factors"]["norm"] = ["batch", "afn"]
    main["contrasts"] = [["afn", "batch"]]
    return {"experiments": {"normalizations": main}, "protocol_sweep": None, "seeds": 6}


def load(name, score, **changed):
    study = study_of(name, **changed)
    results = table_results(study, score)
    decisions = [Decision.from_dict(d.to_dict()) for d in decide(results, study)]
    return Inputs(study, results, NO_HISTORY, decisions)


@pytest.fixture(scope="module")
def one(changes, tmp_path_factory):
    def make(folder):
        inputs = load("table1_digits", score, **changes)
        with ExitStack() as stack:
            # The other figures are drawn by the tests of other studies.
            for family in making.FAMILIES:
                if family not in (domains, published):
                    stack.enter_context(patch.object(family, "pictures", return_value=[]))
            return build(inputs, folder, document_of("table1_digits", **changes))

    return once(tmp_path_factory, "one published table", make)


@pytest.fixture(scope="module")
def read(one):
    return Reader(one.html)


def saved(one, folder, name):
    return pd.read_csv(one.folder / folder / f"{name}.csv")


def test_the_sections_are_there_and_in_the_contents(one, read):
    assert {"domains", "published", "fig-domains", "fig-published"} <= set(read.ids)
    assert '<a href="#published">Against the published numbers</a>' in one.html
    for name in ("domains", "published"):
        assert f'href="data/{name}.csv"' in one.html
    names = {
        made["name"] for made in json.loads((one.folder / "tables/index.json").read_text())["made"]
    }
    assert {"domains", "published", "published_gains"} <= names


def test_csv_page_and_latex_hold_the_records(one, read):
    records = {
        "published": one.inputs.published.numbers,
        "published_gains": one.inputs.published.gains,
    }
    for table in tables(one.inputs):
        found, own = saved(one, "tables", table.name), records[table.name]
        assert sorted(found["difference"]) == pytest.approx(sorted(r["difference"] for r in own))
        assert found["verdict"].value_counts().to_dict() == (
            pd.Series([r["verdict"] for r in own]).value_counts().to_dict()
        )
        # The first column is the heading of each group.
        rows = [row for row in read.tables[table.name][1:] if len(row) > 1]
        assert rows == [row[1:] for row in table.rows]
        text = (one.folder / "tables" / f"{table.name}.tex").read_text(encoding="utf-8")
        text = text.replace(r"\raggedright ", "")
        for row in table.rows:
            assert rf"\emph{{{latex.escape(row[0])}}}" in text
            assert " & ".join(latex.escape(cell) for cell in row[1:]) in text


def test_a_row_by_hand(one):
    (numbers, gains) = tables(one.inputs)
    # Seeds 0 to 5 add 0, .3, .6, 0, .3, .6: mean .3, standard deviation .2683.
    row = next(r for r in numbers.rows if r[:3] == ["Tested on MNIST", "AFN", "test batch"])
    assert row[3:6] == ["77.6", "75.30 \u00b1 0.27 (6)", "\u22122.30"]
    assert row[-2:] == ["0", "contradicted"]
    beside = next(r for r in numbers.rows if r[:3] == ["Tested on MNIST", "AFN", "(running)"])
    assert beside[3:5] == ["77.6", "73.30 \u00b1 0.27 (6)"]
    row = next(r for r in gains.rows if r[2] == "test batch \u2212 running")
    assert row[:2] == ["Tested on MNIST", "AFN \u2212 BatchNorm"]
    assert row[3:6] == ["+3.60", "+3.00 \u00b1 0.00 (6)", "\u22120.60"]
    assert row[-1] == "replicated"
    equal = [r for r in gains.rows if r[2] in ("(both running)", "(both test batch)")]
    assert {r[4] for r in equal} == {"+1.00 \u00b1 0.00 (6)"}


def test_scores_behind_the_verdicts_give_the_means(one):
    behind = saved(one, "data", "published")
    key = ["kind", "method", "condition", "protocol"]
    mean = behind[behind["kind"] == "number"].groupby(key[1:])["ours"].mean()
    for r in one.inputs.published.numbers:
        assert mean[tuple(r[k] for k in key[1:])] == pytest.approx(r["mean"])


def test_the_matrix_in_table_and_files(one):
    table, rows = domains_table(one.inputs), saved(one, "tables", "domains")
    matrix = next(m for m in one.inputs.domains if (m.norm, m.protocol) == ("afn", "test_batch"))
    own = rows[(rows["norm"] == "afn") & (rows["protocol"] == "test_batch")]
    corner = own[(own["source"] == MEAN) & (own["target"] == MEAN)]["mean"].item()
    assert corner == pytest.approx((72 + 30 + 72 + 40) / 4 + 3.3)
    assert matrix.value(MEAN, "svhn") == pytest.approx(33.3)
    block = [row for row in table.rows if row[0] == "AFN, test batch"]
    assert block[0][1:4] == ["MNIST", "(93.3 \u00b1 0.3)", "33.3 \u00b1 0.3"]
    assert block[-1][1:] == ["printed in the paper", "77.6", "33.8", "73.4", "44.8", "57.4"]
    # Under running statistics the paper printed nothing.
    assert [row[1] for row in table.rows if row[0] == "AFN, running"][-1] == "mean over sources"
    assert "bottom margin" in table.note
    behind = saved(one, "data", "domains")
    assert len(behind) == 4 * 4 * 4 * 6


def test_figures_carry_their_numbers(one):
    numbers = saved(one, "figures", "published")
    records = [*one.inputs.published.numbers, *one.inputs.published.gains]
    assert sorted(numbers["mean"]) == pytest.approx(sorted(r["mean"] for r in records))
    assert len(saved(one, "figures", "domains")) == 4 * (16 + 4 + 4 + 1)
    texts = re.search(r'id="fig-published".*?</figure>', one.html, re.DOTALL)[0]
    assert texts.count("contradicted") >= sum(r["verdict"] == "contradicted" for r in records)


def test_the_answer_counts_verdicts(one):
    text = answer.after(one.inputs)[-1]
    numbers = [r for r in one.inputs.published.numbers if r["as_printed"]]
    assert "of 10 numbers that the paper prints in table 1" in text
    for verdict in paper_names.VERDICTS:
        n = sum(r["verdict"] == verdict for r in numbers)
        if n:
            assert f"{formatting.small(n)} {'is' if n == 1 else 'are'} {verdict}" in text
    # All gains are 1 under equal statistics; printed are 3.6, 3.5, .2, 6.1 and 3.3.
    assert "with running statistics for both, one is replicated and four are contradicted" in text


def test_what_is_not_the_papers_is_said(one, read):
    items = section.deviations(one.inputs, {})
    assert any("epochs 50, schedule cosine" in text for text in items)
    assert any("first 10,000 training images" in text for text in items)
    assert any("not at hand" in text for text in items)
    page = " ".join(" ".join(read.text).split())
    assert all(text in page for text in items)
    reasons = section.unmatched(one.inputs)
    assert sum(text.count("Batch-Instance") for text in reasons) == 5
    assert any("no norm asr" in text for text in reasons)


@pytest.mark.seconds
def test_regenerated_and_cut_data_are_named():
    changed = {"seeds": 6, "protocol_sweep": None}
    inputs = load("table2_cifar10_c", lambda *_: 50.0, **changed)
    inputs.results["n"] = 500
    task = inputs.study.cells()[0].task
    note = "The corrupted images are CIFAR-10-C (regenerated): made by this project."
    prepared = {task: {"title": "CIFAR-10-C (regenerated)", "notes": [note], "train": 13_500}}
    texts = section.deviations(inputs, prepared)
    assert any(note in text for text in texts)
    assert any("trained on 13,500 images; the published files give 45,000" in t for t in texts)
    assert any("tested on 500 images; the published test set has 10,000" in t for t in texts)
    inputs = load("table2_cifar10_c", lambda *_: 50.0, **changed)
    texts = section.deviations(
        inputs, {task: {"title": "CIFAR-10-C", "notes": [], "train": 45_000}}
    )
    assert not any("regenerated" in t or "not the paper's data" in t for t in texts)


def test_a_study_without_a_match_has_no_section(minimal):
    assert 'id="published"' not in minimal.html
    assert 'id="domains"' not in minimal.html
    assert list(tables(minimal.inputs)) == []
    assert section.answer(minimal.inputs) == []
    assert section.deviations(minimal.inputs, {}) == []
    assert not (minimal.folder / "data" / "published.csv").exists()


def test_a_printed_nan_and_a_wrong_average_are_shown(monkeypatch):
    study = study_of("table6_cifar100", protocol_sweep=None, seeds=6)
    cells = [c for c in study.cells() if (c.backbone, c.norm) == ("vgg16_bn", "asr")]
    lost = tuple((c.path, s) for c in cells for s in range(2))
    judged = judge(study, table_results(study, lambda *_: 70.0, lost))
    inputs = SimpleNamespace(published=judged, study=study)
    row = next(r for r in next(tables(inputs)).rows if r[3] == "nan")
    assert row[:3] == ["vgg16_bn", "ASRNorm", "any"]
    # Clopper-Pearson of 2 of 6: 4.3 to 77.7 %.
    assert row[-4:] == ["rate 4 to 78 %", "\u2013", "2 of 6", "inconclusive"]
    style.use()
    (picture,) = published.pictures(inputs)
    assert "how many of our runs diverged" in picture.caption
    for record in judged.numbers:
        record["average_agrees"] = False
    table = next(tables(inputs))
    assert any("not the mean of its cells" in row[3] for row in table.rows)


def test_runs_that_are_missing_are_drawn_as_nothing():
    study = study_of("table5_cifar10", protocol_sweep=None, seeds=6)
    results = table_results(study, lambda *_: 90.0)
    few = results[results["backbone"] == "resnet18"]
    inputs = SimpleNamespace(published=judge(study, few), study=study)
    style.use()
    (picture,) = published.pictures(inputs)
    assert picture.numbers["n"].isin([0, 6]).all()
    assert (picture.numbers["n"] == 0).any()
    assert list(domains.pictures(SimpleNamespace(domains=[]))) == []
