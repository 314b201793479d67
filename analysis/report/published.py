"""What the report says of the paper's numbers: its answer, what differs, what is not repeated.

In: `Judged` records (as ``inputs.published``), the study, and what the prepared data say of
themselves. Out: plain sentences. Called by `analysis.report.answer` and `analysis.report.page`.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.display import formatting, naming
from analysis.display.paper_names import counts, method, place
from analysis.inputs import Inputs
from analysis.published.matching import RECIPES
from analysis.report.provenance import notes_of

LEAST = ("epochs", "schedule", "augmentation", "weight_decay")
"""Settings of a recipe that are told where the paper does not state them."""


def answer(inputs: Inputs) -> list[str]:
    """One paragraph: how many printed numbers and gains came out how; AFN's gains by statistics."""
    judged = inputs.published
    if not judged:
        return []
    numbers = [r for r in judged.numbers if r["as_printed"]]
    gains = [r for r in judged.gains if r["as_printed"]]
    tables = sorted({r["table"] for r in numbers})
    which = formatting.listing(map(str, tables))
    what = formatting.count(len(numbers), "number")
    noun = "table" if len(tables) == 1 else "tables"
    text = (
        f"Against the published numbers: of {what} that the paper prints in {noun} {which} and "
        f"this study repeats, {counts(numbers)}"
    )
    if gains:
        text += (
            f"; of {formatting.count(len(gains), 'printed gain')} over a baseline, {counts(gains)}"
        )
    text += "."
    own = [r for r in judged.gains if r["norm"] == "afn"]
    equal = [r for r in own if not r["as_printed"]]
    if equal:
        printed = [r for r in own if r["as_printed"]]
        parts = [f"as printed, with other statistics than its baseline's, {counts(printed)}"]
        for way in dict.fromkeys(r["protocol"] for r in equal):
            same = [r for r in equal if r["protocol"] == way]
            parts.append(f"with {naming.statistics(way)} for both, {counts(same)}")
        text += f" AFN's gains alone: {'; '.join(parts)}."
    return [f"{text} What differs from the paper's data and settings stands in that section."]


def deviations(inputs: Inputs, prepared: dict[str, dict[str, Any]]) -> list[str]:
    """Where our data and settings are not, or need not be, the paper's.

    Parameters
    ----------
    prepared : dict
        Title and notes of each task, as its prepared data say.
    """
    judged = inputs.published
    if not judged:
        return []
    cells = {cell.path: cell for cell in inputs.study.cells()}
    used = [cells[path] for r in judged.numbers for path in r["cells"]]
    used = list({cell.path: cell for cell in used}.values())
    texts = [*_data(inputs, used, prepared), *_trained(inputs, used, prepared)]
    texts += _tested(inputs, used)
    texts += _shares(used)
    for table in sorted({r["table"] for r in judged.numbers}):
        texts.append(_settings(table, used))
    wrong = [r for r in judged.numbers if r["average_agrees"] is False and r["as_printed"]]
    for r in wrong:
        texts.append(
            f"Table {r['table']}, {method(r['method'])}: the printed average "
            f"{formatting.number(r['printed'], 1)} is not the mean of its printed cells; "
            "rounding does "
            "not explain the difference."
        )
    averages = [r for r in judged.numbers if r["condition"] == "average" and r["as_printed"]]
    if averages and not wrong:
        texts.append("Every printed average here is, up to rounding, that of its own cells.")
    texts.append(
        "The paper prints one number per place, without seeds or spread, and does not say how the "
        "epoch was chosen; its released code tests every epoch on the test set. Here nothing was "
        "chosen on it."
    )
    return texts


def _data(inputs: Inputs, used: list, prepared: dict) -> list[str]:
    names = dict.fromkeys(cell.task for cell in used)
    unknown = [inputs.task_name(t) for t in names if t not in prepared]
    texts = list(dict.fromkeys(text for t in names for text in notes_of(prepared.get(t))))
    if unknown:
        texts.append(
            f"The prepared data were not at hand when this page was made ({'; '.join(unknown)}): "
            "it cannot say whether they are the published files."
        )
    return texts


def _trained(inputs: Inputs, used: list, prepared: dict) -> list[str]:
    """Tasks with fewer, or more, training images than the published data give."""
    from afn.study.plan.sizes import images

    texts: dict[str, Any] = {}
    for cell in used:
        found, known = prepared.get(cell.task, {}).get("train"), images(cell.settings["task"])
        # A stratified split may round each class.
        if found and known and abs(found - known[0]) > 0.01 * known[0]:
            texts[
                f"{inputs.task_name(cell.task)} is trained on {found:,} images; the published "
                f"files give {known[0]:,}. These are not the paper's data."
            ] = None
    return list(texts)


def _tested(inputs: Inputs, used: list) -> list[str]:
    """Test sets of another size than the published ones."""
    from afn.study.plan.sizes import test_sizes

    texts: dict[str, Any] = {}
    tests = inputs.tested.drop_duplicates(["task", "condition", "severity"])
    for cell in {c.task: c for c in used}.values():
        task = cell.settings["task"]
        sizes, own = test_sizes(task), tests[tests["task"] == cell.task]
        for condition, severity, n in zip(own["condition"], own["severity"], own["n"], strict=True):
            wanted = sizes.get((condition, severity))
            # No printed number is of a source's own test set.
            skipped = wanted is None or pd.isna(n) or ("source" in task and condition == "clean")
            if not skipped and int(n) != wanted:
                named = (
                    naming.part(task["name"]) if condition == "clean" else naming.domain(condition)
                )
                texts[
                    f"{named} is tested on {int(n):,} images; the published test set has "
                    f"{wanted:,}. These are not the paper's data."
                ] = None
    return list(texts)


def _shares(used: list) -> list[str]:
    texts: dict[str, Any] = {}
    for cell in used:
        share = cell.settings["task"].get("validation")
        if share:
            texts[
                f"{100 * share:g} % of the training images are held out for validation where the "
                "data bring no split of their own; the paper does not say that it held any out."
            ] = None
        if cell.settings["task"].get("mnist") == "first10000":
            texts[
                "With MNIST as source the first 10,000 training images are used, as is usual for "
                "this benchmark; the paper does not say."
            ] = None
    return list(texts)


def _settings(table: int, used: list) -> str:
    stated = RECIPES[table]
    found = {}
    for key in LEAST:
        if key in stated:
            continue
        values = dict.fromkeys(_setting(c.settings["recipe"].get(key)) for c in used)
        found[key] = " or ".join(values)
    told = formatting.listing(f"{naming.option(key)} {value}" for key, value in found.items())
    kept = formatting.listing(f"{naming.option(k)} {_setting(v)}" for k, v in stated.items())
    text = f"Table {table}: as the paper or its released code states, {kept}."
    return f"{text} Neither settles, and ours are: {told}." if told else text


def _setting(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else formatting.value(str(value))


def unmatched(inputs: Inputs) -> list[str]:
    """Printed numbers of the same tables that the study does not repeat, by reason."""
    groups: dict[str, list[str]] = {}
    for row in inputs.published.unmatched:
        where = f"{method(row['method'])} {place(row)}"
        groups.setdefault(f"table {row['table']}: {row['reason']}", []).append(where)
    return [
        f"{formatting.sentence_case(reason)} ({formatting.listing(places)})."
        for reason, places in groups.items()
    ]
