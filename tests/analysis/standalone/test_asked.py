"""What is asked beside the decisions: trends, factors, single runs."""

from __future__ import annotations

import html
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from analysis.__main__ import main
from analysis.standalone.compare import compare
from tests.analysis.standalone.field_tables import (
    arms,
    plan,
    told,
    written,
)


def asked(tmp_path, frame, *options):
    words = [written(frame, tmp_path), "--baseline", "a", "--metric", "accuracy", *options]
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    return json.loads((tmp_path / "out" / "asked.json").read_text())


def test_trend_and_factors(tmp_path, capsys):
    frame = arms(names=("a", "b", "c"), gap=2.0)
    frame["width"] = frame["method"].map({"a": "1", "b": "2", "c": "3"})
    found = asked(tmp_path, frame, "--trend", "a,b,c", "--factor", "width", "--factor", "dataset")
    means = frame.pivot_table(index="seed", columns="method", values="accuracy")
    theirs = stats.page_trend_test(means.to_numpy(), method="exact")
    assert found[0]["L"] == theirs.statistic
    assert found[0]["p"] == pytest.approx(2 * theirs.pvalue)
    balanced = ols("accuracy ~ C(seed) + C(width) * C(dataset)", frame).fit()
    expected = anova_lm(balanced, typ=2)
    terms = {t["term"]: t for t in found[1]["terms"]}
    assert terms["width"]["F"] == pytest.approx(expected.loc["C(width)", "F"])
    assert terms["width:dataset"]["p"] == pytest.approx(
        expected.loc["C(width):C(dataset)", "PR(>F)"]
    )
    printed = capsys.readouterr().out
    page = html.unescape((tmp_path / "out" / "index.html").read_text())
    for entry in found:
        assert entry["sentence"] in printed
        assert entry["sentence"] in page


def test_single_runs_by_mcnemar(tmp_path):
    rng = np.random.default_rng(0)
    right = {m: rng.random(60) < q for m, q in (("a", 0.5), ("b", 0.8), ("c", 0.5))}
    frame = pd.DataFrame(
        [
            {"method": m, "image": f"{i:03}", "accuracy": int(x)}
            for m, xs in right.items()
            for i, x in enumerate(xs)
        ]
    )
    found = asked(tmp_path, frame, "--mcnemar", "image")
    only = [int(np.sum(right["b"] & ~right["a"])), int(np.sum(~right["b"] & right["a"]))]
    assert [found[0]["only_a"], found[0]["only_b"]] == only
    assert found[0]["p"] == pytest.approx(stats.binomtest(only[0], sum(only)).pvalue)
    assert found[0]["p_adjusted"] == pytest.approx(2 * found[0]["p"])
    gap = right["b"].astype(float) - right["a"]
    assert found[0]["estimate"] == pytest.approx(100 * gap.mean())
    assert found[0]["standard_error"] == pytest.approx(100 * gap.std() / np.sqrt(60))
    assert f"{100 * gap.mean():+.2f} points" in found[0]["sentence"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--unpaired"], "--unpaired belongs to a trend"),
        (["--trend", "a,b"], "three different methods"),
        (["--trend", "a,b,d"], "no rows of method 'd'"),
        (["--factor", "dataset"], "two different columns"),
        (["--factor", "dataset", "--factor", "widht"], "no column 'widht'"),
        (["--mcnemar", "dataset"], "right (1) or wrong (0)"),
    ],
)
def test_what_cannot_be_asked(options, message, tmp_path, capsys):
    frame = arms(names=("a", "b", "c"), n=2)
    words = [written(frame, tmp_path), "--baseline", "a", "--metric", "accuracy", *options]
    assert main([*words, "-o", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err


def test_benjamini_and_hochberg_is_exploratory():
    frame = arms(names=tuple("abcd"))
    found = [d for d in compare(frame, plan(correction="benjamini-hochberg")) if d.primary]
    expected = stats.false_discovery_control([d.p for d in found])
    assert [d.p_adjusted for d in found] == pytest.approx(list(expected))
    assert "every verdict is exploratory" in told(frame, plan(correction="benjamini-hochberg"))
