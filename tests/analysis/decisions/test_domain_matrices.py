"""The source x target matrix and its margins by hand; which studies have one."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.decisions.domain_matrices import MEAN, matrices
from analysis.display.matrix_names import label, where
from analysis.inputs import Inputs
from tests.analysis.table_results import study_of, table_results

ROW = {"mnist": 10.0, "usps": 20.0, "mnist_m": 40.0}
COLUMN = {"mnist": 1.0, "usps": 3.0, "mnist_m": 5.0}


def score(cell, condition, severity, protocol, seed):
    """Source + target + seed; one point more with test-batch statistics; 90 at home."""
    more = seed + (protocol == "test_batch")
    if condition == "clean":
        return 90.0 + more
    return ROW[cell.settings["task"]["source"]] + COLUMN[condition] + more


@pytest.fixture(scope="module")
def small():
    study = study_of("digits_small", seeds=6)
    return study, table_results(study, score)


def pick(found, norm, protocol):
    (matrix,) = [m for m in found if (m.norm, m.protocol) == (norm, protocol)]
    return matrix


def test_every_arm_has_a_matrix(small):
    found = matrices(*small)
    assert [(m.norm, m.protocol) for m in found] == [
        ("batch", "running"),
        ("batch", "test_batch"),
        ("asr", "any"),
        ("afn", "running"),
        ("afn", "test_batch"),
        ("afn+residual=zero", "running"),
        ("afn+residual=zero", "test_batch"),
        ("afn_released", "test_batch"),
    ]
    assert {(*m.sources,) for m in found} == {("mnist", "usps", "mnist_m")}
    assert {(*m.targets,) for m in found} == {("mnist", "usps", "mnist_m")}


def test_places_and_margins_by_hand(small):
    matrix = pick(matrices(*small), "batch", "running")
    # Six seeds: 0 to 5, mean 2.5, standard deviation 1.8708.
    assert matrix.value("mnist", "mnist") == pytest.approx(92.5)
    assert matrix.value("mnist", "usps") == pytest.approx(10 + 3 + 2.5)
    assert matrix.value("usps", MEAN) == pytest.approx(20 + (1 + 5) / 2 + 2.5)
    assert matrix.value(MEAN, "mnist_m") == pytest.approx((10 + 20) / 2 + 5 + 2.5)
    assert matrix.value(MEAN, MEAN) == pytest.approx(70 / 3 + 3 + 2.5)
    table = matrix.table.set_index(["source", "target"])
    assert table.loc[(MEAN, MEAN), "sd"] == pytest.approx(1.870829)
    assert (table["n"] == 6).all()
    assert len(table) == 9 + 3 + 3 + 1
    assert len(matrix.scores) == 9 * 6
    other = pick(matrices(*small), "batch", "test_batch")
    assert other.value(MEAN, MEAN) - matrix.value(MEAN, MEAN) == pytest.approx(1.0)


def test_a_margin_needs_all_its_places(small):
    study, results = small
    lost = (results["task"] == "digits+source=usps+targets=mnist,usps,mnist_m") & (
        results["seed"] == 5
    )
    assert lost.any()
    matrix = pick(matrices(study, results[~lost]), "batch", "running")
    table = matrix.table.set_index(["source", "target"])
    assert table.loc[("mnist", MEAN), "n"] == 6
    assert table.loc[("usps", "mnist"), "n"] == 5
    assert table.loc[(MEAN, "mnist"), "n"] == 5
    assert table.loc[(MEAN, "mnist"), "mean"] == pytest.approx(30 + 1 + 2.0)
    assert table.loc[(MEAN, "usps"), "n"] == 6


def test_a_diverged_run_counts_with_chance(small):
    study, _ = small
    path = next(c.path for c in study.cells() if c.norm == "asr" and "source" not in c.task)
    matrix = pick(matrices(study, table_results(study, score, ((path, 0),))), "asr", "any")
    # Seeds 1 to 5 have 13 + seed, seed 0 has 10.
    assert matrix.value("mnist", "usps") == pytest.approx((10 + 5 * 13 + 15) / 6)


def test_pacs_of_one_source_has_one_too_and_others_have_none():
    study = study_of("table3_pacs_single", seeds=6)
    found = matrices(study, table_results(study, lambda *_: 50.0))
    assert {m.task for m in found} == {"pacs"}
    assert {(*m.sources,) for m in found} == {("art_painting", "cartoon", "photo", "sketch")}
    assert all(m.value(MEAN, MEAN) == pytest.approx(50) for m in found)
    for name in ("table4_pacs_multi", "table5_cifar10"):
        study = study_of(name, seeds=6)
        assert matrices(study, table_results(study, lambda *_: 50.0)) == []


def test_before_any_run_there_is_no_matrix(small):
    study, results = small
    assert matrices(study, results.iloc[:0]) == []


def test_matrices_of_several_recipes_are_told_apart_by_what_differs():
    study = study_of("table3_pacs_single", seeds=6)
    inputs = Inputs(study, table_results(study, lambda *_: 50.0), pd.DataFrame(), [])
    found = inputs.domains
    names = list(dict.fromkeys(where(inputs, m) for m in found))
    assert names == ["rsc, schedule alrs", "plain", "rsc, schedule cosine"]
    labels = [label(inputs, m) for m in found]
    assert len(set(labels)) == len(labels)
    assert "AFN, test batch, rsc, schedule cosine" in labels
