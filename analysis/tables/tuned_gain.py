"""What tuning changed: every contrast of a tuned experiment beside the same one at the defaults.

In: decisions, results and searches of a study. Out: sentences for the answer and tables for the
section on tuning, none without a search. Called by `analysis.report.page` and
`analysis.tables.writing`.

Both differences are decisions of their own. What tuning changed, of a contrast and of each arm, is
one paired t-test that holds for what these searches chose.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from analysis.decisions.tuning import Change, change, change_of_contrast
from analysis.display import formatting, naming, phrases
from analysis.display.formatting import plain
from analysis.display.table import Table


def tables(inputs: Any) -> Iterator[Table]:
    """Gains beside each other, and the tuned cells with what was chosen for them."""
    if not inputs.searches:
        return
    found = pairs(inputs)
    if found:
        yield gains(inputs, found)
    if tuned_cells(inputs):
        yield results(inputs)


def pairs(inputs: Any) -> list[tuple[dict, dict | None]]:
    """Every pooled decision of a tuned experiment, with the same one at the defaults if decided."""
    tuned = {s["experiment"] for s in inputs.searches}
    pooled = [d for d in inputs.decisions if d["backbone"] == "pooled"]
    return [(d, _at_defaults(inputs, d)) for d in pooled if d["experiment"] in tuned]


def _at_defaults(inputs: Any, tuned: dict) -> dict | None:
    """The decision on the same arms, task, outcome and backbones that no search has touched.

    Where the defaults are compared on several backbones and one was tuned, it is the one per
    backbone.
    """
    searched = {name for name, e in inputs.study.experiments.items() if e.groups}
    key = ("task", "outcome", "a", "b", "blocks")
    same = [
        d
        for d in inputs.decisions
        if d["experiment"] not in searched and all(d[k] == tuned[k] for k in key)
    ]
    starts = {
        _recipe(cell.settings["recipe"])
        for cell in inputs.study.experiments[tuned["experiment"]].cells
    }
    of_start = [d for d in same if _recipes(inputs, d) <= starts]
    # Of several, the primary one; then one over all that its experiment has.
    return min(of_start, key=lambda d: (not d["primary"], d["backbone"] != "pooled"), default=None)


def _recipes(inputs: Any, d: dict) -> set[tuple]:
    """The settings of the recipes of a decision's cells."""
    own = inputs.study.experiments[d["experiment"]].cells
    same = [c for c in own if (c.task, c.recipe) == (d["task"], d["recipe"])]
    return {_recipe(c.settings["recipe"]) for c in same}


def _recipe(settings: dict) -> tuple:
    return tuple(sorted((key, str(value)) for key, value in settings.items()))


def gains(inputs: Any, found: list[tuple[dict, dict | None]]) -> Table:
    """One row per contrast and outcome: default gain beside tuned gain."""
    several = len(inputs.tasks) > 1
    rows, records, breaks, before = [], [], [], None
    for tuned, default in found:
        key = (tuned["experiment"], tuned["a"], tuned["b"])
        if key != before:
            breaks.append(len(rows))
            before = key
        row = [naming.contrast(tuned["a"], tuned["b"], inputs.protocols[0])]
        row += [inputs.task_name(tuned["task"])] if several else []
        row.append(naming.outcome(tuned["outcome"]).removesuffix(" images"))
        record = {k: tuned[k] for k in ("experiment", "task", "recipe", "outcome", "a", "b")}
        for name, d in (("default", default), ("tuned", tuned)):
            row += _cells(d)
            low, high = (d and d["ci"]) or (None, None)
            record |= {f"{name}_estimate": d and d["estimate"], f"{name}_low": low}
            record |= {f"{name}_high": high, f"{name}_verdict": d and d["verdict"]}
            record |= {f"{name}_n": d and d["n"]}
        moved = change_of_contrast(tuned, default, inputs.study.plan.alpha)
        row += [formatting.signed(moved.estimate), formatting.interval(moved.ci)]
        row.append(formatting.p_value(moved.p))
        low, high = moved.ci or (None, None)
        record |= {"change": moved.estimate, "change_low": low, "change_high": high}
        record |= {"change_p": moved.p, "change_n": moved.n}
        rows.append(row)
        records.append(record)
    heads = ["comparison", *(["task"] if several else []), "outcome"]
    heads += ["default", "interval", "verdict", "tuned", "interval", "verdict"]
    heads += ["change", "interval", "p"]
    return Table(
        "tuned_gain",
        "What tuning changed",
        f"Differences in points of accuracy: at the default settings, and after {_how(inputs)}. "
        "Each verdict is corrected within its own experiment or family. Change: tuned minus "
        "default, seed by seed, as one paired t-test given what the searches chose, not corrected. "
        "One search per method is one draw of a noisy choice: all that is tuned holds for these "
        "settings and is exploratory.",
        heads,
        "l" * (2 + several) + "rrlrrlrrr",
        rows,
        pd.DataFrame(records),
        breaks,
    )


def _how(inputs: Any) -> str:
    """How the methods were tuned: each in searches of its own, or some of them together."""
    shared = any(len({path.split("/")[2] for path in s["cells"]}) > 1 for s in inputs.searches)
    if shared:
        return "tuning with the budget below, where methods of one search share what it chose"
    return "every method was tuned on its own with the budget below"


def _cells(d: dict | None) -> list[str]:
    if d is None:
        return ["\u2013", "\u2013", "not compared"]
    return [formatting.signed(d["estimate"]), phrases.interval(d), phrases.verdict(d)]


def tuned_cells(inputs: Any) -> list[tuple[Any, dict]]:
    """Cells that a search completed, each with its search."""
    by_path = {path: s for s in inputs.searches for path in s["cells"]}
    return [(c, by_path[c.path]) for c in inputs.study.cells() if c.path in by_path]


def arm_changes(inputs: Any) -> Iterator[tuple[Any, str, Change]]:
    """Every tuned cell and outcome with what tuning changed, none without the default cell."""
    for cell, _ in tuned_cells(inputs):
        start = _default_cell(inputs, cell)
        for outcome in inputs.outcomes if start is not None else ():
            tuned, default = (_scores(inputs, of, outcome).to_dict() for of in (cell, start))
            yield cell, outcome, change(tuned, default, inputs.study.plan.alpha)


def _scores(inputs: Any, cell: Any, outcome: str) -> pd.Series:
    return inputs.arm_scores(cell.task, cell.backbone, cell.norm, outcome, cell.recipe)


def results(inputs: Any) -> Table:
    """Accuracy of every tuned cell beside the same cell at the defaults, with its settings."""
    several = len(inputs.tasks) > 1
    rows, records, breaks, before = [], [], [], None
    moves = {(cell.path, outcome): moved for cell, outcome, moved in arm_changes(inputs)}
    for cell, search in tuned_cells(inputs):
        place = [inputs.task_name(cell.task)] if several else []
        place.append(naming.part(cell.backbone))
        if place != before:
            breaks.append(len(rows))
            before = place
        best = search["chosen"]
        settings = "defaults kept"
        if best:
            settings = ", ".join(f"{key} {formatting.value(plain(v))}" for key, v in _short(best))
        row, record = [*place, naming.arm(cell.norm)], {"cell": cell.path}
        start = _default_cell(inputs, cell)
        for outcome in inputs.outcomes:
            for name, of in (("default", start), ("tuned", cell)):
                scores = None
                if of is not None:
                    scores = _scores(inputs, of, outcome)
                n = 0 if scores is None else len(scores)
                mean, sd = (float(scores.mean()), float(scores.std(ddof=1))) if n else (None, None)
                row.append(formatting.mean_sd(mean, sd, n))
                record |= {f"{outcome}_{name}_mean": mean, f"{outcome}_{name}_sd": sd}
                record[f"{outcome}_{name}_n"] = n
            moved = moves.get((cell.path, outcome), Change(0, None))
            row.append(f"{formatting.signed(moved.estimate)} {formatting.interval(moved.ci)}")
            low, high = moved.ci or (None, None)
            record |= {f"{outcome}_change": moved.estimate, f"{outcome}_change_low": low}
            record[f"{outcome}_change_high"] = high
        rows.append([*row, settings])
        records.append(record | {"settings": settings})
    heads = [*(["task"] if several else []), "backbone", "method"]
    for outcome in inputs.outcomes:
        short = naming.outcome(outcome).removesuffix(" images")
        heads += [f"{short}, default", f"{short}, tuned", "change"]
    return Table(
        "tuned_results",
        "The tuned methods and their settings",
        f"Accuracy in percent on the test images under the study's first protocol: mean "
        f"{formatting.PLUS_MINUS} standard deviation over seeds (number of seeds), at the default "
        "settings and at those that the search chose; change: tuned minus default, seed by seed, "
        f"with {inputs.level} interval.",
        [*heads, "chosen settings"],
        "l" * (2 + several) + "r" * (3 * len(inputs.outcomes)) + "l",
        rows,
        pd.DataFrame(records),
        breaks,
    )


def _short(best: dict) -> list[tuple[str, Any]]:
    return [(naming.option(key.partition(".")[2]), value) for key, value in best["params"].items()]


def _default_cell(inputs: Any, cell: Any) -> Any | None:
    """The untuned cell whose settings a tuned cell starts from, if the study trains it."""
    for other in inputs.study.cells():
        if not other.search and other.settings == cell.settings:
            return other
    return None
