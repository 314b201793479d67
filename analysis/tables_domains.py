"""The source x target matrices as a table, and the words that go with them.

In: the matrices of a study (`analysis.domains`) and what was judged of the paper's numbers. Out:
one `Table`, and which margin the paper's row belongs to. Called by `analysis.tables` and by the
figure and page of the matrices.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis import words
from analysis.domains import MEAN, Matrix
from analysis.table import Table

OF_PAPER = {"digits": (1, "targets"), "pacs": (3, "sources")}
"""Table of the paper that a task is from, and what its columns are by what its numbers fit."""


def label(inputs: Any, matrix: Matrix) -> str:
    """The arm of a matrix: method, statistics where it depends on the batch, and `where`."""
    protocol = "" if matrix.protocol == "any" else words.protocol(matrix.protocol)
    return ", ".join(filter(None, [words.norm(matrix.norm), protocol, where(inputs, matrix)]))


def where(inputs: Any, matrix: Matrix) -> str:
    """Backbone and recipe of a matrix, where the matrices of the study differ in them."""
    found = inputs.domains
    recipes = {m.recipe for m in found}
    parts = [words.part(matrix.backbone)] if len({m.backbone for m in found}) > 1 else []
    if len(recipes) > 1:
        settings = {c.recipe: c.settings["recipe"] for c in inputs.study.cells()}
        parts.append(words.tasks({r: settings[r] for r in settings if r in recipes})[matrix.recipe])
    return ", ".join(parts)


def margin_of_paper(inputs: Any) -> str:
    """Which margin the paper's row is to be held against; nothing for a task it does not have."""
    said = []
    for task in dict.fromkeys(m.task for m in inputs.domains):
        number, columns = OF_PAPER.get(task, (0, ""))
        if columns == "targets":
            said.append(
                f"The caption of the paper's table {number} calls its columns training domains, "
                "but its numbers fit test domains: its row is to be compared with the bottom "
                "margin, the mean over sources for each target. Its average is that of all "
                "transfers and means the same either way."
            )
        elif columns == "sources":
            said.append(
                f"The columns of the paper's table {number} are training domains: its row is to be "
                "compared with the right margin, the mean over targets for each source."
            )
    return " ".join(said)


def table(inputs: Any) -> Table:
    """One block of rows per matrix, with both margins and, where there is one, the printed row."""
    targets = list(dict.fromkeys(t for m in inputs.domains for t in m.targets))
    rows, breaks, frames = [], [], []
    for matrix in inputs.domains:
        breaks.append(len(rows))
        name = label(inputs, matrix)
        for source in [*matrix.sources, MEAN]:
            shown = [_place(matrix, source, target) for target in [*targets, MEAN]]
            trained = "mean over sources" if source == MEAN else words.domain(source)
            rows.append([name, trained, *shown])
        printed = printed_row(inputs, matrix)
        if printed:
            shown = [words.number(printed.get(t), 1) for t in [*targets, MEAN]]
            rows.append([name, "printed in the paper", *shown])
        keys = ("task", "backbone", "recipe", "norm", "protocol")
        frames.append(_with_keys(matrix.table, {key: getattr(matrix, key) for key in keys}))
    note = (
        f"Rows: trained on; columns: tested on. Mean {words.PLUS_MINUS} standard deviation over "
        "seeds, in percent. In brackets: the source's own test set, which is no transfer and "
        f"enters no mean. {margin_of_paper(inputs)}"
    ).strip()
    heads = ["method", "trained on", *map(words.domain, targets), "mean over targets"]
    return Table(
        "domains",
        "From each domain to each other",
        note,
        heads,
        "ll" + "r" * (len(targets) + 1),
        rows,
        pd.concat(frames, ignore_index=True),
        breaks,
    )


def scores(inputs: Any) -> pd.DataFrame:
    """One row per matrix, source, target and seed."""
    keys = ("task", "backbone", "recipe", "norm", "protocol")
    frames = [_with_keys(m.scores, {key: getattr(m, key) for key in keys}) for m in inputs.domains]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def printed_row(inputs: Any, matrix: Matrix) -> dict[str, float]:
    """The paper's numbers by target, for the matrix that repeats them; its average is `MEAN`.

    Only where the paper's columns are targets: the row stands under the bottom margin.
    """
    if OF_PAPER.get(matrix.task, (0, ""))[1] != "targets":
        return {}
    own = [
        record
        for record in inputs.published.numbers
        if record["as_printed"]
        and (record["norm"], record["recipe"]) == (matrix.norm, matrix.recipe)
        and record["protocol"] == matrix.protocol
        and any(path.split("/")[1] == matrix.backbone for path in record["cells"])
    ]
    names = {"average": MEAN}
    return {names.get(r["condition"], r["condition"]): r["printed"] for r in own}


def _place(matrix: Matrix, source: str, target: str) -> str:
    rows = matrix.table
    rows = rows[(rows["source"] == source) & (rows["target"] == target)]
    if rows.empty or not rows["n"].iloc[0]:
        return "\u2013"
    text = words.mean_sd(*(rows[key].iloc[0] for key in ("mean", "sd", "n")), 1, of=False)
    return f"({text})" if source == target and source != MEAN else text


def _with_keys(frame: pd.DataFrame, keys: dict[str, str]) -> pd.DataFrame:
    return pd.concat([pd.DataFrame([keys] * len(frame), index=frame.index), frame], axis=1)
