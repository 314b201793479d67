"""The page about two results folders of one study: what differs, as a picture and as a table.

In: the table of `analysis.across.two_results.compare` and what made either folder. Out: a folder
with ``index.html`` (self-contained, without a script), ``figures/`` and ``tables/``. Called by
``python -m analysis compare-results A B --page FOLDER``. It decides nothing: every verdict is the
one that stands in the two ``decisions.json``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from analysis.across.two_results_figure import NAME, forest
from analysis.across.two_results_words import change, named, numbers, ordered, place
from analysis.display import formatting
from analysis.display.inline_svg import shown
from analysis.display.table import Table
from analysis.display.templates import environment, style_sheet
from analysis.figures.drawing import style
from analysis.results.io import read_study, write_atomically, write_csv
from analysis.tables.writing import write_table

TEMPLATES = Path(__file__).with_name("templates")


def write(
    table: pd.DataFrame, builds: list[list[str]], folders: tuple[Path, Path], folder: Path
) -> Path:
    """Write the page, its figure and its table; returns the page's path.

    Parameters
    ----------
    table : DataFrame
        One row per decision, see `analysis.across.two_results.compare`.
    builds : list of list of str
        What made A and B, see `analysis.across.two_results.builds_of`.
    folders : (Path, Path)
        A and B, as they were named.
    """
    from markupsafe import Markup

    study = read_study(folders[0] / "study.json")
    table = named(table, next(iter(study.protocols)))
    printed = _table(table)
    write_table(printed, folder / "tables")
    text = (
        environment(TEMPLATES)
        .get_template("two_results.html.j2")
        .render(
            study=study.name,
            question=study.question or study.title or study.name,
            made=list(zip("AB", map(str, folders), builds, strict=True)),
            sentences=sentences(table),
            figure=_figure(table, study.plan.margin, folder / "figures"),
            table=printed,
            style=Markup(style_sheet()),
        )
    )
    path = folder / "index.html"
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8"))
    return path


def sentences(table: pd.DataFrame) -> list[str]:
    """The answer: contradictions first, then what reads otherwise, then how far numbers moved."""
    own, what = (table[table["primary"]], "primary ") if table["primary"].any() else (table, "")
    noun, against = f"{what}decisions", own[own["contradict"]]
    of_all = f"of the {formatting.small(len(own))} {noun}"
    verb = "contradicts" if len(against) == 1 else "contradict"
    told = [
        f"None {of_all} contradicts the other folder's."
        if against.empty
        else f"{formatting.sentence_case(formatting.small(len(against)))} {of_all} {verb} the "
        f"other folder's: {formatting.listing([change(row) for row in against.itertuples()])}."
    ]
    turned = own[~own["same"] & ~own["contradict"]]
    if turned.empty and against.empty:
        told.append("All verdicts are the same.")
    elif len(turned):
        changes = [change(row) for row in turned.itertuples()]
        told.append(
            f"{formatting.sentence_case(formatting.count(len(turned), 'reads', 'read'))} "
            f"differently: {formatting.listing(changes)}."
        )
    moved = own["half_widths"].dropna()
    if len(moved):
        told.append(
            f"{formatting.sentence_case(formatting.small(int((moved <= 1).sum())))} of "
            f"{formatting.small(len(moved))} estimates of B lie inside A's interval; the furthest "
            f"lies {formatting.two_digits(moved.max())} half-widths of it from A's estimate."
        )
    return told


def _table(table: pd.DataFrame) -> Table:
    rows = ordered(table)
    printed = [
        [
            place(row),
            row.verdict_1,
            row.verdict_2,
            numbers(row, 1),
            numbers(row, 2),
            formatting.number(row.half_widths),
        ]
        for row in rows.itertuples()
    ]
    heads = ["comparison", "verdict of A", "verdict of B", "A", "B", "moved"]
    note = (
        "Contradictions first, then other verdicts that differ, then by how far the estimate "
        "moved, in half-widths of A's interval. Backbones on their own make no claim."
    )
    return Table(NAME, "All decisions side by side", note, heads, "lllrrr", printed, rows)


def _figure(table: pd.DataFrame, margin: float, folder: Path) -> dict[str, Any]:
    """The drawn figure as the page's macro takes it; its files lie in ``folder``."""
    style.use()
    folder.mkdir(parents=True, exist_ok=True)
    picture = forest(table, margin)
    files = style.save(picture.figure, folder, NAME) | {"csv": f"{NAME}.csv"}
    write_csv(folder / files["csv"], picture.numbers)
    svg = (folder / files["svg"]).read_text(encoding="utf-8")
    return {
        "name": NAME,
        "number": 1,
        "title": picture.title,
        "caption": picture.caption,
        **shown(svg, picture.alt, "f1"),
        "links": {kind: f"figures/{name}" for kind, name in files.items()},
    }
