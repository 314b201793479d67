"""The source x target matrices as a table.

In: the matrices of a study (`analysis.decisions.domain_matrices`) and what was judged of the
paper's numbers. Out: one `Table`. Called by `analysis.tables.writing`.
"""

from __future__ import annotations

import pandas as pd

from analysis.decisions.domain_matrices import MEAN, Matrix
from analysis.display import formatting, naming
from analysis.display.matrix_names import OF_PAPER, label, margin_of_paper
from analysis.display.table import Table
from analysis.inputs import Inputs


def table(inputs: Inputs) -> Table:
    """One block of rows per matrix, with both margins and, where there is one, the printed row."""
    targets = list(dict.fromkeys(t for m in inputs.domains for t in m.targets))
    rows: list[list[str]] = []
    breaks: list[int] = []
    frames: list[pd.DataFrame] = []
    for matrix in inputs.domains:
        breaks.append(len(rows))
        name = label(inputs, matrix)
        for source in [*matrix.sources, MEAN]:
            shown = [_place(matrix, source, target) for target in [*targets, MEAN]]
            trained = "mean over sources" if source == MEAN else naming.domain(source)
            rows.append([name, trained, *shown])
        printed = printed_row(inputs, matrix)
        if printed:
            shown = [formatting.number(printed.get(t), 1) for t in [*targets, MEAN]]
            rows.append([name, "printed in the paper", *shown])
        keys = ("task", "backbone", "recipe", "norm", "protocol")
        frames.append(_with_keys(matrix.table, {key: getattr(matrix, key) for key in keys}))
    note = (
        f"Rows: trained on; columns: tested on. Mean {formatting.PLUS_MINUS} standard deviation "
        "over "
        "seeds, in percent. In brackets: the source's own test set, which is no transfer and "
        f"enters no mean. {margin_of_paper(inputs)}"
    ).strip()
    heads = ["method", "trained on", *map(naming.domain, targets), "mean over targets"]
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


def scores(inputs: Inputs) -> pd.DataFrame:
    """One row per matrix, source, target and seed."""
    keys = ("task", "backbone", "recipe", "norm", "protocol")
    frames = [_with_keys(m.scores, {key: getattr(m, key) for key in keys}) for m in inputs.domains]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def printed_row(inputs: Inputs, matrix: Matrix) -> dict[str, float]:
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
    mean, sd, n = (rows[key].iloc[0] for key in ("mean", "sd", "n"))
    text = formatting.mean_sd(mean, sd, n, 1, of=False)
    return f"({text})" if source == target and source != MEAN else text


def _with_keys(frame: pd.DataFrame, keys: dict[str, str]) -> pd.DataFrame:
    return pd.concat([pd.DataFrame([keys] * len(frame), index=frame.index), frame], axis=1)
