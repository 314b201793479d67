"""The paper's numbers: complete, named as the project names things, consistent with themselves."""

import math

import pytest

from analysis.published import accuracies, averages


def test_every_printed_number_is_there():
    table = accuracies()
    assert table.groupby("table").size().to_dict() == {1: 20, 2: 18, 3: 20, 4: 20, 5: 21, 6: 18}
    key = [c for c in table.columns if c != "accuracy"]
    assert not table.duplicated(key).any()
    known = table["accuracy"].dropna()
    assert known.between(0, 100).all()


def test_the_one_nan_is_asr_on_vgg16_in_table_6():
    table = accuracies()
    row = table[table["accuracy"].isna()].iloc[0]
    assert table["accuracy"].isna().sum() == 1
    assert (row["table"], row["backbone"], row["method"]) == (6, "vgg16_bn", "asr")
    assert math.isnan(row["accuracy"])


def test_printed_averages_are_those_of_their_cells():
    found = averages()
    assert len(found) == 15
    assert found["agrees"].all()
    first = found.iloc[0]
    assert first["computed"] == pytest.approx((74.0 + 30.3 + 73.2 + 38.7) / 4)


def test_an_average_off_by_more_than_rounding_is_flagged(monkeypatch):
    table = accuracies()
    wrong = (table["condition"] == "average") & (table["method"] == "rsc+afn")
    table.loc[wrong & (table["table"] == 4), "accuracy"] = 87.0
    monkeypatch.setattr("analysis.published.accuracies", lambda: table)
    assert averages().query("not agrees")["table"].tolist() == [4]
