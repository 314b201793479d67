"""``python -m analysis index``: one page over all reports of a folder.

In: ``reports/``, in which each study has a folder with its page. Out: ``reports/index.html`` with a
row per study: its question, its answer, n, the date, what it cost, and the link. Question, answer
and n are read from the page itself, so that the index says what the page says; the cost is added up
from the copy of the results beside it, the date is that of the last look that was noted for the
page, else of the file. A folder without a page is left out.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from afn.common.errors import StudyError
from analysis.display import formatting
from analysis.display.templates import environment, style_sheet
from analysis.report import looks
from analysis.results.io import write_atomically
from analysis.results.scores import CELL

TEMPLATES = Path(__file__).with_name("templates")
PAGE = "index.html"
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


@dataclass
class ListedReport:
    """What a page says of its study.

    Attributes
    ----------
    study, title, question : str
        The name is that of its folder.
    answer : list of str
        Sentences.
    facts : list of str
        Sizes: ``10 seeds``.
    date, hours : str
        Empty where unknown.
    link : str
        From the folder of all reports.
    """

    study: str
    title: str = ""
    question: str = ""
    answer: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    date: str = ""
    hours: str = ""
    link: str = ""


class _Reader(HTMLParser):
    """Texts of a page's head: title, question, sizes, and the paragraphs of the answer."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, list[str]] = {"title": [], "question": [], "facts": [], "answer": []}
        self._path: list[tuple[str, str]] = []
        self._told = False  # what follows the answer's paragraphs is its table

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        given = {key: value or "" for key, value in attributes}
        self._path.append((tag, given.get("id") or given.get("class", "")))
        self._told |= self._within("answer") and (
            tag == "table" or "table" in given.get("class", "")
        )
        kind = self._kind()
        if kind and self._path[-1][0] in ("p", "h1", "li"):
            self.found[kind].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._path:
            if self._path.pop()[0] == tag:
                break

    def handle_data(self, text: str) -> None:
        kind = self._kind()
        if kind and self.found[kind]:
            self.found[kind][-1] += text

    def _within(self, name: str) -> bool:
        return any(own.partition(" ")[0] == name for _, own in self._path)

    def _kind(self) -> str:
        tags = [tag for tag, _ in self._path]
        if "h1" in tags:
            return "question"
        if ("p", "kicker") in self._path:
            return "title"
        if self._within("facts") and "li" in tags:
            return "facts"
        return "answer" if self._within("answer") and "p" in tags and not self._told else ""


def read(folder: Path, results: Path | None = None) -> ListedReport | None:
    """What the report in a folder says; None where there is no page of a study.

    Parameters
    ----------
    results : Path, optional
        Folder of the study's results, for the date.
    """
    page = folder / PAGE
    if not page.is_file():
        return None
    reader = _Reader()
    reader.feed(page.read_text(encoding="utf-8", errors="replace"))
    found = {kind: [" ".join(t.split()) for t in texts] for kind, texts in reader.found.items()}
    if not found["question"]:
        return None
    return ListedReport(
        study=folder.name,
        title=(found["title"] or [""])[0],
        question=found["question"][0],
        answer=[text for text in found["answer"] if text],
        facts=found["facts"],
        date=_date(page, results),
        hours=_hours(folder / "data" / "results.csv"),
        link=f"{quote(folder.name)}/{PAGE}",
    )


def _date(page: Path, results: Path | None) -> str:
    noted = looks.read(looks.file_of(results)) if results else []
    reported = [look["time"] for look in noted if look["command"] == "report"]
    if reported:
        return reported[-1].partition(" ")[0]
    return time.strftime("%Y-%m-%d", time.localtime(page.stat().st_mtime))


def _hours(table: Path) -> str:
    """Hours of training of all runs, from the table beside the page."""
    if not table.is_file():
        return ""
    runs = pd.read_csv(table, usecols=[*CELL, "seed", "train_seconds"])
    seconds = float(runs.drop_duplicates([*CELL, "seed"])["train_seconds"].fillna(0).sum())
    if seconds <= 0:
        return ""
    if seconds < 3600:
        return f"{formatting.two_digits(seconds / 60)} minutes"
    return f"{formatting.two_digits(seconds / 3600)} hours"


def collect(reports: Path, results: Path) -> list[ListedReport]:
    """All reports of a folder, by name.

    Raises
    ------
    StudyError
        Where there is no such folder.
    """
    if not reports.is_dir():
        raise StudyError(f"{reports}: no such folder")
    folders = sorted(path for path in reports.iterdir() if path.is_dir())
    found = (read(folder, results / folder.name) for folder in folders)
    return [report for report in found if report is not None]


def page(found: list[ListedReport]) -> str:
    """The index as HTML."""
    from markupsafe import Markup

    template = environment(TEMPLATES).get_template("index.html.j2")
    return template.render(reports=found, style=Markup(style_sheet()))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reports", type=Path, nargs="?", default=Path("reports"), metavar="REPORTS")
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="folder of all results, for dates"
    )


def main(args: argparse.Namespace) -> None:
    """Write the page; prints its path."""
    found = collect(args.reports, args.results)
    output = args.reports / PAGE
    write_atomically(output, lambda path: path.write_text(page(found), encoding="utf-8"))
    print(f"{output}: {formatting.count(len(found), 'report')}")
