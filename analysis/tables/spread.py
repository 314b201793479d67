"""How repeated searches of one method differ: in what they chose, and what that costs in precision.

In: the searches of a study (search.json) and the decisions after them. Out: `Table` objects, none
where every method was searched once. Called by `analysis.tables.searches`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from afn.study.grid.cells import Study
from afn.study.plan.purchase import half_width, unit_variance, units_for
from analysis.decisions.chosen_settings import at_edge, defaults
from analysis.display import formatting, naming
from analysis.display.formatting import plain
from analysis.display.table import Table
from analysis.inputs import Inputs


def repeated(searches: Sequence[dict]) -> dict[tuple[str, str], list[dict]]:
    """(experiment, label) -> its searches, of those that were repeated."""
    found: dict[tuple[str, str], list[dict]] = {}
    for search in searches:
        if search.get("repeat") is not None:
            found.setdefault((search["experiment"], search["label"]), []).append(search)
    return found


def tables(inputs: Inputs) -> Iterator[Table]:
    """What was chosen how often, and the variance between searches."""
    if repeated(inputs.searches):
        yield spread(inputs.study, inputs.searches)
        if any(d.paired_by == "search" for d in inputs.decisions):
            yield variances(inputs)


def chosen_values(searches: Sequence[dict], key: str) -> str:
    """What searches chose for a key: the value; of several the middle and the ends, or counts."""
    values = [(s["chosen"] or {"params": {}})["params"].get(key) for s in searches]
    found = [v for v in values if v is not None]
    if not found:
        return ""
    if len(searches) == 1:
        return formatting.value(plain(found[0]))
    if searches[0]["space"][key]["kind"] == "categorical":
        counts = Counter(found).most_common()
        return formatting.listing(
            f"{formatting.value(plain(v))} ({formatting.TIMES}{n})" for v, n in counts
        )
    low, middle, high = (float(np.quantile(found, q)) for q in (0, 0.5, 1))
    ends = " to ".join(formatting.value(plain(v)) for v in (low, high))
    return f"{formatting.value(plain(middle))} ({ends})"


def spread(study: Study, searches: list[dict]) -> Table:
    """One row per method and key: what its searches chose."""
    rows: list[list[str]] = []
    records: list[dict[str, Any]] = []
    breaks: list[int] = []
    for (experiment, label), own in repeated(searches).items():
        breaks.append(len(rows))
        known = defaults(study, own[0])
        for key, spec in own[0]["space"].items():
            values = [(s["chosen"] or {"params": {}})["params"].get(key) for s in own]
            edge = sum(v is not None and at_edge(spec, v) for v in values)
            start = ", ".join(formatting.value(plain(v)) for v in known[key])
            place = [experiment, naming.arm(label), key, start]
            rows.append([*place, chosen_values(own, key), f"{edge} of {len(own)}"])
            for search, value in zip(own, values, strict=True):
                record = {"experiment": experiment, "search": label, "repeat": search["repeat"]}
                record |= {"key": key, "default": ", ".join(map(plain, known[key]))}
                records.append(record | {"chosen": value, "edge": at_edge(spec, value)})
    several = max(len(own) for own in repeated(searches).values())
    return Table(
        "tuning_spread",
        "How the choices differ between searches",
        f"Each method was searched {several} times. The middle choice with the least and the "
        "largest, or how often each was chosen; how many searches chose the end of a range.",
        ["experiment", "method", "key", "default", "chosen", "at the edge"],
        "lllrrr",
        rows,
        pd.DataFrame(records),
        breaks,
    )


def variances(inputs: Inputs) -> Table:
    """One row per contrast and outcome: where the variance comes from, and what more would buy."""
    rows, records = [], []
    plan = inputs.study.plan
    own = [d for d in inputs.decisions if d.paired_by == "search" and d.backbone == "pooled"]
    for d in own:
        parts = d.components
        if parts is None:
            continue
        images = d.images if d.target == "images_like_these" else None
        numbers = _parts(parts)
        design = {"images": images, "runs": parts["runs"], "level": 1 - plan.alpha}
        more = half_width(parts, 2 * d.n, **design)
        needed = units_for(parts, plan.margin, **design)
        half = (d.ci[1] - d.ci[0]) / 2
        rows.append(
            [naming.contrast(d.a, d.b, inputs.protocols[0]), naming.outcome(d.outcome)]
            + [formatting.number(x) for x in numbers.values()]
            + [str(d.n), formatting.number(half), formatting.number(more)]
            + [str(needed) if needed else "\u2013"]
        )
        keys = ("experiment", "task", "recipe", "outcome", "a", "b", "n")
        record = {key: getattr(d, key) for key in keys} | numbers | {"half_width": half}
        record |= {"half_width_of_twice": more, "searches_for_margin": needed}
        records.append(record | {"runs": parts["runs"]})
    heads = ["comparison", "outcome", "SD searches", "SD runs", "SD images", "SD rest"]
    heads += [
        "searches",
        "half-width",
        "of twice",
        f"for {formatting.PLUS_MINUS}{plan.margin:g}",
    ]
    return Table(
        "tuned_variance",
        "What the width comes from",
        "Standard deviations of the difference, in points: between searches (without their final "
        "runs), between the final runs of one search, what the test images add to the mean, and "
        "the rest: what a search does to single images, in its mean over them (a negative estimate "
        "counts as zero); "
        f"half-width of the {inputs.level} interval, what twice as many searches would give, and "
        f"how many would bring it to {formatting.PLUS_MINUS}{plan.margin:g} if these variances "
        "are the true ones (a dash: no number does).",
        heads,
        "ll" + "r" * 8,
        rows,
        pd.DataFrame(records),
    )


def _parts(parts: dict) -> dict[str, float | None]:
    """Standard deviations in points: searches, final runs, images and what is left, the last two
    of a mean over the images."""
    run = parts["run"]
    # With endlessly many final runs what is left is between searches.
    between = unit_variance(parts, runs=math.inf) if run is not None else None
    images = parts["images"] / parts["of_images"] if parts["images"] is not None else None
    rest = parts["residual"] / parts["of_images"] if parts["residual"] is not None else None
    found = {"sd_searches": between, "sd_runs": run, "sd_images": images, "sd_rest": rest}
    return {k: None if v is None else float(np.sqrt(max(v, 0.0))) for k, v in found.items()}
