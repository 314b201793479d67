"""Tables with which similar software went wrong, each with what is right."""

from __future__ import annotations

import io
import itertools
import json
import math
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from afn.common.errors import StudyError
from analysis.__main__ import main
from analysis.display import latex
from analysis.standalone.checking import checked
from analysis.standalone.compare import Plan, compare
from analysis.standalone.names import joined, seeds_of
from analysis.standalone.reading import read_table
from analysis.standalone.supplementary import notes
from analysis.stats import paired, ranks

FAULTS = Path(__file__).with_name("faults")
NAMES = ("method", "seed", "status", "dataset")


def read(name: str) -> pd.DataFrame:
    return read_table(str(FAULTS / f"{name}.csv"), NAMES, ("accuracy",)).frame


def plan(**given) -> Plan:
    return Plan(**{"baseline": "a", "metric": "accuracy"} | given)


def told(frame: pd.DataFrame, asked: Plan) -> str:
    table = checked(frame, asked)
    return "\n".join(notes(table, asked, compare(frame, asked), 0))


def arms(n=6, names=("a", "b"), blocks=("x", "y"), gap=0.6) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rows = [
        {"method": m, "dataset": d, "seed": s, "accuracy": round(base + i * gap + rng.normal(), 2)}
        for d in blocks
        for s in range(n)
        for base in [70 + 3 * rng.normal()]
        for i, m in enumerate(names)
    ]
    return pd.DataFrame(rows)


def written(frame: pd.DataFrame, tmp_path, name="scores.csv", **how) -> str:
    path = tmp_path / name
    frame.to_csv(path, index=False, **how)
    return str(path)


def through_a_file(frame: pd.DataFrame, tmp_path, **how) -> pd.DataFrame:
    return read_table(written(frame, tmp_path, **how), NAMES, ("accuracy",)).frame


def by_signs(differences: list[Fraction]) -> float:
    """Two-sided p of all sign vectors, in fractions."""
    total = abs(sum(differences))
    signs = list(itertools.product((1, -1), repeat=len(differences)))
    sums = (abs(sum(s * d for s, d in zip(v, differences, strict=True))) for v in signs)
    return sum(x >= total for x in sums) / len(signs)


# Names stay as they are written


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


# Numbers


@pytest.mark.parametrize("value", ["10", "1e9", "1e10", "1e12", "1e99"])
def test_one_diverged_loss(value):
    asked = plan(metric="loss", higher_is_better=False, diverged=float(value))
    frame = read_table(str(FAULTS / "loss_one_diverged.csv"), NAMES, ("loss",)).frame
    (d,) = compare(frame, asked)
    assert d.p == 2 / 2**10
    assert d.verdict == "superior"


@pytest.mark.parametrize("huge", [1e3, 1e8, 1e12])
@pytest.mark.parametrize("shift", [0, 10**6])
def test_sign_flip_beside_one_huge_value_is_that_of_fractions(huge, shift):
    hundredths = [3, -1, 4, 1, -5, 9, -2, 6]
    b = np.array([7003 + 11 * i for i in range(9)]) / 100 + shift
    a = np.append(np.round(b[:8] + np.array(hundredths) / 100, 2), huge + shift)
    exact = [Fraction(h, 100) for h in hundredths] + [Fraction(int(huge))]
    assert paired.SignFlips(paired.difference(a, b)).p() == by_signs(exact)


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1e-7, 1.0, 1e6, 1e90])
def test_tied_sums_in_any_unit(unit):
    steps = np.array([1, 2, -3, 4, -1, 2, 1, -2])
    b = np.array([700.3, 701.1, 699.9, 702.7, 700.1, 698.3, 700.7, 701.3])
    a = b + steps / 10
    d = paired.difference(a * unit, b * unit)
    expected = by_signs([Fraction(int(x)) for x in steps])
    assert paired.SignFlips(d).p() == expected
    assert not paired.is_constant(d)
    assert paired.improvement(d, 0.05)[0] == 5 / 8
    assert paired.is_constant(paired.difference((b + 0.1) * unit, b * unit))


def test_losses_of_any_size_are_decided_alike():
    frame = arms()
    for unit in (1e-12, 1e12):
        small = frame.assign(accuracy=frame["accuracy"] * unit)
        for d, other in zip(compare(frame, plan()), compare(small, plan()), strict=True):
            assert (other.verdict, other.test) == (d.verdict, d.test)
            assert other.p == pytest.approx(d.p)
            assert other.a12 == pytest.approx(d.a12)
            shown = " ".join(other.row().values())
            assert "0.0000" not in shown
            assert d.p == other.p or other.estimate == pytest.approx(d.estimate * unit)


def test_tied_means_are_tied_ranks():
    scores = np.array([[0.1 + 0.2, 0.3, 0.4], [0.3, 0.1 + 0.2, 0.5]] * 3)
    found = ranks.friedman(scores)
    assert found["mean_ranks"] == [2.5, 2.5, 1.0]
    for unit in (1e-12, 1e6):
        assert ranks.friedman(scores * unit)["p_permutation"] == found["p_permutation"]


def test_two_blocks_give_way_to_permutations():
    found = ranks.friedman(np.array([[1.0, 2.0, 3.0], [11.0, 12.0, 13.0]]))
    assert found["p"] == found["p_permutation"] == pytest.approx(1 / 6)
    assert found["p_from"] == "permutation"


@pytest.mark.parametrize("value", [1e101, -1e300])
def test_scores_beyond_every_test_are_refused(value):
    frame = arms()
    frame.loc[3, "accuracy"] = value
    with pytest.raises(StudyError, match=r"1 scores lie beyond 1e\+100, the first: b, x, seed 1"):
        compare(frame, plan())


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({option: x}, f"--{option}")
        for option in ("diverged", "margin", "alpha")
        for x in (math.nan, math.inf, -math.inf)
    ],
)
def test_options_that_are_not_finite_are_refused(given, name):
    with pytest.raises(StudyError, match=name):
        compare(arms(), plan(**given))


# Tables with holes, and files


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("grid_with_holes", []),
        ("baseline_missing_in_one_part", ["--per", "dataset"]),
    ],
)
def test_holes_leave_a_whole_report(name, options, tmp_path, capsys):
    words = [str(FAULTS / f"{name}.csv"), "--baseline", "a", "--metric", "accuracy", *options]
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    page = (tmp_path / "out" / "index.html").read_text()
    if options:
        assert printed.count("(y, all): not enough pairs") == 2
        assert "a has no score (y): " in printed
    else:
        assert "Mixed model: " in page
        assert "a has no score in y" in printed


def test_all_rows_diverged(tmp_path, capsys):
    frame = arms().assign(status="diverged", accuracy="")
    words = [written(frame, tmp_path), "--baseline", "a", "--metric", "accuracy"]
    assert main([*words, "--diverged", "10", "-o", str(tmp_path / "out")]) == 0
    assert "nothing to compare" in capsys.readouterr().out


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("\n", ",\n"),
        lambda text: "\n".join(
            [text.split("\n")[0], *(x + ",," for x in text.split("\n")[1:] if x)]
        ),
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", ";").replace(".", ","),
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace(",", "|"),
        lambda text: text.replace(",", ", "),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n") + "\r\n\r\n",
    ],
)
def test_files_of_any_kind_hold_the_same_scores(spoil, tmp_path):
    frame = arms()
    text = spoil(frame.to_csv(index=False))
    path = tmp_path / "scores.csv"
    path.write_text(text, encoding="utf-8", newline="")
    found = read_table(str(path), NAMES, ("method", "accuracy")).frame
    assert [d.to_dict() for d in compare(found, plan())] == [
        d.to_dict() for d in compare(frame, plan())
    ]
    path.write_bytes(text.lstrip("\ufeff").encode("utf-16"))
    assert read_table(str(path), NAMES, ("method", "accuracy")).frame.equals(found)


def test_row_end_commas_are_said():
    found = read_table(str(FAULTS / "trailing_commas.csv"), NAMES, ("accuracy",))
    assert found.told == ["Empty fields at the end of 24 rows were cut off: no column holds them."]
    assert [d.n for d in compare(found.frame, plan())] == [6, 6, 6]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method,seed,accuracy\na,0,1,2\n", "row 1 has 4 fields, the header has 3"),
        ("method,seed,accuracy\na,0\n", "row 1 has 2 fields, the header has 3"),
        ("method,seed,seed,accuracy\n", "column 'seed' occurs twice"),
        ("", "it is empty"),
        ("\0\1\2", "is no text"),
    ],
)
def test_files_that_are_no_table(text, message, tmp_path):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(StudyError, match=message):
        read_table(str(tmp_path / "x.csv"), NAMES)


@pytest.mark.parametrize("name", ["scores.PARQUET", "scores.pq", "scores.parquet", "scores"])
def test_parquet_by_any_name(name, tmp_path):
    arms().to_parquet(tmp_path / "x")
    (tmp_path / "x").rename(tmp_path / name)
    assert read_table(str(tmp_path / name)).frame.equals(arms())


def test_standard_input(monkeypatch, tmp_path, capsys):
    text = arms().to_csv(index=False).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    words = ["--baseline", "a", "--metric", "accuracy", "-o", str(tmp_path / "out")]
    assert main(["-", *words]) == 0
    found = json.loads((tmp_path / "out" / "decisions.json").read_text())
    assert list(found["made_from"]) == ["standard input"]
    assert "24 scores" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["run names", "times", "times that repeat"])
def test_columns_that_name_rows_are_no_blocks(kind):
    frame = read("column_of_run_names")
    if kind != "run names":
        every = 1 if kind == "times" else 2
        cells = [f"2026-01-01 10:{i // every if i < 6 else i:02}" for i in range(len(frame))]
        frame["run"] = cells
    assert [(d.backbone, d.n) for d in compare(frame, plan())] == [
        ("pooled", 6),
        ("x", 6),
        ("y", 6),
    ]
    assert "Column run differs in " in told(frame, plan())


@pytest.mark.parametrize("name", ["Seed", "random_seed", "SEED"])
def test_a_seed_column_by_another_name(name):
    frame = arms().rename(columns={"seed": name})
    with pytest.raises(StudyError, match=f"no column 'seed', but one called '{name}': say --seed"):
        compare(frame, plan())
    assert [d.n for d in compare(frame, plan(seed=name))] == [6, 6, 6]


def test_a_missing_seed_column():
    with pytest.raises(StudyError, match=r"no column 'seed'; does 'trial' hold the seeds"):
        compare(arms().rename(columns={"seed": "trial"}), plan())


def test_what_looks_wrong_is_said():
    frame = arms()
    copied = frame.copy()
    copied.loc[copied["seed"] == 3, "accuracy"] = copied.loc[
        copied["seed"] == 1, "accuracy"
    ].to_numpy()
    assert (
        "Seeds with the same scores to the last bit, in every method and block: 1 and 3."
        in told(copied, plan())
    )
    mixed = frame.copy()
    mixed.loc[mixed["method"] == "b", "accuracy"] /= 100
    assert "Percent beside fractions? 12 scores" in told(mixed, plan())
    assert "as large as the scores themselves" in told(frame, plan(margin=70.0))
    fractions = frame.assign(accuracy=frame["accuracy"] / 100)
    assert "as large as the scores themselves" in told(fractions, plan(margin=1.0))
    quiet = told(frame, plan(margin=1.0))
    assert not any(word in quiet for word in ("last bit", "Percent", "as large as"))
