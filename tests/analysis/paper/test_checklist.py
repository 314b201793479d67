"""Answers to the checklist's question on error bars: what varies, and what is assumed."""

from __future__ import annotations

from analysis.paper.checklist import bars
from tests.analysis.made_decisions import decision
from tests.analysis.pages import MINIMAL, load


def told(**fields) -> str:
    inputs = load(MINIMAL)
    inputs.decisions = [decision(**fields)]
    return " ".join(bars(inputs).reasons)


def test_a_split_for_every_seed_varies_too_and_its_variance_is_corrected():
    text = told(target="data_like_these", ci_data=[0.1, 0.9])
    assert "augmentation, and the split into training and test images; both arms" in text
    assert "corrected resampled t-test (Nadeau and Bengio, 2003)" in text


def test_with_one_split_neither_is_said():
    text = told(target="these_images")
    assert "split into" not in text
    assert "Nadeau" not in text
    assert "sign-flip test" in text
