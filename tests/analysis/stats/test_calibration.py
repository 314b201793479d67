"""The calibration table in small: every rule holds what the table says it should."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from benchmarks import calibration


@pytest.fixture(scope="module")
def table():
    return list(calibration.rows(3000, seed=7))


def test_every_rule_holds(table):
    """Four standard errors: one false alarm in some hundred runs of this test."""
    checked = 0
    for row in table:
        found = re.fullmatch(r"(<=|>=)? ?(?:1 - \.95\^12 = )?(0?\.\d+)", row.expected)
        if found is None:
            continue
        checked += 1
        sign, value = found.group(1), float(found.group(2))
        room = 4 * math.sqrt(value * (1 - value) / row.repetitions)
        if sign != ">=":
            assert row.share < value + room, row
        if sign != "<=":
            assert row.share > value - room, row
    assert checked >= 20


def test_what_is_not_offered_is_worse(table):
    pooled = [row for row in table if "B x S" in row.what]
    assert len(pooled) == 3
    assert min(row.share for row in pooled) > 0.15


def test_vectorised_rules_are_the_engines():
    """A wrong p is noticed."""
    a, b = calibration.arms(np.random.default_rng(0), (5, 1, 6))
    p = calibration.t_p((a - b)[:, 0])
    calibration.agree(a, b, p)
    with pytest.raises(AssertionError, match="repetition 0"):
        calibration.agree(a, b, p + 0.01)


@pytest.mark.long
def test_intervals_about_new_images_splits_and_searches_hold():
    """The second table in small: every bound within four errors; what is too low is too low."""
    rows = list(calibration.rows(100, seed=7, table="targets"))
    bounded = 0
    for row in rows:
        bounds = [float(x) for x in re.findall(r"(?<!\d)\.\d+", row.expected)]
        low = bounds[0] if row.expected[:2] != "<=" and bounds else 0.0
        high = bounds[-1] if row.expected[:2] != ">=" and bounds else 1.0
        bounded += bool(bounds)
        if row.spread is None:
            room = 4 * math.sqrt(0.05 * 0.95 / row.repetitions)
            assert low - room < row.share < high + room, row
        if row.expected == "too low":
            assert row.share < 0.92, row
    assert bounded == 55
