"""On what differences depend, computed again: the F tests of the table of that name.

In: the evidence and the CSV. Out: differences in words. Called by `tests.referee.referee`, and for
its numbers by `tests.referee.answer`.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from tests.referee.evidence import Evidence
from tests.referee.recomputed import statistics as st
from tests.referee.recomputed.decisions import Expected
from tests.referee.recomputed.expected import close

SAME = ("experiment", "outcome", "a", "b")


def compare(e: Evidence, table: pd.DataFrame) -> list[str]:
    """F, p and the p that Holm adjusts over the comparisons asked of one part, in one family."""
    rows = table.to_dict("records")
    truth = [tested(e, row) for row in rows]
    adjusted: dict[int, float] = {}
    for key in dict.fromkeys(family(e, row) for row in rows):
        own = [i for i, row in enumerate(rows) if family(e, row) == key]
        holm = st.holm([truth[i][1] for i in own])
        adjusted |= dict(zip(own, map(float, holm), strict=True))
    found = []
    for i, row in enumerate(rows):
        wanted = dict(zip(("F", "p"), truth[i], strict=True)) | {"p_adjusted": adjusted[i]}
        where = " ".join(str(row[k]) for k in (*SAME, "on"))
        found += [
            f"dependence, {where}: {k} is {row[k]}, the runs give {v}"
            for k, v in wanted.items()
            if not close(row[k], v)
        ]
    return found


def family(e: Evidence, row: dict[str, Any]) -> tuple[str, str]:
    """What is corrected together: the primary experiments, or an experiment of its own."""
    primary = row["experiment"] in e.document["plan"]["primary"]
    return row["on"], "" if primary else row["experiment"]


def tested(e: Evidence, row: dict[str, Any]) -> tuple[float, float]:
    """F and p of a comparison between backbones, or between recipes."""
    asked = [d for d in e.declared if all(d[k] == row[k] for k in SAME)]
    nets = e.levels(row["experiment"], "backbone")
    if row["on"] == "backbone":
        asked = [d for d in asked if (d["task"], d["recipe"]) == (row["task"], row["recipe"])]
        (one,) = asked
        found = Expected(e, {**one, "backbone": "pooled", "blocks": nets}, 1).dependence()
        assert found is not None
        return found
    each = [Expected(e, {**d, "backbone": "pooled", "blocks": nets}, 1).difference for d in asked]
    return st.two_way_f(pd.concat(each, axis=1).dropna().to_numpy())
