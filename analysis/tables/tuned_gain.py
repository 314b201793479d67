"""What tuning changed: every contrast of a tuned experiment beside the same one at the defaults.

In: decisions, results and searches of a study. Out: sentences for the answer and tables for the
section on tuning, none without a search. Called by `analysis.report.page` and
`analysis.tables.writing`.

Both differences are decisions of their own. What tuning changed, of a contrast and of each arm, is
one paired t-test: over seeds, given what one search chose, or over repeated searches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from afn.study.grid.cells import Cell
from afn.study.parts.names import Factor
from analysis.decisions.decision import Decision
from analysis.decisions.tuning import Change, by_search, change, change_of_contrast
from analysis.decisions.words import phrases
from analysis.display import formatting, naming
from analysis.display.table import Table
from analysis.inputs import Inputs
from analysis.tables.spread import chosen_values


def tables(inputs: Inputs) -> Iterator[Table]:
    """Gains beside each other, and the tuned cells with what was chosen for them."""
    if not inputs.searches:
        return
    found = pairs(inputs)
    if found:
        yield gains(inputs, found)
    if tuned_arms(inputs):
        yield results(inputs)


def pairs(inputs: Inputs) -> list[tuple[Decision, Decision | None]]:
    """Every pooled decision of a tuned experiment, with the same one at the defaults if decided."""
    tuned = {s["experiment"] for s in inputs.searches}
    pooled = [d for d in inputs.decisions if d.backbone == "pooled"]
    return [(d, _at_defaults(inputs, d)) for d in pooled if d.experiment in tuned]


def _at_defaults(inputs: Inputs, tuned: Decision) -> Decision | None:
    """The decision on the same arms, task, outcome and backbones that no search has touched.

    Where the defaults are compared on several backbones and one was tuned, it is the one per
    backbone.
    """
    searched = {name for name, e in inputs.study.experiments.items() if e.groups}
    key = ("task", "outcome", "a", "b", "blocks")
    same = [
        d
        for d in inputs.decisions
        if d.experiment not in searched and all(getattr(d, k) == getattr(tuned, k) for k in key)
    ]
    starts = {
        _recipe(cell.settings["recipe"])
        for cell in inputs.study.experiments[tuned.experiment].cells
    }
    of_start = [d for d in same if _recipes(inputs, d) <= starts]
    # Of several, the primary one; then one over all that its experiment has.
    return min(of_start, key=lambda d: (not d.primary, d.backbone != "pooled"), default=None)


def _recipes(inputs: Inputs, d: Decision) -> set[tuple]:
    """The settings of the recipes of a decision's cells."""
    own = inputs.study.experiments[d.experiment].cells
    same = [c for c in own if (c.task, c.pooled_recipe) == (d.task, d.recipe)]
    return {_recipe(c.settings["recipe"]) for c in same}


def _recipe(settings: dict) -> tuple:
    return tuple(sorted((key, str(value)) for key, value in settings.items()))


def gains(inputs: Inputs, found: list[tuple[Decision, Decision | None]]) -> Table:
    """One row per contrast and outcome: default gain beside tuned gain."""
    several = len(inputs.tasks) > 1
    rows: list[list[str]] = []
    records: list[dict[str, Any]] = []
    breaks: list[int] = []
    before: Any = None
    for tuned, default in found:
        key = (tuned.experiment, tuned.a, tuned.b)
        if key != before:
            breaks.append(len(rows))
            before = key
        row = [naming.contrast(tuned.a, tuned.b, inputs.protocols[0])]
        row += [inputs.task_name(tuned.task)] if several else []
        row.append(naming.outcome(tuned.outcome).removesuffix(" images"))
        record = {
            k: getattr(tuned, k) for k in ("experiment", "task", "recipe", "outcome", "a", "b")
        }
        for name, d in (("default", default), ("tuned", tuned)):
            row += _cells(d)
            low, high = formatting.closed(d.ci if d else None)
            record |= {f"{name}_estimate": d and d.estimate, f"{name}_low": low}
            record |= {f"{name}_high": high, f"{name}_verdict": d and d.verdict.value}
            record |= {f"{name}_below_margin": d and d.below_margin, f"{name}_n": d and d.n}
        moved = moved_by(inputs, tuned, default)
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
        f"default as one paired t-test, not corrected. {' '.join(_units(found))}",
        heads,
        "l" * (2 + several) + "rrlrrlrrr",
        rows,
        pd.DataFrame(records),
        breaks,
    )


def moved_by(inputs: Inputs, tuned: Decision, default: Decision | None) -> Change:
    """What tuning changed of a contrast."""
    seeds = seeds_of_searches(inputs, tuned.experiment)
    return change_of_contrast(tuned, default, inputs.study.plan.alpha, seeds)


def seeds_of_searches(inputs: Inputs, experiment: str) -> dict[int, tuple[int, ...]] | None:
    """Search -> the seeds of its final runs; None where each method was searched once."""
    cells = inputs.study.experiments[experiment].cells
    return _by_search(cells) or None


def _by_search(cells: Iterable[Cell]) -> dict[int, tuple[int, ...]]:
    return {c.repeat: c.seeds or () for c in cells if c.repeat is not None}


def _units(found: list[tuple[Decision, Decision | None]]) -> list[str]:
    """What the tuned numbers vary, and so are about."""
    repeated = {d.paired_by == "search" for d, _ in found}
    texts = []
    if True in repeated:
        n = max(d.n for d, _ in found if d.paired_by == "search")
        texts.append(
            f"Every method was searched {n} times, on a validation split of its own each time; the "
            "unit is the search, with the mean over the runs of its winner, and its change is to "
            "the default runs of the same seeds."
        )
    if False in repeated:
        texts.append(
            "One search per method is one draw of a noisy choice: what was tuned so holds for "
            "these settings and is exploratory; its change is seed by seed."
        )
    return texts


def _how(inputs: Inputs) -> str:
    """How the methods were tuned: each in searches of its own, or some of them together."""
    shared = any(len({path.split("/")[2] for path in s["cells"]}) > 1 for s in inputs.searches)
    if shared:
        return "tuning with the budget below, where methods of one search share what it chose"
    return "every method was tuned on its own with the budget below"


def _cells(d: Decision | None) -> list[str]:
    if d is None:
        return ["\u2013", "\u2013", "not compared"]
    return [formatting.signed(d.estimate), phrases.interval(d), phrases.verdict(d)]


@dataclass(frozen=True)
class TunedArm:
    """A method on one backbone, tuned once or repeatedly: its cells, each with its search."""

    cells: tuple[Any, ...]
    searches: tuple[dict, ...]

    @property
    def first(self) -> Any:
        """One of its cells: they differ in their search only."""
        return self.cells[0]

    @property
    def norm(self) -> str:
        return self.first.norm

    def scores(self, inputs: Inputs, outcome: str) -> pd.Series:
        """By seed, or by search."""
        c = self.first
        return inputs.arm_scores(c.task, c.backbone, c.norm, outcome, c.pooled_recipe)


def tuned_arms(inputs: Inputs) -> list[TunedArm]:
    """Arms that searches completed."""
    by_path = {path: s for s in inputs.searches for path in s["cells"]}
    found: dict[tuple, list] = {}
    for cell in inputs.study.cells():
        if cell.path in by_path:
            place = (cell.task, cell.backbone, cell.norm, cell.pooled_recipe)
            found.setdefault(place, []).append(cell)
    return [TunedArm(tuple(own), tuple(by_path[c.path] for c in own)) for own in found.values()]


def arm_changes(inputs: Inputs) -> Iterator[tuple[TunedArm, str, Change]]:
    """Every tuned arm and outcome with what tuning changed, none without the default cell."""
    for arm in tuned_arms(inputs):
        start = _default_cell(inputs, arm.first)
        seeds = _by_search(arm.cells)
        if start is None:
            continue
        for outcome in inputs.outcomes:
            tuned = arm.scores(inputs, outcome).to_dict()
            default = _scores(inputs, start, outcome).to_dict()
            default = by_search(default, seeds) if seeds else default
            yield arm, outcome, change(tuned, default, inputs.study.plan.alpha)


def _scores(inputs: Inputs, cell: Cell, outcome: str) -> pd.Series:
    return inputs.arm_scores(cell.task, cell.backbone, cell.norm, outcome, cell.recipe)


def results(inputs: Inputs) -> Table:
    """Accuracy of every tuned arm beside the same cell at the defaults, with its settings."""
    several = len(inputs.tasks) > 1
    rows: list[list[str]] = []
    records: list[dict[str, Any]] = []
    breaks: list[int] = []
    before: Any = None
    moves = {(arm.first.path, outcome): moved for arm, outcome, moved in arm_changes(inputs)}
    for arm in tuned_arms(inputs):
        cell = arm.first
        place = [inputs.task_name(cell.task)] if several else []
        place.append(naming.part(cell.backbone))
        if place != before:
            breaks.append(len(rows))
            before = place
        settings = _settings(arm)
        row, record = [*place, naming.arm(cell.norm)], {"cell": cell.path}
        start = _default_cell(inputs, cell)
        for outcome in inputs.outcomes:
            default = None if start is None else _scores(inputs, start, outcome)
            for name, scores in (("default", default), ("tuned", arm.scores(inputs, outcome))):
                mean, sd, n = _spread(scores)
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
        f"{formatting.PLUS_MINUS} standard deviation over seeds, or over repeated searches (their "
        "number), at the default settings and at those that the searches chose; change: tuned "
        f"minus default, pair by pair, with {inputs.level} interval.",
        [*heads, "chosen settings"],
        "l" * (2 + several) + "r" * (3 * len(inputs.outcomes)) + "l",
        rows,
        pd.DataFrame(records),
        breaks,
    )


def _spread(scores: pd.Series | None) -> tuple[float | None, float | None, int]:
    """Mean and standard deviation of scores, and their number; none of none."""
    if scores is None or not len(scores):
        return None, None, 0
    return float(scores.mean()), float(scores.std(ddof=1)), len(scores)


def _settings(arm: TunedArm) -> str:
    """What was chosen; of several searches the middle and the range, or how often each choice."""
    if all(search["chosen"] is None for search in arm.searches):
        return "defaults kept"
    keys = arm.searches[0]["space"]
    found = ((naming.option(Factor.parse(k).short), chosen_values(arm.searches, k)) for k in keys)
    return ", ".join(f"{name} {values}" for name, values in found if values)


def _default_cell(inputs: Inputs, cell: Cell) -> Any | None:
    """The untuned cell whose settings a tuned cell starts from, if the study trains it."""
    for other in inputs.study.cells():
        if not other.search and other.settings == cell.settings:
            return other
    return None
