"""Names in tables stay as they are written; what keeps pairs apart is named."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.display.latex import text as latex
from analysis.standalone.compare import compare
from analysis.standalone.names import joined, seeds_of
from tests.analysis.standalone.field_tables import (
    arms,
    plan,
    read,
    through_a_file,
    told,
)


@pytest.mark.parametrize("baseline", ["1.0", "1.10"])
def test_methods_like_versions(baseline):
    found = compare(read("methods_like_versions"), plan(baseline=baseline))
    others = [name for name in ("1.0", "1.1", "1.10") if name != baseline]
    assert [d.a for d in found] == others
    if baseline == "1.0":
        assert [d.n for d in found] == [3, 3]


@pytest.mark.parametrize(
    "pair", [("001", "1"), ("1e-3", "0.001"), ("true", "True"), ("0x1", "1_0")]
)
def test_methods_that_look_alike_stay_apart(pair, tmp_path):
    frame = through_a_file(arms(names=(*pair, "1.0")), tmp_path)
    found = compare(frame, plan(baseline=pair[0]))
    assert {d.a for d in found} == {pair[1], "1.0"}


def test_blocks_that_look_alike_stay_apart(tmp_path):
    frame = through_a_file(arms(blocks=("01", "1")), tmp_path)
    for asked in (plan(), plan(blocks=("dataset",))):
        assert [d.backbone for d in compare(frame, asked)] == ["pooled", "01", "1"]


def test_a_block_called_pooled():
    frame = read("block_called_pooled")
    renamed = frame.replace({"dataset": {"pooled": "pool"}})
    found, expected = compare(frame, plan()), compare(renamed, plan())
    assert [round(d.p_adjusted, 4) for d in found if d.primary] == [0.0175, 0.0087]
    assert {d.family_size for d in found if d.primary} == {2}
    assert [(d.a, d.backbone) for d in found if not d.primary and d.backbone == "pooled"] == [
        ("b", "pooled"),
        ("c", "pooled"),
    ]
    key = lambda d: (d.a, d.primary, d.estimate, d.p, d.p_adjusted, d.verdict)  # noqa: E731
    assert sorted(map(key, found)) == sorted(map(key, expected))


def test_blocks_that_hold_the_separator():
    frame = pd.DataFrame({"p": ["a/b", "a", "a", "a/b"], "q": ["c", "b/c", "b", "c"]})
    names = joined([frame["p"], frame["q"]], frame.index, "all")
    assert names.nunique() == 3
    everything = pd.Series(["/|;", "/", "|;/"])
    assert (
        joined(
            [everything, everything[::-1].reset_index(drop=True)], everything.index, ""
        ).nunique()
        == 3
    )


def test_blanks_around_names_are_cut_off_and_said():
    frame = arms()
    frame.loc[::2, "method"] += " "
    frame.loc[frame["dataset"] == "y", "dataset"] = "\u00a0y"
    assert [d.n for d in compare(frame, plan())] == [6, 6, 6]
    said = told(frame, plan())
    assert "Blanks around the names of column method were cut off in 12 rows: 'a '" in said
    assert "column dataset" in said


@pytest.mark.parametrize("write", [str, lambda s: f"{s}.0", float])
def test_seeds_are_numbers_however_they_are_written(write):
    frame = arms().astype({"seed": object})
    mine = frame["method"] == "b"
    frame.loc[mine, "seed"] = frame.loc[mine, "seed"].map(write)
    assert [d.n for d in compare(frame, plan())] == [6, 6, 6]
    if write is str:
        assert "same seed: 0 and '0'" in told(frame, plan())


def test_seeds_that_are_names_stay_names():
    seeds, _ = seeds_of(pd.Series(["01", "1", "s1", "2.5", 2**70]))
    assert seeds.tolist() == ["01", 1, "s1", "2.5", 2**70]


def test_what_keeps_pairs_apart_is_named():
    frame = arms().astype({"seed": object})
    named = frame.assign(
        seed=frame["seed"].where(frame["method"] == "a", "s" + frame["seed"].astype(str))
    )
    assert "a: 0, 1, 2, 3, ... (6)" in told(named, plan()).replace("b and a", "")
    moved = frame.assign(seed=frame["seed"] + 6 * (frame["dataset"] == "y"))
    assert "No seed of b and a is in every block" in told(moved, plan())
    assert [d.n for d in compare(moved, plan())] == [0, 6, 6]
    split = frame[(frame["method"] == "a") == (frame["dataset"] == "x")]
    assert "b and a share no block" in told(split, plan())


def test_other_scripts_in_latex():
    text = latex.escape("\u6f22\u5b57_1")
    assert text == r"{\ifdefined\Umathchar " + "\u6f22\u5b57" + r"\else U+6F22 U+5B57\fi}\_1"
    assert latex.escape("\u6f22") != latex.escape("\u5b57")
    assert latex.escape("\u00e9 \u03bb") == "\u00e9 $\\lambda$"
