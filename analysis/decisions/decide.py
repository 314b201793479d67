"""Every decision of a study: contrasts x tasks x recipes x outcomes x backbones.

In: study.json and results.parquet, and the looks that lie beside it where seeds come in waves. Out:
decisions.json and ablations.json. The pooled decision of
each contrast in a primary experiment belongs to the one corrected family. The decisions per
backbone of an experiment form an exploratory family, and so do the pooled decisions of an
experiment that is not primary.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from afn.common.errors import StudyError
from afn.common.made_from import enclosed, hashes, healing, read_document
from afn.study.grid.cells import Cell, Study
from afn.study.parts.catalogue import task_facts
from afn.study.parts.names import Arm
from afn.study.plan.checks import primary_experiments
from analysis.decisions.contrast import Rules, decide_all
from analysis.decisions.decision import Decision, write_decisions
from analysis.decisions.factor_analyses import ablations
from analysis.decisions.factor_levels import default_norm, groups
from analysis.decisions.steps.pairing import POOLED, Comparison
from analysis.decisions.steps.targets import DATA, THESE
from analysis.decisions.waves.looks import Looks, complete
from analysis.results.correct import Correct
from analysis.results.io import made_from, read_study, read_table, write_json
from analysis.results.repeated import arm_of
from analysis.results.scores import ArmScores, Scores

ONE_SEARCH = (
    "For these settings: every method was searched once, and one search is one draw of a noisy "
    "choice."
)
GIVEN_BATCHES = (
    "Images of a test batch are normalised together: the interval is given these batches."
)


def decide(
    results: pd.DataFrame, study: Study, correct: Correct | None = None, looks: Looks | None = None
) -> list[Decision]:
    """Decide all contrasts and trend levels of a study, in the study's order.

    Parameters
    ----------
    results : DataFrame
        The results table, complete or partial; missing runs are named in the decisions.
    study : Study
        Resolved study.
    correct : Correct, optional
        Which images every run answered rightly; without it all decisions are about these images.
    looks : Looks, optional
        The looks at a study in waves, which have decided it (`analysis.decisions.waves.looks`).

    Returns
    -------
    list of Decision
        Per contrast and outcome the pooled decision first, then one per backbone.
    """
    scores = Scores(results, study, correct=correct)
    if looks is None:
        return decide_all(comparisons(study, scores), rules_of(study))
    from analysis.decisions.waves.deciding import decide_in_waves

    return decide_in_waves(study, comparisons(study, scores), rules_of(study), looks)


def confirm(
    results: pd.DataFrame,
    study: Study,
    path: str,
    correct: Correct | None = None,
    looks: Looks | None = None,
) -> None:
    """Decide again, and refuse decisions that a table of results (and the answers) does not give.

    Numbers may differ by what another processor's arithmetic does to their last digits.

    Raises
    ------
    StudyError
        Says which decision differs, and how to make the file again.
    """
    written = read_document(path, "decisions")["decisions"]
    again = [d.to_dict() for d in decide(results, study, correct, looks)]
    if len(written) != len(again):
        raise StudyError(
            f"{path}: holds {len(written)} decisions where the results give {len(again)}; "
            f"{healing(path)}"
        )
    for old, new in zip(written, again, strict=True):
        for key in new.keys() | old.keys():
            if not _same(old.get(key), new.get(key)):
                raise StudyError(
                    f"{path}: the {key} of {new['a']} - {new['b']} ({new['outcome']}, "
                    f"{new['backbone']}) is not what the results give; {healing(path)}"
                )


def _same(old: Any, new: Any) -> bool:
    """Whether two values of decisions are equal, rounding aside."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in new)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, float) and isinstance(new, float):
        return math.isclose(old, new, rel_tol=1e-6, abs_tol=1e-9)
    result: bool = old == new
    return result


def rules_of(study: Study) -> Rules:
    """The plan's rules."""
    plan = study.plan
    return Rules(
        alpha=plan.alpha, margin=plan.margin, correction=plan.correction, target=plan.target
    )


def comparisons(study: Study, scores: Scores) -> Iterator[Comparison]:
    """What a study declares to decide, before any test."""
    for name, experiment in study.experiments.items():
        primary = name in primary_experiments(study)
        pairs = {(c.a, c.b): primary for c in experiment.contrasts}
        pairs = dict.fromkeys(_levels(experiment), False) | pairs
        for (a, b), first in pairs.items():
            places = [(c.task, c.pooled_recipe) for c in experiment.cells]
            for task, recipe in dict.fromkeys(places):
                both = zip(experiment.cells, places, strict=True)
                cells = [c for c, place in both if place == (task, recipe)]
                for outcome in scores.outcomes:
                    labels = {"task": task, "recipe": recipe, "outcome": outcome, "a": a, "b": b}
                    yield from _comparison(study, scores, name, cells, labels, first)


def _comparison(
    study: Study,
    scores: Scores,
    name: str,
    cells: list[Cell],
    labels: dict[str, str],
    primary: bool,
) -> Iterator[Comparison]:
    arms = [_arm(scores, cells, labels[k], labels["outcome"]) for k in ("a", "b")]
    backbones = [b for b in arms[0] if b in arms[1]]
    notes = _batches(study, scores, cells, (labels["a"], labels["b"]))
    searches = study.experiments[name].searches
    notes += (ONE_SEARCH,) if searches == 1 else ()
    if not backbones:
        # Declared, so it stays visible: an undecidable member of its family.
        backbones = list(dict.fromkeys([*arms[0], *arms[1]]))
        notes += ("No backbone of the experiment has runs of both arms for this task.",)
    for backbone in (POOLED, *backbones):
        pooled = backbone == POOLED
        chosen = backbones if pooled else [backbone]
        yield Comparison(
            experiment=name,
            backbone=backbone,
            primary=primary and pooled,
            estimand=study.plan.estimand if pooled else "these_backbones",
            family=_family(name, primary, pooled),
            seeds=tuple(range(searches) if searches > 1 else study.seeds),
            unit="search" if searches > 1 else "seed",
            explored=searches == 1,
            split=_split(study, cells),
            scores_a={b: arms[0].get(b, ArmScores()) for b in chosen},
            scores_b={b: arms[1].get(b, ArmScores()) for b in chosen},
            notes=notes,
            **labels,
        )


def _split(study: Study, cells: list[Cell]) -> tuple[int, int] | None:
    """Images to train (and select) on, and to test, where every seed draws a split of its own."""
    if study.plan.target != DATA:
        return None
    train, held_out, test = task_facts(cells[0].settings["task"])["split_sizes"]
    return train + held_out, test


def _batches(
    study: Study, scores: Scores, cells: list[Cell], arms: tuple[str, str]
) -> tuple[str, ...]:
    """Said of claims about new images where the images of a test batch share their statistics."""
    if study.plan.target == THESE:
        return ()
    for arm in arms:
        own = Arm.parse(arm)
        for cell in (c for c in cells if c.norm == own.norm):
            tested = cell.protocols[scores.protocol(cell, own.protocol)]
            if tested["statistics"] == "batch":
                return (GIVEN_BATCHES,)
    return ()


def _family(experiment: str, primary: bool, pooled: bool) -> str:
    """Pooled and per-backbone decisions are told apart, so that one backbone counts once."""
    if primary and pooled:
        return "primary"
    return f"{experiment}{'' if pooled else ', per backbone'} (exploratory)"


def _arm(scores: Scores, cells: list[Cell], arm: str, outcome: str) -> dict[str, ArmScores]:
    """Scores of an arm by backbone, where the experiment has it."""
    wanted = Arm.parse(arm)
    own: dict[str, list[Any]] = {}
    for cell in cells:
        if cell.norm == wanted.norm:
            own.setdefault(cell.backbone, []).append(cell)
    return {b: arm_of(scores, winners, outcome, wanted.protocol) for b, winners in own.items()}


def _levels(experiment: Any) -> list[tuple[str, str]]:
    """Each level of a trend against the default one, as norm arms."""
    if not experiment.trend or not experiment.trend.startswith("norm."):
        return []
    pairs: dict[Any, Any] = {}
    for cells in groups(experiment, [experiment.trend]):
        default = default_norm(cells, experiment.trend)
        if default is not None:
            pairs.update({(c.norm, default): None for c in cells if c.norm != default})
    return list(pairs)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY_JSON", help="the resolved study")
    parser.add_argument("--results", required=True, help="results.parquet")
    parser.add_argument("--correct", help="correct.npz: which images every run answered rightly")
    parser.add_argument("-o", "--output", required=True, help="decisions.json to write")
    parser.add_argument("--ablations", required=True, help="ablations.json to write")


def main(args: argparse.Namespace) -> None:
    study, results = read_study(args.study), read_table(args.results)
    answers = [args.correct] if args.correct else []
    inputs = {**made_from(args.results), **hashes(args.study, args.results, *answers)}
    correct = Correct(args.correct) if args.correct else None
    looks = complete(study, Path(args.results).parent)
    decided = decide(results, study, correct, looks)
    write_decisions(args.output, decided, inputs)
    write_json(args.ablations, enclosed("ablations", ablations(results, study), inputs))
