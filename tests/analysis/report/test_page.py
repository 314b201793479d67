"""The page is self-contained, escapes what it is given, and shows the decisions' numbers."""

from __future__ import annotations

import csv
import html as entities
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from afn.common.errors import StudyError
from afn.common.made_from import enclosed
from analysis.decisions.decide import decide
from analysis.decisions.decision import Decision
from analysis.decisions.factor_analyses import ablations
from analysis.decisions.words import phrases
from analysis.display import formatting, glossary
from analysis.report.page import page
from analysis.results.io import write_parquet
from tests.analysis.pages import EVERY, HOSTILE, MINIMAL, ROOT, TWO_WAYS, build, load


class Reader(HTMLParser):
    """Collects what a page would fetch or run, its text, and the rows of its tables."""

    def __init__(self, text: str):
        super().__init__()
        self.fetched, self.scripts, self.ids, self.text = [], [], [], []
        self.tables: dict[str, list[list[str]]] = {}
        self._table, self._stack = "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self._stack.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "div" and given.get("id", "").startswith("table-"):
            self._table = given["id"].removeprefix("table-")
            self.tables[self._table] = []
        if tag in ("img", "image", "script", "link", "iframe", "use", "source"):
            self.fetched += [given[k] for k in ("src", "href", "xlink:href") if k in given]
        if tag == "script":
            self.scripts.append("")
        if tag == "tr" and self._table:
            self.tables[self._table].append([])
        if tag in ("td", "th") and self._table and self.tables[self._table]:
            self.tables[self._table][-1].append("")

    def handle_endtag(self, tag):
        if tag in self._stack:
            while self._stack.pop() != tag:
                pass
        if tag == "table":
            self._table = ""

    def handle_data(self, data):
        if self._stack and self._stack[-1] == "script":
            self.scripts[-1] += data
        else:
            self.text.append(data)
        inside = {"td", "th"} & set(self._stack)
        if inside and self._table and self.tables[self._table][-1]:
            self.tables[self._table][-1][-1] += data.strip()


@pytest.fixture(scope="module")
def read(default):
    return Reader(default.html)


def test_nothing_comes_from_outside(default, minimal, read):
    for built in (default, minimal):
        text = re.sub(r"data:image/png;base64,[\w+/=\s]+", "", built.html)
        assert not re.search(r"https?:|//[a-z]", text, re.IGNORECASE)
    assert all(f.startswith(("data:", "#")) for f in read.fetched)
    assert "@import" not in default.html
    assert "url(" not in default.html.split("</style>")[0]


def test_links_lead_to_files(default):
    links = set(re.findall(r'<a href="([^"#][^"]*)"', default.html))
    assert {"figures/forest.pdf", "tables/verdicts.tex", "data/decisions.csv"} <= links
    for link in links:
        assert (default.folder / link).is_file(), link


def test_contents_lead_to_sections(default, read):
    for target in re.findall(r'<li><a href="#([^"]+)"', default.html):
        assert target in read.ids
    assert len(read.ids) == len(set(read.ids))


def test_hostile_question_is_text(minimal):
    seen = Reader(minimal.html)
    assert len(seen.scripts) == 1
    assert "alert" not in seen.scripts[0]
    assert HOSTILE in "".join(seen.text)
    assert "default-src &#39;none&#39;" in minimal.html or "default-src 'none'" in minimal.html


def test_table_equals_decisions(default, read):
    rows = [r for r in read.tables["verdicts"][1:] if len(r) > 3]
    primary = [d for d in default.inputs.decisions if d.primary]
    assert len(rows) == len(primary) == 14
    for row, d in zip(rows, primary, strict=True):
        outcome, verdict, difference, interval, wide, p, adjusted, n, *_ = row
        assert outcome == {"clean": "clean", "shift": "shifted"}[d.outcome]
        assert verdict == phrases.verdict(d)
        assert difference == formatting.signed(d.estimate)
        assert interval == formatting.interval(d.ci)
        assert wide == formatting.interval(d.ci_simultaneous)
        assert (p, adjusted) == (formatting.p_value(d.p), formatting.p_value(d.p_adjusted))
        assert int(n) == d.n


def test_csv_has_every_digit(default):
    with open(default.folder / "tables" / "verdicts.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    primary = [d for d in default.inputs.decisions if d.primary]
    for row, d in zip(rows, primary, strict=True):
        assert float(row["estimate"]) == d.estimate
        assert (float(row["ci_low"]), float(row["ci_high"])) == d.ci


def test_every_decision_is_said(default):
    text = entities.unescape(default.html)
    shown = default.inputs.shown
    for d in shown:
        place = "digits8x8, tuned" if d.experiment == "tuned" else "digits8x8"
        assert d.sentence(place) in text
    # A backbone that is the only one of its experiment is told once, as the pooled decision.
    left_out = [d for d in default.inputs.decisions if d not in shown]
    assert {d.experiment for d in left_out} >= {"residual_fusion", "lambda_init"}
    assert all(d.backbone == "resnet8" for d in left_out)


def test_answer_stands_at_the_top(default, read):
    from analysis.report import answer

    text = "".join(read.text).replace("\u00a0", " ")
    for sentence in [*answer.sentences(default.inputs), *answer.after(default.inputs)]:
        assert sentence in text


def test_diverged_run_is_counted_and_named(default, read):
    text = "".join(read.text)
    assert "1 of 290 runs diverged" in text
    assert read.tables["divergence"][1:]
    assert "1 of 10" in read.tables["divergence"][1]
    assert "afn+residual=off/" in default.html
    assert "loss is nan" in default.html


def test_every_table_has_three_forms(default, read):
    listed = json.loads((default.folder / "tables" / "index.json").read_text("utf-8"))["made"]
    names = {entry["name"] for entry in listed}
    assert {"verdicts", "backbones", "accuracies", "divergence", "cost", "membership"} <= names
    for entry in listed:
        assert entry["name"] in read.tables
        tex = (default.folder / "tables" / entry["files"]["tex"]).read_text("utf-8")
        rows = tex.count(r"\tabularnewline")
        assert rows >= entry["rows"] + 1, "a wide table says its first column again"


def test_captions_and_glossary(default):
    assert default.html.count("<figcaption>") == len(default.index["made"])
    terms = glossary.terms(0.05)
    for term in ("arm", "protocol", "outcome"):
        assert f'data-tip="{entities.escape(terms[term])}"' in default.html


def test_lacking_figures_are_named(minimal):
    text = "".join(Reader(minimal.html).text)
    for item in minimal.index["missing"]:
        assert item["reason"] in text
    assert 'id="statistics"' not in minimal.html
    assert 'id="ablations"' not in minimal.html


@pytest.mark.parametrize(
    "there",
    [
        [],
        [("resnet8", "afn", 0)],
        [("resnet8", "afn", 0), ("resnet8", "batch", 0), ("convnet_small", "afn", 1)],
        [r for r in EVERY if r[0] == "resnet8" and r[2] < 2],
    ],
    ids=["nothing", "one run", "one pair", "one backbone"],
)
def test_any_part_of_a_study_gives_a_report(tmp_path, there):
    missing = [run for run in EVERY if run not in (there or [("resnet8", "afn", 0)])]
    inputs = load(TWO_WAYS, missing=missing)
    if not there:
        inputs.results, inputs.history = inputs.results[:0], inputs.history[:0]
        inputs.decisions = [
            Decision.from_dict(d.to_dict()) for d in decide(inputs.results, inputs.study)
        ]
        inputs.ablations = ablations(inputs.results, inputs.study)
    assert len(inputs.results.drop_duplicates(["backbone", "norm", "seed"])) == len(there)
    built = build(inputs, tmp_path, TWO_WAYS)
    text = " ".join("".join(Reader(built.html).text).split())
    assert "of 60 declared runs" in text
    assert f"{60 - len(there)} not there yet" in text
    assert not re.search(r"\b(nan|None|inf)\b", text)


def test_mixed_builds_are_flagged(minimal):
    inputs = load(MINIMAL)
    inputs.results.loc[inputs.results["seed"] == 2, "torch"] = "2.1.0"
    folder = minimal.folder
    html = page(inputs, MINIMAL, folder / "figures", folder / "index.html")
    assert "Mixed builds." in html
    assert "Mixed builds." not in minimal.html


def _altered(minimal, folder, **fields):
    """The figures of the small study, the first one with other entries in the list."""
    shutil.copytree(minimal.folder / "figures", folder)
    index = json.loads((folder / "index.json").read_text("utf-8"))
    index["made"][0] |= fields
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return page(minimal.inputs, MINIMAL, folder, folder.parent / "index.html")


def test_a_section_that_the_page_lacks_is_an_error(minimal, tmp_path):
    with pytest.raises(StudyError, match="the page has no section 'elsewhere'"):
        _altered(minimal, tmp_path / "a", section="elsewhere")
    # This section is shown only with a table that the study does not have.
    with pytest.raises(StudyError, match="no place for fig-"):
        _altered(minimal, tmp_path / "b", section="domains")


def test_a_figure_is_folded_because_it_says_so(minimal, tmp_path):
    plain = _altered(minimal, tmp_path / "a", section="training", folded=False)
    folded = _altered(minimal, tmp_path / "b", section="training", folded=True)
    assert folded.count("<details>") == plain.count("<details>") + 1


def test_same_page_twice(default):
    again = page(
        default.inputs,
        json.loads(json.dumps(_document())),
        default.folder / "figures",
        default.folder / "index.html",
    )
    assert again == default.html


def _document() -> dict:
    from tests.analysis.pages import default_document

    return default_document()


def test_commands(tmp_path, minimal):
    """The three commands on files, as the workflow calls them."""
    inputs = minimal.inputs
    (tmp_path / "study.json").write_text(inputs.study.to_json(), encoding="utf-8")
    write_parquet(tmp_path / "results.parquet", inputs.results, {})
    for name, value in (
        ("decisions", [d.to_dict() for d in inputs.decisions]),
        ("ablations", inputs.ablations),
    ):
        text = json.dumps(enclosed(name, value, {}))
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
    given = [str(tmp_path / "study.json"), "--results", str(tmp_path / "results.parquet")]
    given += ["--decisions", str(tmp_path / "decisions.json")]
    given += ["--ablations", str(tmp_path / "ablations.json")]
    out = tmp_path / "out"
    assert _run("tables", *given, "-o", str(out)).returncode == 0
    assert (out / "tables" / "index.json").is_file()
    assert (out / "data" / "membership.csv").is_file()
    figures = ["--figures", str(minimal.folder / "figures")]
    done = _run("report", *given, *figures, "-o", str(out / "index.html"))
    assert done.returncode == 0
    assert done.stdout.strip() == str(out / "index.html")
    assert entities.escape(HOSTILE, quote=False)[:30] in (out / "index.html").read_text("utf-8")
    failed = _run("report", *given, "--figures", str(tmp_path / "no"), "-o", str(out / "x.html"))
    assert failed.returncode == 2
    assert "not a list of what was made" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (out / "x.html").exists()


def _run(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "analysis", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
