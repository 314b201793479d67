"""Seeds that were added to a decided plan: said first, and answered with e values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.report import looks
from analysis.report.page import page
from tests.analysis.pages import MINIMAL, load


def report(seeds: int | None) -> dict:
    found = {"time": "day 1", "command": "report", "runs": 8, "declared": 8}
    return found | ({} if seeds is None else {"seeds": seeds})


def by_hand(x: np.ndarray) -> float:
    """The e value of the t-test with effects of one standard deviation."""
    n, v = len(x), len(x) - 1
    t = x.mean() * math.sqrt(n) / x.std(ddof=1)
    ratio = (1 + t**2 / v) / (1 + t**2 / (v * (1 + n)))
    return (1 + n) ** -0.5 * ratio ** ((v + 1) / 2)


@pytest.mark.parametrize(("noted", "told"), [(None, False), (6, False), (4, True)])
def test_only_seeds_that_were_added_break_a_plan(noted, told):
    assert bool(looks.broken([report(noted)], load(MINIMAL))) == told


@pytest.mark.parametrize("gain", [0.0, 5.0])
def test_the_answer_is_that_of_the_e_value(gain):
    inputs = load(MINIMAL)
    (own,) = (d for d in inputs.decisions if d.primary and d.backbone == "pooled")
    for pair in own.differences:
        pair["difference"] += gain
    x = np.array([pair["difference"] for pair in own.differences])
    text = looks.broken([report(4)], inputs)
    assert "decided on 4" in text
    assert "20 rejects in a family of one" in text
    assert ("superior" in text) == (by_hand(x) >= 20)
    assert (by_hand(x) >= 20) == (gain > 0)


def test_it_is_said_in_the_first_paragraph(minimal):
    told = looks.broken([report(4)], minimal.inputs)
    figures, output = minimal.folder / "figures", minimal.folder / "index.html"
    html = page(minimal.inputs, MINIMAL, figures, output, broken=told)
    answer = html[html.index("<h2>The answer</h2>") :]
    assert answer[answer.index("<p>") + 3 :].startswith("Seeds were added after the study")
    assert "Seeds were added" not in minimal.html


def test_a_whole_page_notes_its_seeds(tmp_path):
    file = tmp_path / "looks.jsonl"
    looks.note(file, "report", 8, 8, "a", 4)
    looks.note(file, "report", 12, 12, "b", 6)
    assert [look["seeds"] for look in looks.read(file)] == [4, 6]
