"""What figures, tables and report are made of, loaded once.

In: the paths of the command line. Out: `Inputs`, which answers what several figures ask (which
arms, which tasks, the score of every run). Called by figures, tables, report.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from afn.common import parsing
from afn.common.errors import StudyError
from afn.common.made_from import hashes, read_document
from afn.study.grid.cells import Study
from afn.study.parts.names import Arm
from analysis.decisions.decision import Decision, read_decisions
from analysis.decisions.domain_matrices import Matrix, matrices
from analysis.decisions.waves.looks import Looks
from analysis.display import formatting, naming
from analysis.display.labels import Labels
from analysis.published.judging import Judged, judge
from analysis.results.io import read_table
from analysis.results.repeated import arm_of
from analysis.results.scores import CELL, Scores
from analysis.results.units import points

COMPARISON = ("task", "recipe", "outcome", "a", "b")
"""What a decision compares, beside its experiment and backbone."""


@dataclass
class Inputs:
    """A study with everything that was computed from it.

    Attributes
    ----------
    study : Study
        Resolved study (``afn.study``): question, seeds, protocols, plan, experiments, cells().
    results, history : DataFrame
        The tidy tables of the study; history may be empty.
    decisions : list of Decision, with differences in points
    ablations : dict
        Trends, factorials, divergence.
    data : Path, optional
        Folder with one prepared task per folder (``<task>/manifest.json``).
    searches : list of dict
        Hyper-parameter searches (search.json), empty without any.
    looks : Looks, optional
        Of a study in waves: what was declared, and the looks that were taken.
    """

    study: Study
    results: pd.DataFrame
    history: pd.DataFrame
    decisions: list[Decision]
    ablations: dict = field(default_factory=dict)
    data: Path | None = None
    searches: list[dict] = field(default_factory=list)
    looks: Looks | None = None

    @cached_property
    def tasks(self) -> list[str]:
        """Tasks in the study's order, those with results only."""
        present = set(self.tested["task"])
        return [t for t in dict.fromkeys(c.task for c in self.study.cells()) if t in present]

    @cached_property
    def _task_names(self) -> dict[str, str]:
        return naming.tasks({cell.task: cell.settings["task"] for cell in self.study.cells()})

    def task_name(self, task: str) -> str:
        """Display name of a task of this study: what tells it from the study's other tasks."""
        return self._task_names[task]

    @cached_property
    def labels(self) -> Labels:
        """The names of the study's arms, each the same on the whole page."""
        return Labels(self.study.cells())

    def on(self, task: str, recipe: str = "") -> str:
        """`` on TASK`` where the study has several tasks, and the recipe where it needs a name."""
        trained = self.recipe_name(recipe) if recipe else ""
        where = f" on {self.task_name(task)}" if len(self.tasks) > 1 else ""
        return where + (f" ({trained})" if trained else "")

    def recipe_name(self, recipe: str) -> str:
        """What tells a recipe from the study's others ("lr 0.001", "tuned"), else nothing."""
        return self.labels.recipe(recipe)

    def recipe_in_full(self, recipe: str) -> str:
        """The same where a name has to stand: the only declared recipe by its own name."""
        return self.recipe_name(recipe) or naming.part(recipe)

    def stem(self, name: str, task: str, recipe: str = "") -> str:
        """Name of a figure's files: with the task and the recipe where there are several."""
        parts = [name, *([task] if len(self.tasks) > 1 else [])]
        return "-".join(parts + ([recipe] if recipe and self.recipe_name(recipe) else []))

    @cached_property
    def level(self) -> str:
        """The plan's level of confidence as it is printed: ``95 %``."""
        return formatting.level(self.study.plan.alpha)

    @cached_property
    def _experiments(self) -> dict[tuple, set[str]]:
        """Experiments that decide the same comparison, by comparison."""
        found: dict[tuple, set[str]] = {}
        for d in self.decisions:
            found.setdefault(tuple(getattr(d, k) for k in COMPARISON), set()).add(d.experiment)
        return found

    def comparison(self, d: Decision) -> str:
        """A decision's contrast by name: with its recipe and experiment where it needs them."""
        name = naming.contrast(d.a, d.b, self.protocols[0])
        trained = self.recipe_name(d.recipe)
        several = len(self._experiments[tuple(getattr(d, k) for k in COMPARISON)]) > 1
        told = [trained, d.experiment.replace("_", " ") if several else ""]
        return " \u00b7 ".join([name, *filter(None, told)])

    @cached_property
    def shown(self) -> list[Decision]:
        """Decisions without those per backbone that say a pooled one of one backbone again."""
        key = ("experiment", "task", "recipe", "outcome", "a", "b")
        pooled = [d for d in self.decisions if d.backbone == "pooled"]
        alone = {tuple(getattr(d, k) for k in key) for d in pooled if len(d.blocks) == 1}
        return [
            d
            for d in self.decisions
            if d.backbone == "pooled" or tuple(getattr(d, k) for k in key) not in alone
        ]

    @cached_property
    def prepared(self) -> dict[str, dict[str, Any]]:
        """Title, notes, training and validation images of every task whose data are there."""
        found = {}
        for task in dict.fromkeys(c.task for c in self.study.cells()):
            path = self.data / task / "manifest.json" if self.data else None
            if path is not None and path.is_file():
                manifest = _document(str(path))
                notes = manifest.get("notes") or []
                notes = [notes] if isinstance(notes, str) else list(notes)
                found[task] = {"title": manifest.get("title") or self.task_name(task)}
                found[task]["notes"] = notes
                for name, key in (("train", "train_images"), ("validation", "val_images")):
                    shape = manifest.get("arrays", {}).get(key, {}).get("shape")
                    found[task] |= {name: int(shape[0])} if shape else {}
        return found

    @cached_property
    def outcomes(self) -> list[str]:
        return list(self.study.plan.outcomes)

    @cached_property
    def protocols(self) -> list[str]:
        """Names of the study's protocols, the first one first."""
        return list(self.study.protocols)

    @cached_property
    def tested(self) -> pd.DataFrame:
        """Tests of finished runs under the declared protocols; accuracy in percent."""
        anyhow = self.tested_anyhow
        return anyhow[~anyhow["protocol"].isin(self.study.swept)]

    @cached_property
    def tested_anyhow(self) -> pd.DataFrame:
        """The same with the protocols of a sweep."""
        rows = self.results[self.results["split"] == "test"].dropna(subset=["condition"]).copy()
        rows["accuracy"] = points(rows["accuracy"].astype(float))
        rows["severity"] = rows["severity"].fillna(0).astype(int)
        return rows

    @cached_property
    def main_cells(self) -> list:
        """Cells of the experiments that compare arms; of all experiments if none does.

        Tuned cells stand beside the others only where there are no others: the section on tuning
        shows them, and every norm twice is too much for one figure.
        """
        experiments = list(self.study.experiments.values())
        comparing = [e for e in experiments if e.contrasts]
        chosen = [e for e in comparing if not e.groups] or comparing or experiments
        unique = {cell.path: cell for experiment in chosen for cell in experiment.cells}
        return list(unique.values())

    def backbones(self, task: str) -> list[str]:
        """Backbones of a task, in the study's order, those with results only."""
        present = set(self.tested.loc[self.tested["task"] == task, "backbone"])
        declared = dict.fromkeys(c.backbone for c in self.main_cells if c.task == task)
        return [b for b in declared if b in present]

    def arms(self, task: str, backbone: str) -> list[tuple[str, str]]:
        """(norm, recipe) of the compared cells of one task and backbone."""
        cells = [c for c in self.main_cells if (c.task, c.backbone) == (task, backbone)]
        return list(dict.fromkeys((c.norm, c.recipe) for c in cells))

    def label(self, norm: str, recipe: str, protocol: str = "") -> str:
        """Display name of an arm, which no other arm of the study has (`Labels`)."""
        return self.labels.arm(norm, recipe, protocol)

    def compared(self, frame: pd.DataFrame, task: str) -> pd.DataFrame:
        """Rows of a task's compared cells (`main_cells`); no other row enters a figure of arms."""
        wanted = {(c.backbone, c.norm, c.recipe) for c in self.main_cells if c.task == task}
        keys = zip(frame["backbone"], frame["norm"], frame["recipe"], strict=True)
        keep = np.array([key in wanted for key in keys], bool)
        return frame[keep & (frame["task"] == task).to_numpy()]

    def rows(self, frame: pd.DataFrame, **equal: str) -> pd.DataFrame:
        """Rows of a table where each named column has the given value."""
        keep = np.ones(len(frame), bool)
        for column, wanted in equal.items():
            keep &= (frame[column] == wanted).to_numpy()
        return frame[keep]

    def under(self, frame: pd.DataFrame, protocol: str) -> pd.DataFrame:
        """Rows that serve a protocol: tested under it, or independent of the batch."""
        return frame[frame["protocol"].isin([protocol, "any"])]

    @cached_property
    def scores(self) -> Scores:
        """Scores of every run as the decisions see them, diverged runs completed."""
        return Scores(self.results, self.study)

    @cached_property
    def published(self) -> Judged:
        """The verdicts on the paper's numbers that the study repeats; false where it has none."""
        return judge(self.study, self.results)

    @cached_property
    def domains(self) -> list[Matrix]:
        """Source x target matrices, none for a study of one source."""
        return matrices(self.study, self.results)

    @cached_property
    def _cells(self) -> dict[tuple[str, str, str, str], Any]:
        return {(c.task, c.backbone, c.norm, c.recipe): c for c in self.study.cells()}

    def cell(self, task: str, backbone: str, norm: str, recipe: str) -> Any | None:
        """The cell with these four parts, None where the study has none."""
        return self._cells.get((task, backbone, norm, recipe))

    def arm_scores(
        self, task: str, backbone: str, arm: str, outcome: str, recipe: str
    ) -> pd.Series:
        """Scores of an arm (``batch@test_batch``) in percent, by seed; empty if it is not there.

        Where a decision's recipe stands for the winners of repeated searches: by search.
        """
        own = Arm.parse(arm)
        place = (task, backbone, own.norm, recipe)
        one, winners = self.cell(*place), self._winners.get(place, [])
        cells = winners if one is None else [one]
        if not cells or (own.protocol and not {own.protocol, "any"} & set(cells[0].protocols)):
            return pd.Series(dtype=float)
        if one is not None:
            return pd.Series(self.scores.of(one, outcome, own.protocol).values, dtype=float)
        return pd.Series(arm_of(self.scores, winners, outcome, own.protocol).values, dtype=float)

    @cached_property
    def _winners(self) -> dict[tuple, list[Any]]:
        """The cells of the winners of repeated searches, by what a decision calls them."""
        found: dict[tuple, list[Any]] = {}
        for cell in self.study.cells():
            if cell.repeat is not None:
                place = (cell.task, cell.backbone, cell.norm, cell.pooled_recipe)
                found.setdefault(place, []).append(cell)
        return found


def load(args: Any) -> Inputs:
    """Read what the command line names.

    Raises
    ------
    StudyError
        Where a file is missing or is not what its name says.
    """
    from afn.study import load_resolved

    history = pd.DataFrame(columns=[*CELL, "seed", "epoch", "quantity", "layer", "value"])
    given = getattr(args, "history", None)
    study = load_resolved(args.study)
    return Inputs(
        study=study,
        results=read_table(args.results),
        history=read_table(given) if given else history,
        decisions=read_decisions(args.decisions) if getattr(args, "decisions", None) else [],
        ablations=_of(args, "ablations", {}),
        data=Path(args.data) if getattr(args, "data", None) else None,
        searches=_of(args, "search", [], "searches"),
        looks=Looks.read(study, Path(args.results).parent),
    )


def add_inputs(parser: Any) -> None:
    """The arguments that figures, tables and report share."""
    parser.add_argument("study", metavar="STUDY_JSON", help="resolved study (study.json)")
    parser.add_argument("--results", required=True, help="results.parquet")
    parser.add_argument("--history", help="history.parquet")
    parser.add_argument("--decisions", required=True, help="decisions.json")
    parser.add_argument("--ablations", help="ablations.json")
    parser.add_argument("--search", help="search.json: hyper-parameter searches")
    parser.add_argument("--data", help="folder of prepared tasks (<task>/manifest.json)")


def made_from(args: Any) -> dict[str, str]:
    """The hashes of the files that the command line names, by their names."""
    names = ("results", "history", "decisions", "ablations", "search")
    given = [getattr(args, name, None) for name in names]
    return hashes(args.study, *(path for path in given if path))


def _of(args: Any, option: str, default: Any, name: str = "") -> Any:
    """What the document that an option names holds; the default where none is named."""
    path = getattr(args, option, None)
    return read_document(path, name or option)[name or option] if path else default


def _document(path: str) -> Any:
    try:
        return parsing.load(path)
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file") from None
    except ValueError as error:
        raise StudyError(f"{path}: not JSON ({error})") from None
