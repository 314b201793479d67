"""A part of the page for every cell: what its runs gave, how they were made, how to run them again.

In: the loaded study, what its networks answered (`analysis.report.browsing.answers`), and the logs
of its runs. Out: one `CellEntry` per cell, in the page or in a file beside it. Called by
`analysis.report.browsing.parts`; the verdicts' table leads here.

What is read from a run folder passed the one reader (`afn.common.run_folder`), so a changed file
gives no confusion matrix. Nothing here is decided, and no decision is made from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from afn.study.grid.cells import Cell
from analysis.decisions.chosen_settings import trained
from analysis.decisions.words import phrases
from analysis.display import formatting, naming
from analysis.display.commands import make_rerun
from analysis.display.templates import environment, style_sheet
from analysis.inputs import Inputs
from analysis.report.browsing.answers import CleanAnswers, declared
from analysis.report.browsing.images import Differing
from analysis.results.io import write_atomically
from analysis.results.scores import CELL
from analysis.results.units import points

TEMPLATES = Path(__file__).parents[1] / "templates"

LINES = 8
"""Of the end of a log."""


@dataclass
class CellEntry:
    """What the page says of one cell.

    ``seeds`` has one row per run: its anchor, and its texts under ``heads``. ``conditions`` has a
    row per condition and declared protocol, ``swept`` one per batch size and order under
    ``swept_heads``. ``curve`` are points of an SVG of 120 x 40, one text per seed. ``confusion``
    are the counts of all finished seeds on the clean test images under the first protocol, in
    words ``statistics``, true class by row. ``differing`` are the comparisons that the cell's arm
    begins.
    """

    anchor: str
    title: str
    tokens: str
    heads: list[str]
    path: str
    seeds: list[tuple[str, list[str]]]
    conditions: list[tuple[str, str, str]]
    swept_heads: list[str]
    swept: list[list[str]]
    statistics: str
    curve: list[str]
    facts: list[tuple[str, str]]
    settings: str
    command: str
    confusion: list[list[int]] = field(default_factory=list)
    differing: list[Differing] = field(default_factory=list)
    log: str = ""


def anchor(task: str, backbone: str, norm: str, recipe: str) -> str:
    """The name of a cell's part of the page.

    >>> anchor("digits8x8", "resnet8", "afn+residual=off", "plain")
    'cell-digits8x8.resnet8.afn_residual_off.plain'
    """
    names = [
        re.sub(r"[^\w-]+", "_", part, flags=re.ASCII) for part in (task, backbone, norm, recipe)
    ]
    return "cell-" + ".".join(names)


def entries(
    inputs: Inputs,
    told: CleanAnswers,
    differing: list[Differing],
    logs: Path | None,
    study_file: str,
) -> list[CellEntry]:
    """Every cell of the study that has results, in its order."""
    of_cell = dict(tuple(inputs.results.groupby(CELL, sort=False)))
    curves = dict(tuple(_losses(inputs.history).groupby(CELL, sort=False)))
    found = []
    for cell in inputs.study.cells():
        key = (cell.task, cell.backbone, cell.norm, cell.recipe)
        if key in of_cell:
            entry = _entry(inputs, cell, of_cell[key], curves.get(key), study_file)
            entry.confusion = told.confusion(cell)
            entry.differing = [own for own in differing if own.cells[0].path == cell.path]
            entry.log = _log(cell, logs)
            found.append(entry)
    return found


def pictures(own: Differing, beside: bool) -> str:
    """The address of the images of a comparison, in the part of its first cell."""
    cell = own.cells[0]
    name = anchor(cell.task, cell.backbone, cell.norm, cell.recipe)
    return f"{f'cells/{name}.html' if beside else ''}#{name}.images{own.number}"


def behind(inputs: Inputs) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Anchor and name of every primary decision, with the cells that it was made from."""
    own = {(c.task, c.backbone, c.norm, c.pooled_recipe): c for c in inputs.study.cells()}
    found = []
    for d in inputs.decisions:
        if not d.primary or d.backbone != "pooled":
            continue
        links = []
        for net in d.blocks:
            for norm in dict.fromkeys(arm.norm for arm in d.arms):
                cell = own.get((d.task, net, norm, d.recipe))
                if cell is not None:
                    to = anchor(cell.task, cell.backbone, cell.norm, cell.recipe)
                    links.append((to, f"{inputs.label(norm, cell.recipe)} on {naming.part(net)}"))
        name = f"{inputs.comparison(d)}{inputs.on(d.task)}, {naming.outcome(d.outcome)}"
        found.append((phrases.anchor(d), name, links))
    return found


def write_beside(inputs: Inputs, cells: list[CellEntry], folder: Path) -> None:
    """Write ``cells/<anchor>.html`` for each cell, and remove those of an earlier page."""
    from markupsafe import Markup

    own = folder / "cells"
    wanted = {f"{cell.anchor}.html" for cell in cells}
    for path in own.glob("cell-*.html"):
        if path.name not in wanted:
            path.unlink()
    if not cells:
        return
    own.mkdir(parents=True, exist_ok=True)
    template = environment(TEMPLATES).get_template("cell.html.j2")
    for cell in cells:
        text = template.render(cell=cell, study=inputs.study, style=Markup(style_sheet()))
        write_atomically(own / f"{cell.anchor}.html", partial(_write, text))


def _write(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


def _entry(
    inputs: Inputs, cell: Cell, rows: pd.DataFrame, losses: pd.DataFrame | None, study_file: str
) -> CellEntry:
    name = anchor(cell.task, cell.backbone, cell.norm, cell.recipe)
    runs = rows.drop_duplicates("seed").set_index("seed").sort_index()
    scores = {
        (outcome, protocol): inputs.arm_scores(
            cell.task, cell.backbone, f"{cell.norm}@{protocol}", outcome, cell.recipe
        )
        for protocol in declared(inputs, cell)
        for outcome in inputs.outcomes
    }
    scores = {key: own for key, own in scores.items() if len(own)}
    several = len({protocol for _, protocol in scores}) > 1
    heads = [o + (f", {naming.protocol(p)}" if several else "") for o, p in scores]
    seeds = []
    for seed, run in runs.iterrows():
        values = [formatting.number(own[seed], 2) if seed in own else "" for own in scores.values()]
        words = [f"{seed} \u00d7" if run["status"] == "diverged" else str(seed)]
        words += [formatting.number(float(run["train_seconds"]), 1), *values]
        seeds.append((f"{name}.s{seed}", words))
    swept, own = rows["protocol"].isin(inputs.study.swept), declared(inputs, cell)[0]
    swept_heads, swept_rows = _sweep(rows[swept])
    parts = {key: getattr(cell, key) for key in CELL}
    where = " and ".join(f"{key} == {value!r}" for key, value in parts.items())
    place = inputs.task_name(cell.task) if len(inputs.tasks) > 1 else ""
    title = [inputs.label(cell.norm, cell.recipe), naming.part(cell.backbone), place]
    return CellEntry(
        anchor=name,
        title=" \u00b7 ".join(filter(None, title)),
        tokens=naming.tokens(parts),
        heads=["seed", "seconds of training", *heads],
        path=f"results/{inputs.study.name}/runs/{cell.path}/seed<k>",
        seeds=seeds,
        conditions=_conditions(rows[~swept]),
        swept_heads=swept_heads,
        swept=swept_rows,
        statistics="" if own == "any" else naming.statistics(own),
        curve=_polylines(losses),
        facts=_cost(runs),
        settings=_settings(inputs, cell),
        command=make_rerun(where, study_file),
    )


def _conditions(rows: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Condition, protocol and mean accuracy over seeds and severities."""
    tested = rows[(rows["split"] == "test") & rows["condition"].notna()]
    means = tested.groupby(["condition", "protocol"], sort=False)["accuracy"].mean()
    return [
        (str(c).replace("_", " "), "" if p == "any" else naming.protocol(p), f"{points(value):.2f}")
        for (c, p), value in means.items()
    ]


def _sweep(rows: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the mean accuracy by size and order of the test batch, and by test."""
    if rows.empty:
        return [], []
    tested = rows[rows["split"] == "test"]
    means = tested.groupby(["protocol", "condition", "severity"], sort=False)["accuracy"].mean()
    table = means.unstack(["condition", "severity"])
    heads = [
        str(c).replace("_", " ") + (f", severity {int(s)}" if s else "") for c, s in table.columns
    ]
    shown = [
        [naming.protocol(str(p)), *(formatting.number(points(x)) for x in values)]
        for p, values in zip(table.index, table.to_numpy(), strict=True)
    ]
    return ["test batch", *heads], shown


def _losses(history: pd.DataFrame) -> pd.DataFrame:
    return history[(history["quantity"] == "train_loss") & (history["value"] > 0)]


def _polylines(losses: pd.DataFrame | None) -> list[str]:
    """The training loss of each seed on a logarithmic scale, all in one box."""
    if losses is None or losses.empty:
        return []
    y = np.log10(losses["value"].to_numpy(float))
    x = losses["epoch"].to_numpy(float)
    low, high, first, last = y.min(), y.max(), x.min(), x.max()
    px = 118 * (x - first) / max(last - first, 1e-9) + 1
    py = 38 * (high - y) / max(high - low, 1e-9) + 1
    frame = pd.DataFrame({"seed": losses["seed"].to_numpy(), "x": px, "y": py})
    return [
        " ".join(f"{r.x:.0f},{r.y:.1f}" for r in own.sort_values("x").itertuples())
        for _, own in frame.groupby("seed")
    ]


def _cost(runs: pd.DataFrame) -> list[tuple[str, str]]:
    facts = [("parameters", f"{int(runs['parameters'].iloc[0]):,}")]
    median = float(runs["step_ms"].astype(float).median())
    facts += [("median milliseconds per step", formatting.number(median))]
    facts += [
        ("seconds of training, all seeds", f"{runs['train_seconds'].astype(float).sum():.0f}")
    ]
    return facts


def _settings(inputs: Inputs, cell: Cell) -> str:
    """What the cell was trained with, and what its search chose among it."""
    import yaml

    settings = trained(cell, inputs.searches)
    return yaml.safe_dump(settings, sort_keys=True, allow_unicode=True, width=96)


def _log(cell: Cell, logs: Path | None) -> str:
    """The end of the newest log of the cell."""
    files = sorted(logs.glob(f"{cell.path}/*.log"), key=lambda p: p.stat().st_mtime) if logs else []
    if not files:
        return ""
    return "\n".join(files[-1].read_text(encoding="utf-8", errors="replace").splitlines()[-LINES:])
