"""The figure of the protocol sweep: its numbers, its words, its place, and its absence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.figures import batch_size
from analysis.figures.drawing import style
from analysis.figures.drawing.picture import Missing, Picture
from tests.analysis.pages import TWO_WAYS, build, load

SIZES, ORDERS, GAIN = (1, 8, 32, 128, 256), ("shuffled", "sorted"), 2.0


@pytest.fixture(scope="module")
def document():
    return TWO_WAYS | {"protocol_sweep": {"experiments": ["only"]}}


@pytest.fixture(scope="module")
def swept(document):
    """Accuracy grows with the batch, less where it is sorted; AFN is 2 points above BatchNorm."""
    inputs = load(document)
    rows = [inputs.results]
    source = inputs.results[
        (inputs.results["protocol"] == "test_batch")
        & inputs.results["norm"].isin(["batch", "afn"])
        & inputs.results["severity"].fillna(0).isin([0, 5])
    ]
    for order in ORDERS:
        for size in SIZES:
            level = 40 + 6 * np.log2(size) * (0.5 if order == "sorted" else 1.0)
            level = level + source["seed"] + GAIN * (source["norm"] == "afn")
            name = f"batch{size}" + ("_sorted" if order == "sorted" else "")
            rows.append(source.assign(protocol=name, accuracy=level / 100))
    inputs.results = pd.concat(rows, ignore_index=True)
    return inputs


def test_the_numbers(swept):
    (picture,) = batch_size.pictures(swept)
    assert isinstance(picture, Picture)
    table = picture.numbers.set_index(["quantity", "outcome", "order", "batch_size", "norm"])
    table = table.sort_index()
    row = table.loc[("accuracy", "severity_5", "sorted", 8, "afn")]
    assert row["value"] == pytest.approx(40 + 9 + 2.5 + GAIN)
    assert row["high"] - row["value"] == pytest.approx(2.570582 * np.sqrt(3.5 / 6))
    row = table.loc[("difference", "severity_5", "sorted", 8, "afn")]
    assert row["value"] == pytest.approx(GAIN)
    assert row["high"] - row["low"] == pytest.approx(0, abs=1e-9)
    running = [table.loc[("accuracy", "clean", order, 0)] for order in ORDERS]
    assert (running[0].index == running[1].index).all()
    assert (running[0]["value"] == running[1]["value"]).all()
    assert "42.5 % at 1" in picture.caption
    assert "90.5 % at 256" in picture.caption
    assert picture.section == "statistics"


def test_it_stands_in_the_report_with_its_numbers(swept, document, tmp_path):
    built = build(swept, tmp_path, document)
    assert 'id="fig-batch-size"' in built.html
    assert 'href="figures/batch-size.csv"' in built.html
    saved = pd.read_csv(tmp_path / "figures" / "batch-size.csv")
    assert len(saved) == 2 * 2 * 2 * 6 * 2  # accuracies and differences
    for kind in ("pdf", "svg", "png"):
        assert (tmp_path / "figures" / f"batch-size.{kind}").stat().st_size > 1000


def test_without_data_it_says_why(document):
    style.use()
    (found,) = batch_size.pictures(load(document))
    assert isinstance(found, Missing)
    assert "was tested in the sweep" in found.reason
    (found,) = batch_size.pictures(load(TWO_WAYS))
    assert found.reason == "the study file has no protocol_sweep"
