"""What looks wrong in somebody's table, though every number can be computed; and why pairs lack.

In: a checked table and its plan. Out: sentences. Nothing here changes what is decided.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import numpy as np
import pandas as pd

from analysis.decisions.decision import Decision
from analysis.display import formatting
from analysis.standalone.declared import Checked, Plan

SHOWN = 4


def suspicions(table: Checked, plan: Plan) -> list[str]:
    """Names that look alike, copied seeds and methods, percent beside fractions, a margin as large
    as the scores."""
    rows = table.rows[~table.rows["diverged"]]
    found = [
        f"{many} that look alike are told apart: {alike}. Names are taken as they are written."
        for of, many in (("method", "Methods"), ("block", "Blocks"))
        if (alike := _alike(table.rows[of].unique()))
    ]
    if table.by_seed and len(rows):
        found += _copies(rows, "seed", "method")
    if len(rows):
        found += _copies(rows, "method", "seed")
        found += _percent_beside_fractions(rows)
    if len(rows) and plan.margin is not None:
        typical = float(rows["score"].abs().median())
        if plan.margin >= 0.5 * typical:
            found.append(
                f"The margin ({plan.margin:g}) is as large as the scores themselves (median size "
                f"{typical:.3g}): is it in the metric's unit? Nearly any two methods would be "
                "equivalent."
            )
    return found


def _alike(names: Iterable[str]) -> str:
    """Sets of names that differ in case, in signs without width or in how a letter is coded."""
    sets: dict[str, list[str]] = {}
    for name in names:
        text = unicodedata.normalize("NFKC", str(name)).casefold()
        seen = "".join(c for c in text if unicodedata.category(c) != "Cf")
        sets.setdefault(" ".join(seen.split()), []).append(str(name))
    found = [
        " and ".join(map(ascii, sorted(alike)[:SHOWN])) for alike in sets.values() if len(alike) > 1
    ]
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more


def _copies(rows: pd.DataFrame, of: str, other: str) -> list[str]:
    """Seeds (or methods) whose scores are bit-equal wherever they are."""
    keys: dict[tuple, list] = {}
    # A number for each place; ordered by it, so that equal scores mean equal places, too.
    place = rows.groupby(["part", "block", other], sort=False, dropna=False).ngroup()
    for name, own in rows.assign(place=place).sort_values("place").groupby(of, sort=False):
        if len(own) > 1:
            key = own["score"].to_numpy().tobytes(), own["place"].to_numpy().tobytes()
            keys.setdefault(key, []).append(name)
    copied = [names for names in keys.values() if len(names) > 1]
    if not copied:
        return []
    sets = "; ".join(formatting.listing(map(str, names[:SHOWN])) for names in copied[:SHOWN])
    more = "" if len(copied) <= SHOWN else f"; and {len(copied) - SHOWN} more"
    if of == "seed":
        return [
            f"Seeds with the same scores to the last bit, in every method and block: {sets}{more}. "
            "Copied rows are no further evidence: n, p and intervals count them as if they were."
        ]
    return [
        f"Methods with the same scores to the last bit, everywhere: {sets}{more}. Were they run "
        "apart?"
    ]


def _percent_beside_fractions(rows: pd.DataFrame) -> list[str]:
    """Scores of 0 to 1 beside scores that are about a hundred times as large."""
    scores = rows["score"]
    if scores.min() < 0 or scores.max() > 100:
        return []
    small = scores.le(1) & scores.gt(0)
    large = scores.gt(1)
    if not small.any() or not large.any():
        return []
    ratio = float(scores[large].median() / scores[small].median())
    if not 20 <= ratio <= 500 or scores[large].min() < 5 * scores[small].max():
        return []
    examples = [rows[mask].iloc[0] for mask in (small, large)]
    shown = [f"{r['score']:g} ({r['method']}, {r['block']}, seed {r['seed']})" for r in examples]
    return [
        f"Percent beside fractions? {int(small.sum())} scores lie between 0 and 1, "
        f"{int(large.sum())} are about {ratio:.0f} times as large: {shown[0]} and {shown[1]}."
    ]


def why_unpaired(table: Checked, d: Decision) -> str:
    """Why a pooled comparison has no complete pair."""
    rows = table.rows[table.rows["part"] == d.task]
    own = {m: rows[rows["method"] == m] for m in (d.a, d.b)}
    where = f" ({d.task})" if d.task else ""
    for method, mine in own.items():
        if mine.empty:
            return f"{method} has no score{where}: {d.a} and {d.b} are not decided there."
    blocks = {m: set(mine["block"]) for m, mine in own.items()}
    both = blocks[d.a] & blocks[d.b]
    columns = ", ".join(table.block_columns)
    if not both:
        return (
            f"{d.a} and {d.b} share no block{where} (blocks: {columns}): unpaired scores are not "
            "decided; --block names the columns that are blocks."
        )
    shared = {
        block: set.intersection(
            *(set(mine.loc[mine["block"] == block, "seed"]) for mine in own.values())
        )
        for block in sorted(both)
    }
    if not any(shared.values()):
        seeds = [f"{m}: {_some(mine['seed'].unique())}" for m, mine in own.items()]
        return (
            f"{d.a} and {d.b} have no seed in common{where}: unpaired scores are not decided "
            f"({'; '.join(seeds)})."
        )
    for method in own:
        without = sorted((blocks[d.a] | blocks[d.b]) - blocks[method])
        if without:
            return (
                f"{method} has no score in {formatting.listing(without[:SHOWN])}{where}, so "
                f"{d.a} and {d.b} have no common mean over all their blocks; what single blocks "
                "decide stands below, and --per or other rows would decide more."
            )
    told = "; ".join(f"{block}: {_some(seeds)}" for block, seeds in list(shared.items())[:SHOWN])
    return (
        f"No seed of {d.a} and {d.b} is in every block{where}, so no mean over the blocks is "
        f"paired ({told}); --per decides blocks apart, --estimand population_of_blocks makes "
        "blocks the unit."
    )


def _some(seeds: Iterable) -> str:
    found = sorted(seeds, key=lambda s: (isinstance(s, str), s))
    if not found:
        return "none"
    rest = f", ... ({len(found)})" if len(found) > SHOWN else ""
    return ", ".join(map(str, np.array(found[:SHOWN], dtype=object))) + rest
