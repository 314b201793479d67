"""What was measured, as plain tables: scores by seed, straight from the parquet files.

In: the folders of a made study. Out: series by seed in points. Called by all recomputations.
"""

from __future__ import annotations

import json
import math
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tests.referee.studies import Made

CELL = ["task", "backbone", "norm", "recipe"]
CHANCE = {"digits8x8": 10.0, "digits8x8+split=per_seed": 10.0}
"""Ten classes: what a diverged run counts as, in points."""
POOL = 1797
"""Images that scikit-learn ships: those that a split does not test are trained or selected on."""


class Evidence:
    """Tables of one study."""

    def __init__(self, made: Made) -> None:
        self.made, self.document = made, made.document
        self.results = pd.read_parquet(made.results / "results.parquet")
        self.history = pd.read_parquet(made.results / "history.parquet")

    @cached_property
    def tests(self) -> pd.DataFrame:
        """Tests on test images of finished runs; accuracy in points, severity 0 where clean."""
        rows = self.results[
            (self.results["split"] == "test") & (self.results["status"] == "finished")
        ]
        severity = rows["severity"].fillna(0).astype(int)
        return rows.assign(accuracy=100.0 * rows["accuracy"], severity=severity)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row per training."""
        return self.results.drop_duplicates([*CELL, "seed"])

    @property
    def alpha(self) -> float:
        return self.document["plan"].get("alpha", 0.05)

    @property
    def margin(self) -> float:
        return self.document["plan"].get("margin", 1.0)

    @property
    def target(self) -> str:
        return self.document["plan"].get("target", "these_images")

    @property
    def outcomes(self) -> list[str]:
        return self.document["plan"]["outcomes"]

    @property
    def protocols(self) -> list[str]:
        """The declared ones, the first first; without a declaration the tested one."""
        declared = list(self.document.get("protocols", {}))
        return declared or [p for p in self.tests["protocol"].unique() if p != "any"]

    @cached_property
    def declared(self) -> list[dict[str, Any]]:
        """Every declared comparison at every task, recipe and outcome, with its backbones.

        An experiment's recipes are those of the cells that are trained for it: the grid of its
        factors over the base.
        """
        found = []
        for name, experiment in self.document["experiments"].items():
            for a, b in experiment.get("contrasts", []):
                for task, recipe in self.places(name):
                    for outcome in self.outcomes:
                        primary = name in self.document["plan"]["primary"]
                        found.append(
                            {"experiment": name, "a": a, "b": b, "task": task, "recipe": recipe}
                            | {"outcome": outcome, "primary": primary}
                        )
        return found

    def default_of(self, tuned: str) -> tuple[str, str]:
        """The experiment that compares the arms of a tuned one at the defaults, and its recipe."""
        contrasts = self.document["experiments"][tuned.partition(".")[0]]["contrasts"]
        for name, other in self.document["experiments"].items():
            if "search" not in other and all(c in other.get("contrasts", []) for c in contrasts):
                return name, recipe_name(None)
        raise LookupError(tuned)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """Every trial of the searches, as its own result and the proposals say."""
        rows = []
        for file in sorted((self.made.results / "search").glob("*/*/round*/proposals.json")):
            experiment, label, repeat = searched(*file.parts[-4:-2])
            head = {"experiment": experiment, "label": label, "repeat": repeat or 0}
            recipe = experiment if repeat is None else f"{experiment}.search{repeat}"
            for trial in json.loads(file.read_text(encoding="utf-8")):
                found = self._trained(label, f"{recipe}.trial{trial['number']:03d}")
                rows.append(head | trial | ended(found))
        return pd.DataFrame(rows).sort_values(["experiment", "label", "repeat", "number"])

    @cached_property
    def finalists(self) -> pd.DataFrame:
        """Every further training of a finalist, with the trial whose settings it has."""
        rows = []
        for folder in sorted((self.made.results / "search").glob("*/*.search*")):
            experiment, label, repeat = searched(*folder.parts[-2:])
            head = {"experiment": experiment, "label": label, "repeat": repeat}
            for result in self._trained(label, f"{experiment}.search{repeat}.finalist*"):
                number = int(result["run"]["recipe"].rpartition(".trial")[2])
                rows.append(head | {"number": number} | ended([result]))
        columns = ["experiment", "label", "repeat", "number", "exact", "epochs", "train_seconds"]
        return pd.DataFrame(rows, columns=columns)

    def _trained(self, label: str, recipe: str) -> list[dict[str, Any]]:
        """The results of a search's trainings of one name."""
        files = (self.made.results / "search/runs").glob(f"*/*/*/{recipe}/seed*/result.json")
        own = [file for file in sorted(files) if file.parts[-4].partition("+")[0] == label]
        assert own or "*" in recipe
        return [json.loads(file.read_text(encoding="utf-8")) for file in own]

    def trials_of(self, label: str, repeat: int = 0) -> pd.DataFrame:
        """The trials of one search; of several of a method, figures show the first."""
        return self.trials[(self.trials["label"] == label) & (self.trials["repeat"] == repeat)]

    def finalists_of(self, label: str, repeat: int = 0) -> pd.DataFrame:
        own = self.finalists
        return own[(own["label"] == label) & (own["repeat"] == repeat)]

    def winners(self, cell: dict[str, Any]) -> list[dict[str, Any]]:
        """The cells of the winners of repeated searches, where a recipe names their experiment."""
        search = self.document["experiments"].get(cell["recipe"], {}).get("search", {})
        if "repeats" not in search:
            return []
        own = range(search["repeats"])
        return [{**cell, "recipe": f"{cell['recipe']}.search{r}"} for r in own]

    def seeds_of_searches(self, experiment: str) -> dict[int, list[int]]:
        """Search -> the seeds of its winner's runs; none where each method was searched once."""
        own = self.runs[self.runs["recipe"].str.startswith(f"{experiment}.search")]
        by = own.groupby("recipe")["seed"].unique()
        return {int(name.rpartition("search")[2]): sorted(seeds) for name, seeds in by.items()}

    def domain(self, experiment: str, key: str) -> Any:
        """What a search may choose for a key."""
        return self.document["experiments"][experiment]["search"]["space"][key]

    @property
    def family_size(self) -> int:
        return sum(d["primary"] for d in self.declared)

    def levels(self, experiment: str, key: str) -> list:
        """The levels of a part of a run (``backbone``) or of an option of it."""
        own = self.document["experiments"][experiment].get("factors", {})
        part, _, option = key.partition(".")
        if key in own:
            return own[key]
        base = self.document["base"][part]
        return [base.get(option) if option else base]

    def places(self, experiment: str) -> list[tuple[str, str]]:
        """(task, recipe) of an experiment, the recipe by the name that its runs have."""
        if "search" in self.document["experiments"][experiment]:
            recipes = [experiment]
        else:
            rates = self.levels(experiment, "recipe.lr")
            recipes = [recipe_name(rate) for rate in rates]
        tasks = [task_name(task) for task in self.levels(experiment, "task")]
        return [(t, r) for t in tasks for r in recipes]

    @property
    def overlap(self) -> float | None:
        """Tested over trained images where every seed draws a split of its own."""
        if self.target != "data_like_these":
            return None
        (tested,) = self.tests["n"].unique()
        return float(tested / (POOL - tested))

    def of(self, cell: dict[str, Any]) -> pd.DataFrame:
        """Tests of one cell, or of the winners of repeated searches."""
        if parts := self.winners(cell):
            return pd.concat([self.of(part) for part in parts])
        return self._by_cell.get(tuple(cell[k] for k in CELL), self.tests.iloc[:0])

    @cached_property
    def _by_cell(self) -> dict[tuple, pd.DataFrame]:
        return dict(iter(self.tests.groupby(CELL)))

    def served(self, cell: dict[str, Any], protocol: str) -> str:
        """The protocol whose rows an arm has: ``any``, the one asked for, or the first."""
        found = set(self.of(cell)["protocol"]) or set(self.fallen(cell)["protocol"].dropna())
        if found == {"any"}:
            return "any"
        return protocol or self.protocols[0]

    def fallen(self, cell: dict[str, Any]) -> pd.DataFrame:
        """Diverged runs of a cell."""
        if parts := self.winners(cell):
            return pd.concat([self.fallen(part) for part in parts])
        keep = np.logical_and.reduce([self.runs[k] == cell[k] for k in CELL])
        return self.runs[keep & (self.runs["status"] == "diverged").to_numpy()]

    def scores(self, cell: dict[str, Any], protocol: str, outcome: str) -> pd.Series:
        """Score by seed of a cell under the rows of a protocol; diverged runs count as chance.

        Of repeated searches by search: the mean over the runs of its winner.
        """
        if parts := self.winners(cell):
            each = [self.scores(part, protocol, outcome).mean() for part in parts]
            return pd.Series(each).dropna()
        key = (*(cell[k] for k in CELL), protocol, outcome)
        if key not in self._kept:
            own = self.of(cell)
            own = own[(own["protocol"] == protocol) & chosen(own, outcome)]
            lost = self.fallen(cell)["seed"]
            filled = pd.Series(CHANCE[cell["task"]], index=lost, dtype=float)
            found = own.groupby("seed")["accuracy"].mean()
            self._kept[key] = pd.concat([found, filled]).sort_index() if len(lost) else found
        return self._kept[key]

    @cached_property
    def _kept(self) -> dict[tuple, pd.Series]:
        return {}

    def mean_scores(
        self, cell: dict[str, Any], backbones: list[str], protocol: str, outcome: str
    ) -> pd.Series:
        """Mean over several backbones by seed; only seeds that all of them have."""
        each = [
            self.scores(
                {**cell, "backbone": b}, self.served({**cell, "backbone": b}, protocol), outcome
            )
            for b in backbones
        ]
        return pd.concat(each, axis=1).dropna().mean(axis=1)


def searched(experiment: str, folder: str) -> tuple[str, str, int | None]:
    """Experiment, method, and which of several searches, from the folders of a search."""
    label, _, repeat = folder.partition(".search")
    return experiment, label, int(repeat) if repeat else None


def ended(found: list[dict[str, Any]]) -> dict[str, Any]:
    """State, score, epochs and seconds of a trial: the mean and the sums over its trainings."""
    lost = any(r["status"] == "diverged" for r in found)
    scores = [100 * t["accuracy"] for r in found for t in r["evaluations"] if t["split"] != "test"]
    return {
        "state": "diverged" if lost else "complete",
        # With six decimals, as the record of a trial is written.
        "value": math.nan if lost else round(float(np.mean(scores)), 6),
        "exact": math.nan if lost else float(np.mean(scores)),
        "epochs": sum(r["epochs"] for r in found),
        "train_seconds": sum(r["train_seconds"] for r in found),
    }


def chosen(rows: pd.DataFrame, outcome: str) -> pd.Series:
    """Which tests an outcome is the mean of."""
    if outcome == "clean":
        return rows["condition"] == "clean"
    if outcome == "shift":
        return rows["condition"] != "clean"
    if outcome.startswith("severity_"):
        severity = int(outcome.removeprefix("severity_"))
        return (rows["condition"] != "clean") & (rows["severity"] == severity)
    return rows["condition"] == outcome


def task_name(task: str | dict[str, Any]) -> str:
    """The name of the runs of a task, as it is written in a study."""
    if isinstance(task, str):
        return task
    options = (f"+{k}={v}" for k, v in task.items() if k != "name")
    return task["name"] + "".join(options)


def recipe_name(rate: float | None) -> str:
    """The name of the runs that are trained at a rate: that of the default is not spelt out."""
    if rate in (None, 0.001):
        return "plain+epochs=1"
    whole = int(rate) if rate == int(rate) else rate
    return f"plain+epochs=1+lr={whole}"
