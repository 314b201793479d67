"""What is shown of seeds in waves: every look in a table and a figure, what was not as planned."""

from __future__ import annotations

import argparse
import json
import math

import numpy as np
import pytest
from scipy import stats

from analysis.figures import waves as figure
from analysis.inputs import load
from analysis.report import answer, partial, provenance, waves
from analysis.tables.seeds import looks as table
from tests.analysis.waves import STUDY, Small

pytestmark = pytest.mark.long


def inputs_of(small: Small):
    names = {"study": "study.json", "results": "results.parquet", "decisions": "decisions.json"}
    given = {key: str(small.results / name) for key, name in names.items()}
    return load(argparse.Namespace(**given))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    small = Small(tmp_path_factory.mktemp("page"))
    small.run()
    small.decide()
    return inputs_of(small)


def test_the_table_has_every_look_with_its_pairs_and_intervals(inputs):
    """Recomputed from the paired differences: estimate, p, and what the boundary allows."""
    frame = table.table(inputs).frame
    for d in (d for d in inputs.decisions if d.primary):
        own = frame[(frame["a"] == d.a) & (frame["b"] == d.b)]
        assert own["look"].tolist() == list(range(1, d.looks + 1))
        differences = np.array([pair["difference"] for pair in d.differences])
        for row in own.to_dict("records"):
            x = differences[: row["n"]]
            assert row["estimate"] == pytest.approx(x.mean())
            assert row["p"] == pytest.approx(stats.ttest_1samp(x, 0).pvalue)
            half = (row["interval_high"] - row["interval_low"]) / 2
            # Wider than at a fixed number of pairs, by the boundary's smaller level.
            t = half * math.sqrt(len(x)) / x.std(ddof=1)
            assert 2 * stats.t.sf(t, len(x) - 1) < 0.05
            family = (row["interval_family_high"] - row["interval_family_low"]) / 2
            t = family * math.sqrt(len(x)) / x.std(ddof=1)
            assert 2 * stats.t.sf(t, len(x) - 1) == pytest.approx(row["boundary"], rel=1e-6)
            rejects = row["p"] <= row["boundary"]
            assert rejects == (abs(x.mean()) >= family)
        last = own.iloc[-1]
        assert last["verdict"] == d.verdict.value
        assert (own["p_sequential"].diff().dropna() <= 0).all()


def test_the_figure_draws_what_the_table_says(inputs):
    pictures = list(figure.pictures(inputs))
    assert [picture.name for picture in pictures] == ["looks-clean"]
    drawn = pictures[0].numbers
    frame = table.table(inputs).frame
    looked = drawn[(drawn["quantity"] == "look") & drawn["interval"].str.contains("0.95")]
    assert sorted(looked["value"]) == sorted(frame["estimate"])
    assert sorted(looked["low"].dropna()) == sorted(frame["interval_low"].dropna())
    edges = drawn.loc[drawn["quantity"] == "boundary", "value"]
    assert len(edges) == len(frame)


def test_the_answer_says_how_many_trainings_were_needed(inputs):
    runs = provenance.run_matrix(inputs)
    made = runs["made"]
    assert f"{made} of 300 trainings were needed" in waves.needed(inputs)
    assert any("were needed" in text for text in answer.after(inputs))
    assert runs["counts"]["spared"] == 300 - made
    assert runs["asked"] == made
    assert not runs["troubled"]
    (scope,) = [text for text in answer.sentences(inputs) if "as planned" in text]
    assert "hold at all looks at once" in scope
    assert waves.sentences(inputs) == [], "all was as planned"


def test_a_comparison_that_came_later_is_said_in_the_first_paragraph(tmp_path):
    small = Small(tmp_path)
    small.run(until=1)
    experiments = json.loads(json.dumps(STUDY["experiments"]))
    experiments["norms"]["contrasts"].append(["batch_instance", "batch"])
    small.declare({"experiments": experiments})
    small.run()
    small.decide()
    inputs = inputs_of(small)
    told = answer.sentences(inputs)
    assert "One comparison of the primary experiments was declared after look 1 only" in told[2]
    assert "at most 10 %" in told[2]
    families = {d.family for d in inputs.decisions if d.primary}
    assert families == {"primary", "primary, added later (1)"}


def test_seeds_added_by_hand_are_said_in_the_first_paragraph(tmp_path):
    few = {"seeds": {"wave": 5, "at_most": 10, "effect": 1.0, "futility": False}}
    few["plan"] = STUDY["plan"] | {"margin": 0.2, "strict": False}
    small = Small(tmp_path, few)
    small.run()
    small.declare(few | {"seeds": few["seeds"] | {"at_most": 15}})
    small.run()
    decisions = small.decide()
    late = [d for d in decisions if d["stopped"] == "e value"]
    assert late
    assert {d["n"] for d in late} == {15}
    told = answer.sentences(inputs_of(small))
    assert "Seeds were added by hand after the last planned look" in told[2]
    assert "at most 10 %" in told[2]


def test_a_partial_report_tells_the_looks_that_were_taken(tmp_path):
    small = Small(tmp_path)
    small.run(until=1)
    page = tmp_path / "partial"
    words = {"study": str(small.results / "study.json"), "runs": str(small.results / "runs")}
    given = {"output": str(page), "study_file": "small.yaml", "data": None}
    partial.main(argparse.Namespace(**words, **given))
    text = " ".join((page / "index.html").read_text().split())
    assert "One look of 6 at most was taken, as planned" in text
    assert "superior (difference); look 1, five pairs" in text
    assert "open; look 1" in text
    assert "looked at once before they were complete" not in text
