"""What was trained alike and what was not: sentences made from the settings of the trained runs.

In: the study and its searches; a setting that a search chose counts with what it chose. Out: plain
texts for the page. Called by `analysis.report.page` and `analysis.report.provenance`.
"""

from __future__ import annotations

import json
from typing import Any

from afn.study.grid.cells import Cell
from afn.study.parts.names import Factor
from analysis.decisions.chosen_settings import trained
from analysis.decisions.decision import Decision
from analysis.display import formatting, naming
from analysis.display.formatting import plain
from analysis.inputs import Inputs

OPEN = "not chosen yet"
"""A setting of a cell whose search has not ended."""
MOST = 6
"""So many values of a setting are listed; of more, how many there are."""


def fixed_settings(inputs: Inputs, part: str) -> tuple[dict[str, str], dict[str, str]]:
    """Settings of a part that every trained cell shares, and the values of those that differ."""
    every = [_settings(inputs, cell)[part] for cell in inputs.study.cells()]
    if part == "recipe":
        # What a recipe is called is its algorithm; cells of a search have names of their own.
        every = [{"algorithm" if k == "name" else k: v for k, v in s.items()} for s in every]
    keys = dict.fromkeys(key for settings in every for key in settings)
    shared, varied = {}, {}
    for key in keys:
        values = {json.dumps(s.get(key), sort_keys=True): s.get(key) for s in every}
        if len(values) == 1:
            shared[key] = _value(every[0].get(key))
        else:
            shown = [_value(v) for v in values.values()]
            varied[key] = (
                formatting.listing(shown)
                if len(shown) <= MOST
                else f"{len(shown)} different values"
            )
    return shared, varied


def _settings(inputs: Inputs, cell: Cell) -> dict[str, dict]:
    """What a cell was trained with; what its search has not chosen yet is said to be open."""
    found = trained(cell, inputs.searches)
    if cell.search and not any(cell.path in s["cells"] for s in inputs.searches):
        for key in _searched_keys(inputs):
            part, option = Factor.parse(key)
            if option in found[part]:
                found[part][option] = OPEN
    return found


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return formatting.value(plain(value))


def recipes(inputs: Inputs) -> list[str]:
    """How alike the arms were trained, and what was tuned: one sentence or two."""
    searched = [c for c in inputs.study.cells() if c.search]
    others = [c for c in inputs.study.cells() if not c.search]
    varied = _differing([c.settings["recipe"] for c in others])
    caution = (
        "a method that needs another learning rate or a longer training is not shown at its best"
    )
    if searched:
        tuned = formatting.listing(
            dict.fromkeys(c.search.partition("/")[0].replace("_", " ") for c in searched)
        )
        chosen = formatting.listing(
            dict.fromkeys(naming.option(Factor.parse(k).short) for k in _searched_keys(inputs))
        )
        texts = [
            f"In the experiment {tuned} a search chose {chosen} (what it chose is in the section "
            f"on tuning), so the arms compared there may differ in these settings, too."
        ]
        if others:
            texts.append(
                f"Everywhere else nothing was tuned, and {_alike(varied)}: {caution} there."
            )
        return texts
    return [f"Nothing was tuned for any arm, and {_alike(varied)}: {caution}."]


def _alike(varied: list[str]) -> str:
    if not varied:
        return "every arm was trained with the same recipe"
    return (
        f"recipes differ between cells in {formatting.listing(map(naming.option, varied))}; the "
        "two arms of a comparison share theirs"
    )


def _differing(settings: list[dict]) -> list[str]:
    keys = dict.fromkeys(key for own in settings for key in own)
    values = {k: {json.dumps(own.get(k), sort_keys=True) for own in settings} for k in keys}
    return [key for key, found in values.items() if len(found) > 1]


def _searched_keys(inputs: Inputs) -> list[str]:
    """The settings that searches choose, whether they have ended or not."""
    groups = [g for e in inputs.study.experiments.values() for g in e.groups]
    return list(dict.fromkeys(key for group in groups for key in group.space))


def changed(inputs: Inputs, d: Decision) -> list[str]:
    """What tells the two arms of a comparison apart, by name: the method, options, settings.

    Two methods of different names differ in ``the method``, whatever options either has.
    """
    first, second = d.arms
    own = inputs.study.experiments[d.experiment].cells
    found: dict[str, None] = {}
    for a in own:
        for b in own:
            place = (d.task, d.recipe)
            both = {(c.task, c.pooled_recipe) for c in (a, b)}
            if both != {place} or a.backbone != b.backbone or a.repeat != b.repeat:
                continue
            if (a.norm, b.norm) == (first.norm, second.norm):
                found |= dict.fromkeys(_between(inputs, d, a, b))
    return list(found)


def _between(inputs: Inputs, d: Decision, a: Any, b: Any) -> list[str]:
    first, second = _settings(inputs, a), _settings(inputs, b)
    alike = first["norm"]["name"] == second["norm"]["name"]
    names = [naming.option(k) for k in _differing([first["norm"], second["norm"]]) if alike]
    if not alike:
        searched = _chosen_of_norms(inputs) if a.search else []
        names = ["the method", *(naming.option(k) for k in searched)]
    names += [naming.option(k) for k in _differing([first["recipe"], second["recipe"]])]
    if any(OPEN in settings["recipe"].values() for settings in (first, second)):
        names.append("what a search chooses for each")
    at = [inputs.scores.protocol(c, arm.protocol) for c, arm in zip((a, b), d.arms, strict=True)]
    if at[0] != at[1] and "any" not in at:
        names.append("the statistics at test time")
    return names


def _chosen_of_norms(inputs: Inputs) -> list[str]:
    """Options of norms that searches choose."""
    keys = map(Factor.parse, _searched_keys(inputs))
    return [key.short for key in keys if key.part == "norm"]


def one_change(inputs: Inputs) -> str:
    """How the two arms of a comparison are alike, with those that differ in more than one thing."""
    more: dict[Any, Any] = {}
    for d in inputs.decisions:
        if d.backbone == "pooled":
            names = changed(inputs, d)
            if len(names) > 1:
                more.setdefault(tuple(names), []).append(inputs.comparison(d))
    text = (
        "the same networks, trained from the same starting weights on the same batches, with one "
        "thing changed: a method, with all that belongs to it, or an option"
    )
    if not more:
        return f"{text}."
    parts = [
        f"{formatting.listing(dict.fromkeys(where))} ({formatting.listing(names)})"
        for names, where in more.items()
    ]
    return f"{text}. In these more than one thing differs: {'; '.join(parts)}."
