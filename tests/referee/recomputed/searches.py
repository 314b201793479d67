"""Searches, computed again from the results of their trials, and what tuning changed.

In: the evidence (`evidence.trials`: every trial as its own result says) and the CSV of a table or
figure of the section on tuning. Out: differences in words. Called by `tests.referee.referee`.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd

from tests.referee.evidence import CELL, Evidence
from tests.referee.recomputed import statistics as st
from tests.referee.recomputed.choices import chosen, number_of
from tests.referee.recomputed.decisions import Expected
from tests.referee.recomputed.expected import close
from tests.referee.recomputed.tables import differing


def tuning(e: Evidence, table: pd.DataFrame) -> list[str]:
    """What every search chose."""
    found = []
    for row in table.to_dict("records"):
        best = chosen(e, row)
        value = math.nan if best is None else float(best["params"][row["key"]])
        shown = math.nan if pd.isna(row["chosen"]) else float(row["chosen"])
        found += differing("tuning", row | {"chosen": shown}, {"chosen": value})
    return found


def search_budget(e: Evidence, table: pd.DataFrame) -> list[str]:
    """Trials by state, epochs, seconds and the best score of every search."""
    found = []
    for row in table.to_dict("records"):
        own, best = e.trials_of(row["search"], number_of(row)), chosen(e, row)
        again = e.finalists_of(row["search"], number_of(row))
        truth = {"trials": len(own), "epochs": int(own["epochs"].sum() + again["epochs"].sum())}
        truth |= {s: int((own["state"] == s).sum()) for s in ("complete", "diverged", "pruned")}
        truth["best"] = math.nan if best is None else float(best["value"])
        found += differing("search_budget", row, truth)
        seconds = own["train_seconds"].sum() + again["train_seconds"].sum()
        if abs(seconds - row["train_seconds"]) > 1e-3 * (len(own) + len(again)):
            found.append(f"search_budget, {row['search']}: not the seconds of its trials")
    return found


def tuned_gain(e: Evidence, table: pd.DataFrame) -> list[str]:
    """A contrast at the defaults, after tuning, and the change as one paired t-test."""
    found = []
    for row in table.to_dict("records"):
        tuned = as_compared(e, row, row["experiment"], row["recipe"])
        name, recipe = e.default_of(row["experiment"])
        default = as_compared(e, row, name, recipe)
        truth: dict[str, Any] = {}
        for side, x in (("default", default), ("tuned", tuned)):
            numbers = x.numbers()
            truth |= {f"{side}_estimate": numbers["estimate"], f"{side}_n": numbers["n"]}
            truth |= {f"{side}_{end}": numbers[f"ci_{end}"] for end in ("low", "high")}
        before = by_search(e, row["experiment"], default.difference)
        moved = (tuned.difference - before).dropna()
        low, high = st.t_interval(moved, 1 - e.alpha)
        truth |= {"change": float(moved.mean()), "change_low": low, "change_high": high}
        truth |= {"change_p": st.t_p(moved), "change_n": len(moved)}
        found += differing("tuned_gain", row, truth)
    wanted = [d for d in e.declared if "search" in e.document["experiments"][d["experiment"]]]
    return found + ([] if len(wanted) == len(table) else ["tuned_gain: not every contrast"])


def by_search(e: Evidence, experiment: str, by_seed: pd.Series) -> pd.Series:
    """What is at the defaults, over the seeds of each search; by seed after one search."""
    seeds = e.seeds_of_searches(experiment)
    return pd.Series({r: by_seed[own].mean() for r, own in seeds.items()}) if seeds else by_seed


def as_compared(e: Evidence, row: dict[str, Any], experiment: str, recipe: str) -> Expected:
    """The contrast of a row of a tuned experiment, in the cells of one or of the other."""
    nets = e.levels(row["experiment"], "backbone")
    pooled = "pooled" if nets == e.levels(experiment, "backbone") else nets[0]
    size = sum(d["primary"] for d in e.declared)
    d = row | {"recipe": recipe, "backbone": pooled, "blocks": nets}
    return Expected(e, d | {"primary": True}, size)


def tuned_results(e: Evidence, table: pd.DataFrame) -> list[str]:
    """Accuracies of the tuned cells beside the default ones, and the change seed by seed."""
    found = []
    for row in table.to_dict("records"):
        cell = dict(zip(CELL, row["cell"].split("/"), strict=True))
        tuning = cell["recipe"].partition(".")[0]
        _, recipe = e.default_of(tuning)
        truth = {}
        for outcome in e.outcomes:
            tuned = e.scores(cell | {"recipe": tuning}, e.served(cell, ""), outcome)
            start = cell | {"recipe": recipe}
            default = e.scores(start, e.served(start, ""), outcome)
            for side, values in (("default", default), ("tuned", tuned)):
                own = {"mean": values.mean(), "sd": values.std(ddof=1), "n": len(values)}
                truth |= {f"{outcome}_{side}_{k}": v for k, v in own.items()}
            moved = (tuned - by_search(e, tuning, default)).dropna()
            low, high = st.t_interval(moved, 1 - e.alpha)
            truth |= {f"{outcome}_change": float(moved.mean())}
            truth |= {f"{outcome}_change_low": low, f"{outcome}_change_high": high}
        found += differing("tuned_results", row | cell, truth)
    return found


def trials(e: Evidence, name: str, rows: pd.DataFrame) -> list[str]:
    """A figure of trials: each is there, with its state, its score and its settings."""
    found = []
    for row in rows.to_dict("records"):
        own = e.trials_of(row["search"])
        (trial,) = own[own["number"] == row["number"]].to_dict("records")
        where = f"{name}, {row['search']}, trial {row['number']}"
        settings = {row["parameter"]: row["setting"]} if "setting" in row else row
        for key, value in trial["params"].items():
            if key in settings and not close(float(settings[key]), float(value)):
                found.append(f"{where}: {key} is {settings[key]}, it was trained with {value}")
        best = chosen(e, row)
        truth = {"state": trial["state"], "value": trial["value"]}
        if "chosen" in row:
            truth["chosen"] = best is not None and int(best["number"]) == row["number"]
        found += [
            f"{where}: {k} is {row[k]}, its result says {v}"
            for k, v in truth.items()
            if not (close(row[k], v) if isinstance(v, float) else row[k] == v)
        ]
    keys = ["search", "number", *(["parameter"] if "parameter" in rows else [])]
    have = list(rows[keys].itertuples(index=False, name=None))
    wanted = {
        (label, int(t["number"]), *((key,) if "parameter" in rows else ()))
        for label in rows["search"].unique()
        for t in e.trials_of(label).to_dict("records")
        for key in (t["params"] if "parameter" in rows else [""])
    }
    return found + [f"{name}: not every trial once"] * (
        set(have) != wanted or len(have) > len(wanted)
    )


def budget(e: Evidence, name: str, rows: pd.DataFrame) -> list[str]:
    """Expected best of n random trials: the mean over every choice of n; n times the mean cost."""
    found = []
    for label, own in rows.groupby("search", sort=False):
        every = e.trials_of(str(label))
        drawn = every[every["drawn"] == "random"]
        score = drawn["value"].where(drawn["state"] == "complete", every["value"].min()).to_numpy()
        if list(own["trials"]) != list(range(1, len(drawn) + 1)):
            found.append(f"{name}, {label}: not one row for each number of random trials")
            continue
        for row in own.to_dict("records"):
            n = row["trials"]
            best = np.mean([max(s) for s in itertools.combinations(score, n)])
            truth = {"expected": best, "epochs": n * drawn["epochs"].mean()}
            truth["seconds"] = n * drawn["train_seconds"].mean()
            found += [
                f"{name}, {label}, {n} trials: {k} is {row[k]}, the trials give {v}"
                for k, v in truth.items()
                if not close(row[k], float(v))
            ]
            if not score.min() - 1e-9 <= row["low"] <= row["high"] <= score.max() + 1e-9:
                found.append(f"{name}, {label}, {n} trials: a band beyond the scores")
    return found


def importance(e: Evidence, name: str, rows: pd.DataFrame) -> list[str]:
    """Shares of variance of every parameter of a search that has enough trials."""
    found = []
    for row in rows.to_dict("records"):
        n = int((e.trials_of(row["search"])["state"] == "complete").sum())
        if row["n"] != n:
            found.append(f"{name}, {row['search']}: n is {row['n']}, {n} trials were completed")
        if not 0 <= row["low"] <= row["mean"] <= row["high"] <= 1:
            found.append(f"{name}, {row['search']}: {row['parameter']} is no share")
    return found


FIGURES = {
    "search-history": trials,
    "search-slices": trials,
    "search-coordinates": trials,
    "search-budget": budget,
    "search-importance": importance,
}
