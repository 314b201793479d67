"""The report on a table of scores: one file, all of its numbers those of the decisions."""

from __future__ import annotations

import html
import json
import math
import re
import subprocess
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.anova import AnovaRM
from statsmodels.stats.multitest import multipletests

from analysis.__main__ import main
from analysis.decisions.decision import Decision, read_decisions
from analysis.decisions.words.verdicts import short
from analysis.standalone import figures
from analysis.stats.verdict import Verdict
from tests.analysis.standalone.test_standalone import table
from tests.needs import browser


def run(tmp_path, frame, *options, baseline="base", name="out"):
    frame.to_csv(tmp_path / "scores.csv", index=False)
    words = [str(tmp_path / "scores.csv"), "--baseline", baseline, "--metric", "score"]
    assert main([*words, "-o", str(tmp_path / name), *options]) == 0
    return tmp_path / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    frame = table(methods=("base", "good", "bad", "same"))
    return run(tmp_path_factory.mktemp("page"), frame, "--margin", "0.01")


@pytest.fixture(scope="module")
def page(folder):
    return html.unescape((folder / "index.html").read_text())


@pytest.fixture(scope="module")
def decisions(folder):
    return read_decisions(folder / "decisions.json")


def test_sentences_rows_and_figure_agree(folder, page, decisions):
    forest = (folder / "figures" / "forest.svg").read_text()
    label = re.search(r'aria-label="(Forest[^"]*)"', page).group(1)
    for d in decisions:
        row = d.row()
        assert d.sentence() in page
        for key in ("difference", "interval", "p", "adjusted p"):
            assert re.search(rf">{re.escape(row[key])}</td>", page), (key, row[key])
        assert f">{row['difference']}<" in forest
        assert f"{row['difference']} {row['interval']}, {row['verdict']}" in label
    for d in decisions:
        if d.primary:
            assert f">{short(d)}<" in forest


def test_the_page_asks_nothing_of_the_network_and_its_links_exist(folder, page):
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    links = [x for x in re.findall(r'href="([^"]+)"', page) if not x.startswith("#")]
    assert len(links) > 20
    for link in links:
        assert (folder / link).is_file(), link


@pytest.mark.parametrize(("seeds", "held"), [(2, True), (10, False)])
def test_intervals_of_two_seeds_do_not_stretch_the_axis(tmp_path, seeds, held):
    folder = run(tmp_path, table(methods=("base", "same"), seeds=seeds))
    found = json.loads((folder / "decisions.json").read_text())["decisions"]
    shown = [Decision.from_dict(d) for d in found]
    picture = figures.forest(shown)
    low, high = picture.figure.axes[0].get_xlim()
    ends = [end for d in shown for end in (*d.ci, *(d.ci_simultaneous if d.primary else ()))]
    seen = [0.0, *(pair["difference"] for d in shown for pair in d.differences)]
    assert high - low < 6 * (max(seen) - min(seen))
    assert all(low < end < high for end in ends) == (not held)
    arrows = [line for line in picture.figure.axes[0].lines if line.get_marker() in ("<", ">")]
    assert len(arrows) == sum(not low < end < high for end in ends)
    assert ("An arrow:" in picture.caption) == held


class Balance(HTMLParser):
    void = frozenset({"meta", "br", "link"})

    def __init__(self):
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_names_are_escaped(tmp_path):
    name = "<script>alert(1)</script> & co"
    folder = run(tmp_path, table().replace({"method": {"good": name}}))
    text = (folder / "index.html").read_text()
    assert "<script" not in text
    balance = Balance()
    balance.feed(text)
    assert balance.open == []


def test_the_anova_beside_the_decisions(folder):
    frame = table(methods=("base", "good", "bad", "same"))
    theirs = AnovaRM(frame, "score", "seed", within=["method", "dataset"]).fit().anova_table
    rows = json.loads((folder / "beside.json").read_text())["parts"][0]["anova"]["terms"]
    assert [r["F"] for r in rows] == pytest.approx(list(theirs["F Value"]))
    assert [r["p"] for r in rows] == pytest.approx(list(theirs["Pr > F"]))


def test_the_plan_is_shown(page, decisions):
    assert "three pooled decisions, holm" in page
    assert "20230806" in page
    for d in decisions:
        if d.primary:
            assert d.digits >= 2
            assert f"{d.mde:.{d.digits}f}" in page


def test_the_same_table_gives_the_same_bytes(tmp_path):
    frame = table(methods=("base", "good", "bad", "same"))
    first, again = (run(tmp_path, frame, name=name) for name in ("a", "b"))
    files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert len(files) > 20
    for file in files:
        assert (first / file).read_bytes() == (again / file).read_bytes(), file
    other = run(tmp_path, frame, "--random-seed", "7", name="c")
    a, c = (json.loads((f / "beside.json").read_text()) for f in (first, other))
    assert c["random_seed"] == 7
    assert a["parts"][0]["aggregates"] != c["parts"][0]["aggregates"]
    assert a["parts"][0]["anova"] == c["parts"][0]["anova"]


def test_the_order_of_the_rows_changes_no_byte(tmp_path):
    """Seven methods, so that the permutation p of the ranks is drawn."""
    names = ["base", "good", "bad", "same"]
    frame = table(methods=names)
    more = [frame[frame.method == m].assign(method=f"{m} 2") for m in names[1:]]
    frame = pd.concat([frame, *more], ignore_index=True)
    rng = np.random.default_rng(0)
    frame["score"] += rng.normal(0, 0.003, len(frame))
    first = run(tmp_path, frame, name="a")
    again = run(tmp_path, frame.sample(frac=1, random_state=2), name="b")
    ranks = json.loads((first / "ranks.json").read_text())[0]
    assert ranks["permutation"] == "99999 draws"
    for file in ("ranks.json", "beside.json", "index.html", "summary.txt"):
        assert (first / file).read_text() == (again / file).read_text(), file
    one, two = (json.loads((x / "decisions.json").read_text()) for x in (first, again))
    assert one.pop("made_from") != two.pop("made_from"), "the table itself is another file"
    assert one == two


def test_other_names_for_methods_and_seeds_change_no_chance(tmp_path):
    """Also not what is drawn: bootstrap and permutations see the same scores."""
    frame = table(methods=("base", "good", "bad", "same"))
    names = {"base": "z", "good": "a", "bad": "m", "same": "b"}
    other = frame.assign(method=frame.method.map(names), seed=(frame.seed * 5) % 8)
    first = run(tmp_path, frame, name="a")
    again = run(tmp_path, other, name="b", baseline="z")
    a, b = (json.loads((f / "beside.json").read_text())["parts"][0] for f in (first, again))
    found = {m["method"]: m for m in b["aggregates"]["methods"]}
    for m in a["aggregates"]["methods"]:
        assert found[names[m["method"]]]["ci"] == pytest.approx(m["ci"], rel=1e-5)
    assert b["ranks"]["p_permutation"] == a["ranks"]["p_permutation"]
    for x, y in zip(a["anova"]["terms"], b["anova"]["terms"], strict=True):
        assert y["F"] == pytest.approx(x["F"])


def test_missing_scores_bring_the_mixed_model_and_a_note(tmp_path):
    frame = table()
    frame = frame[~((frame.method == "good") & (frame.dataset == "b") & (frame.seed == 3))]
    folder = run(tmp_path, frame)
    found = json.loads((folder / "beside.json").read_text())["parts"][0]
    assert found["anova"]["left_out"] == ["3"]
    assert [c["a"] for c in found["mixed"]["contrasts"]] == ["bad", "good"]
    page = (folder / "index.html").read_text()
    assert "b/good/seed3" in page
    assert "Mixed model of the unbalanced grid" in page


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda f: f[f.seed == 0], "There is one seed"),
        (lambda f: f.assign(score=0.5), "All paired differences are equal"),
        (lambda f: f.assign(seed=f.seed + 100 * (f.method == "good")), "no seed in common"),
        (lambda f: f[f.seed == 0].drop(columns="seed"), "the blocks are the unit"),
        (lambda f: f[f.dataset == "a"].drop(columns="dataset"), "paired t"),
        (lambda f: f[(f.seed == 0) & (f.dataset == "a")], "not enough pairs"),
        (lambda f: f[(f.method != "good") | (f.seed < 5)], "rests on the t-test alone"),
        (
            lambda f: f.assign(
                status=np.where((f.seed == 1) & (f.method == "bad"), "diverged", "ok")
            ),
            "Three rows diverged (bad 3) and count as 0.1",
        ),
    ],
)
def test_odd_tables_give_a_report_that_says_so(tmp_path, spoil, told):
    folder = run(tmp_path, spoil(table()), "--diverged", "0.1")
    assert told in (folder / "index.html").read_text()
    assert told in (folder / "summary.txt").read_text()


@pytest.mark.parametrize("sign", [1, -1])
def test_aggregates_by_hand(tmp_path, sign):
    """Profiles and the gap to a target, straight from the scores; a loss is their mirror image."""
    frame = table(methods=("base", "good", "bad", "same"))
    frame["score"] *= sign
    lower = ["--lower-is-better"] if sign < 0 else []
    folder = run(tmp_path, frame, f"--target={0.82 * sign}", *lower)
    part = json.loads((folder / "beside.json").read_text())["parts"][0]
    for m in part["aggregates"]["methods"]:
        own = frame.loc[frame.method == m["method"], "score"]
        assert m["gap"] == pytest.approx(np.maximum(0, sign * (0.82 * sign - own)).mean())
        assert m["gap_ci"][0] < m["gap"] < m["gap_ci"][1]
    found = part["profiles"]
    assert [m["method"] for m in found["methods"]] == ["base", "good", "same", "bad"]
    at = np.array(found["scores"])
    assert at[0] == (frame.score.min() if sign > 0 else frame.score.max())
    for m in found["methods"]:
        own = frame.loc[frame.method == m["method"], "score"].to_numpy()
        better = sign * own[:, None] > sign * at
        assert m["share"] == pytest.approx(better.mean(axis=0))
        assert all(x <= y <= z for x, y, z in zip(m["low"], m["share"], m["high"], strict=True))
    drawn = pd.read_csv(folder / "figures" / "profiles.csv")
    assert len(drawn) == 4 * len(at)


def test_ranks_against_the_baseline(tmp_path):
    """Demsar 2006: z of mean ranks, Holm over the methods; only where ranks can hold bars."""
    names = ("base", "good", "bad", "same")
    folder = run(tmp_path, table(methods=names, datasets="abcdefghijkl"))
    (entry,) = json.loads((folder / "ranks.json").read_text())
    error = math.sqrt(4 * 5 / (6 * 12))
    own = {m["method"]: m for m in entry["against_baseline"]["methods"]}
    p = {
        name: 2 * stats.norm.sf(abs(rank - entry["mean_ranks"]["base"]) / error)
        for name, rank in entry["mean_ranks"].items()
        if name != "base"
    }
    assert {name: m["p"] for name, m in own.items()} == pytest.approx(p)
    holm = multipletests([p[name] for name in own], method="holm")[1]
    assert [m["p_adjusted"] for m in own.values()] == pytest.approx(list(holm))
    told = "Against the baseline alone 1.26 (Bonferroni-Dunn)"
    assert told in (folder / "summary.txt").read_text()
    assert entry["against_baseline"]["critical_difference"] == pytest.approx(
        stats.norm.isf(0.05 / 6) * error
    )


def test_parts_and_a_loss_and_blocks_as_units(tmp_path):
    frame = table(datasets="abcdefgh").assign(task=lambda f: np.where(f.seed % 2, "x", "y"))
    options = ["--per", "task", "--lower-is-better", "--estimand", "population_of_blocks"]
    folder = run(tmp_path, frame, *options)
    found = read_decisions(folder / "decisions.json")
    pooled = [d for d in found if d.primary]
    assert {(d.task, d.n, d.paired_by) for d in pooled} == {
        ("y", 8, "block"),
        ("x", 8, "block"),
    }
    assert {d.a: d.verdict for d in pooled} == {"good": Verdict.INFERIOR, "bad": Verdict.SUPERIOR}
    parts = json.loads((folder / "beside.json").read_text())["parts"]
    assert [p["anova"]["unit"] for p in parts] == ["block", "block"]
    good = {m["method"]: m["improvement"] for m in parts[0]["aggregates"]["methods"]}
    assert good["bad"] > 0.9 > 0.1 > good["good"]
    assert math.isclose(sum(1 for p in (folder / "figures").glob("forest-*.svg")), 2)


@pytest.mark.browser
def test_the_page_in_a_browser(folder, tmp_path):
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    flags += ["--disable-sync", "--disable-background-networking", "--disable-component-update"]
    flags += ["--enable-logging=stderr", "--v=0", f"--user-data-dir={tmp_path}", "--dump-dom"]
    address = f"file://{folder / 'index.html'}"
    shown = subprocess.run(
        [browser(), *flags, address], capture_output=True, text=True, timeout=120, check=True
    )
    assert "CONSOLE" not in shown.stderr, shown.stderr
    assert "Figure 2." in shown.stdout


def test_a_wide_table_of_numbers_reads_back(folder, decisions):
    rows = pd.read_csv(folder / "tables" / "verdicts.csv")
    assert list(rows["estimate"]) == pytest.approx([d.estimate for d in decisions if d.primary])
