"""A row per example: crossed intervals for a table of scores, against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from afn.common.errors import StudyError
from analysis.__main__ import main
from analysis.standalone.compare import Plan, compare
from analysis.stats.crossed import ImageSet, crossed, crossed_table

SEEDS, EXAMPLES = 4, 40


def table(blocks=("one",), *, own=False, values=(0, 1)):
    """Scores of two methods; ``own``: every block has examples of its own."""
    rng = np.random.default_rng(0)
    rows, scores = [], {}
    for block in blocks:
        ease = rng.normal(0, 1, EXAMPLES)
        for method, gain in (("base", 0.0), ("new", 0.5)):
            for seed in range(SEEDS):
                right = rng.random(EXAMPLES) < 1 / (1 + np.exp(-ease - gain))
                scores[block, method, seed] = np.where(right, values[1], values[0]).astype(float)
                for example, score in enumerate(scores[block, method, seed]):
                    name = f"{block}-{example:02d}" if own else f"{example:02d}"
                    row = {"method": method, "seed": seed, "bench": block, "item": name}
                    rows.append(row | {"score": score, "prompt": f"text of {name}"})
    return pd.DataFrame(rows).sample(frac=1, random_state=1), scores


def differences(scores, block):
    return np.array([scores[block, "new", s] - scores[block, "base", s] for s in range(SEEDS)])


@pytest.mark.parametrize("values", [(0, 1), (-3.0, 250.0)])
def test_the_interval_is_over_seeds_and_examples(values):
    frame, scores = table(values=values)
    (found,) = compare(frame, Plan("base", "score", example="item"))
    own = crossed_table(differences(scores, "one"))
    assert found.target == "images_like_these"
    assert (found.n, found.images) == (SEEDS, EXAMPLES)
    assert found.estimate == pytest.approx(own.estimate)
    assert found.ci == pytest.approx(own.interval(0.95))
    assert found.p == pytest.approx(own.p())
    assert "n = 4 seeds, for examples like these 40" in found.sentence()


def test_blocks_with_the_same_examples_are_averaged_example_by_example():
    frame, scores = table(("one", "two"))
    found = compare(frame, Plan("base", "score", blocks=("bench",), example="item"))[0]
    own = crossed_table((differences(scores, "one") + differences(scores, "two")) / 2)
    assert found.ci == pytest.approx(own.interval(0.95))


def test_blocks_with_examples_of_their_own_add_their_parts():
    frame, scores = table(("one", "two"), own=True)
    found = compare(frame, Plan("base", "score", blocks=("bench",), example="item"))[0]
    sets = [ImageSet(EXAMPLES, 0.5) for _ in "ab"]
    for block, rows in zip(("one", "two"), sets, strict=True):
        for row in differences(scores, block):
            rows.add(row)
    assert found.ci == pytest.approx(crossed(sets).interval(0.95))
    assert found.images == 2 * EXAMPLES


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="seed"), "single runs are compared by --mcnemar item"),
        (lambda f: f.drop(columns="item"), "no column 'item'"),
        (lambda f: f.iloc[1:], "Every run needs the same examples"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "occurs twice"),
    ],
)
def test_what_cannot_be_crossed_is_refused(change, message):
    frame, _ = table()
    with pytest.raises(StudyError, match=message):
        compare(change(frame), Plan("base", "score", example="item"))


def test_the_command_says_what_its_intervals_are_about(tmp_path, capsys):
    frame, _ = table()
    frame.to_csv(tmp_path / "items.csv", index=False)
    arguments = [str(tmp_path / "items.csv"), "--baseline", "base", "--metric", "score"]
    arguments += ["--example", "item", "-o", str(tmp_path / "out")]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "for examples like these 40" in told
    assert "a mean over 40 examples (column item)" in told
    assert main([*arguments, "--looks", "2,4"]) == 2
