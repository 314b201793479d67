"""Tables of a report, computed again: accuracies, cost, divergence, cells, the board, factors.

In: the evidence and the CSV of a table. Out: differences in words.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from tests.referee.evidence import CELL, Evidence
from tests.referee.recomputed import ablations
from tests.referee.recomputed import statistics as st
from tests.referee.recomputed.expected import close

ARM = [*CELL, "protocol", "outcome"]
DECISION = ["experiment", "task", "recipe", "outcome", "a", "b"]


def differing(name: str, row: dict[str, Any], truth: dict[str, Any]) -> list[str]:
    """Columns of a row that are not what they should be."""
    where = " ".join(str(row[k]) for k in (*CELL, "protocol", "outcome", "a", "b") if k in row)
    return [
        f"{name}, {where}: {k} is {row[k]}, the runs give {v}"
        for k, v in truth.items()
        if not (close(row[k], v) if isinstance(v, float | int) else row[k] == v)
    ]


def accuracies(e: Evidence, table: pd.DataFrame) -> list[str]:
    """Mean, standard deviation and n of every cell under every protocol; each of them once."""
    found = []
    for row in table.to_dict("records"):
        values = e.scores(row, row["protocol"], row["outcome"])
        truth = {"mean": values.mean(), "sd": values.std(ddof=1), "n": len(values)}
        found += differing("accuracies", row, truth)
    shown = e.tests[e.tests["protocol"].isin(["any", *e.protocols])]
    wanted = {
        (*cell, outcome)
        for cell in shown[[*CELL, "protocol"]].drop_duplicates().itertuples(index=False, name=None)
        for outcome in e.outcomes
    }
    have = list(table[ARM].itertuples(index=False, name=None))
    # A cell whose runs all diverged has no tests, and is shown under the declared protocols.
    trained = {key[:4] for key in wanted}
    return found + _keys("accuracies", [k for k in have if k[:4] in trained], wanted)


def _keys(name: str, have: list, wanted: set) -> list[str]:
    found = [f"{name}: lacks {k}" for k in sorted(wanted - set(have))]
    found += [f"{name}: shows {k}, which nothing has" for k in sorted(set(have) - wanted)]
    return found + [
        f"{name}: shows {k} twice" for k in sorted({k for k in have if have.count(k) > 1})
    ]


def cost(e: Evidence, table: pd.DataFrame) -> list[str]:
    """Medians over the seeds of every cell."""
    truth = e.runs.groupby(CELL)[["parameters", "step_ms", "train_seconds"]].median()
    found = []
    for row in table.to_dict("records"):
        own = truth.loc[tuple(row[k] for k in CELL)]
        found += differing("cost", row, {k: float(own[k]) for k in own.index})
    have = list(table[CELL].itertuples(index=False, name=None))
    return found + _keys("cost", have, set(truth.index))


def divergence(e: Evidence, table: pd.DataFrame) -> list[str]:
    """How many runs of every cell diverged, with the exact interval of their share."""
    found = []
    for row in table.to_dict("records"):
        keep = np.logical_and.reduce([e.runs[k] == row[k] for k in CELL])
        n, k = int(keep.sum()), len(e.fallen(row))
        low, high = st.clopper_pearson(k, n, 1 - e.alpha)
        truth = {"n": n, "diverged": k, "ci_low": low, "ci_high": high}
        found += differing("divergence", row, truth)
    have = list(table[CELL].itertuples(index=False, name=None))
    wanted = set(e.runs[CELL].itertuples(index=False, name=None))
    return found + _keys("divergence", have, wanted)


def membership(e: Evidence, table: pd.DataFrame) -> list[str]:
    """Every trained cell belongs to some experiment, and every one that is named was trained."""
    have = set(table[CELL].itertuples(index=False, name=None))
    wanted = set(e.runs[CELL].itertuples(index=False, name=None))
    return _keys("membership", list(have), wanted)


def copied(name: str, table: pd.DataFrame, decisions: pd.DataFrame) -> list[str]:
    """A table of decisions says of each what decisions.csv, already recomputed, says."""
    keys = [*DECISION, "backbone"] if "backbone" in table else DECISION
    source = decisions if "backbone" in table else decisions[decisions["backbone"] == "pooled"]
    source = source.set_index(keys)
    found = []
    for row in table.to_dict("records"):
        truth = source.loc[tuple(row[k] for k in keys)]
        shared = [c for c in table.columns if c in source.columns]
        found += differing(name, row, {k: _plain(truth[k]) for k in shared if _known(truth[k])})
    return found


def _plain(x: Any) -> Any:
    return float(x) if isinstance(x, int | float | np.number) and not isinstance(x, bool) else x


def _known(x: Any) -> bool:
    return not (isinstance(x, float | np.floating) and math.isnan(x))


def board(e: Evidence, table: pd.DataFrame) -> list[str]:
    """The level, the mark and the backbones of every row; its numbers are `copied`."""
    marks = {
        "superior": "\u25b2",
        "inferior": "\u25bc",
        "equivalent": "=",
        "non-inferior": "\u2265",
    }
    marks["equivalent_on_average"] = "\u2248"
    found = []
    for row in table.to_dict("records"):
        mark = marks.get(row["verdict"], "?")
        nets = " ".join(e.levels(row["experiment"], "backbone"))
        truth = {"level": 1 - e.alpha, "mark": mark, "backbones": nets}
        found += differing("board", row, truth)
    return found


def trends(e: Evidence, table: pd.DataFrame) -> list[str]:
    """Page's test, slope and lack of fit of every ordered factor."""
    found = []
    for row in table.to_dict("records"):
        own = _of_experiment(e, row)
        norms = ablations.ladder(e, row)
        each = [
            e.mean_scores({**own, "norm": n}, own["nets"], "", row["outcome"])
            for n in norms.values()
        ]
        values, x = pd.concat(each, axis=1).dropna().to_numpy(), np.log2(list(norms))
        slopes = [np.polyfit(x, y, 1)[0] for y in values]
        low, high = st.t_interval(slopes, 1 - e.alpha)
        truth = {"n": len(values), "page_p": ablations.page_p(values), "slope": np.mean(slopes)}
        truth |= {"slope_low": low, "slope_high": high, "slope_p": st.t_p(slopes)}
        truth |= {"lack_of_fit_p": ablations.lack_of_fit_p(values, x)}
        found += differing("trends", row, {k: float(v) for k, v in truth.items()})
    return found


def factorials(e: Evidence, table: pd.DataFrame) -> list[str]:
    """Every term of a grid of two by two levels, against its own interaction with the seed."""
    found = []
    for row in table.to_dict("records"):
        own = _of_experiment(e, row)
        cell = {**row, **own, "backbone": "; ".join(own["nets"]), "protocol": ""}
        term = "both" if ":" in row["term"] else ("stan" if "stan" in row["term"] else "rescale")
        effect = ablations.effects(e, cell)[term]
        test = stats.ttest_1samp(effect, 0.0)
        f, n = float(test.statistic**2), len(effect)
        truth = {"n": n, "F": f, "p": float(test.pvalue), "partial_eta2": f / (f + n - 1)}
        truth |= {"df": 1, "df_residual": n - 1}
        if "effect" in table:
            low, high = st.t_interval(effect, 1 - e.alpha)
            truth |= {"effect": effect.mean(), "effect_low": low, "effect_high": high}
        found += differing("factorials", row, {k: float(v) for k, v in truth.items()})
    return found


def _of_experiment(e: Evidence, row: dict[str, Any]) -> dict[str, Any]:
    nets = e.levels(row["experiment"], "backbone")
    return {"task": row["task"], "recipe": row["recipe"], "nets": nets}
