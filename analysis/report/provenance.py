"""What stands behind the numbers: runs, machines, code, the plan, and what was held fixed.

In: study and results. Out: plain texts and rows for the report. Nothing here is decided.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from afn.common import parsing
from afn.common.errors import StudyError
from afn.study.grid.cells import Study
from afn.study.plan.checks import primary_experiments
from analysis.decisions.decision import Decision
from analysis.display import formatting, naming
from analysis.inputs import Inputs
from analysis.report import trained
from analysis.results.scores import BUILD, CELL, chance
from analysis.results.units import POINTS
from analysis.stats.verdict import Verdict

STATES = {
    "finished": "finished",
    "diverged": "diverged",
    "missing": "not there yet",
    "spared": "not needed",
}
"""``spared``: of a wave that no look has asked for."""
UNDECLARED = "undeclared"
"""In the matrix of runs: a seed that is not one of the cell's, no state of a run."""


def runs_of(inputs: Inputs) -> pd.DataFrame:
    """One row per run that exists."""
    return inputs.results.drop_duplicates([*CELL, "seed"])


def declared(inputs: Inputs) -> int:
    """How many runs the study declares."""
    return sum(len(inputs.study.seeds_of(cell)) for cell in inputs.study.cells())


def run_matrix(inputs: Inputs, reasons: dict[tuple, str] | None = None) -> dict[str, Any]:
    """The state of every declared run, cell by cell.

    Parameters
    ----------
    reasons : dict, optional
        (task, backbone, norm, recipe, seed) -> why a run is missing.

    Returns
    -------
    dict
        ``seeds``, ``rows`` (label, states by seed), ``counts``, ``declared``, ``asked`` (of them,
        all but those of waves that no look has asked for), ``made``, ``troubled`` (runs that are
        missing or diverged, with the reason).
    """
    table = runs_of(inputs)
    records = _records(table, [*CELL, "seed", "status", "reason"])
    state = {record[:5]: record[5:] for record in records}
    rows: list[Any] = []
    troubled: list[Any] = []
    counts: Counter[str] = Counter()
    seeds = sorted({*inputs.study.seeds, *_own_seeds(inputs.study)})
    asked = None if inputs.looks is None else inputs.looks.asked(inputs.study)
    for cell in inputs.study.cells():
        states, own = [], set(inputs.study.seeds_of(cell))
        for seed in seeds:
            if seed not in own:
                states.append(UNDECLARED)
                continue
            key = (cell.task, cell.backbone, cell.norm, cell.recipe, seed)
            wanted = asked is None or seed in asked[cell.path]
            absent = ("missing", (reasons or {}).get(key, "")) if wanted else ("spared", "")
            status, reason = state.get(key, absent)
            states.append(status)
            counts[status] += 1
            if status not in ("finished", "spared"):
                why = reason if isinstance(reason, str) else ""
                troubled.append({"run": f"{cell.path}/seed{seed}", "state": status, "reason": why})
        rows.append({"label": cell.path, "states": states})
    return {
        "seeds": seeds,
        "rows": rows,
        "counts": {name: counts[name] for name in STATES if counts[name]},
        "declared": sum(counts.values()),
        "asked": sum(counts.values()) - counts["spared"],
        "made": counts["finished"] + counts["diverged"],
        "troubled": troubled,
    }


def _own_seeds(study: Study) -> list[int]:
    """The seeds of the winners of repeated searches."""
    return [seed for cell in study.cells() for seed in cell.seeds or ()]


def read_missing(path: str | None) -> dict[tuple, str]:
    """Why runs are missing, from missing.csv (or the same rows as JSON).

    Raises
    ------
    StudyError
        Where the file is not such a list.
    """
    if path is None:
        return {}
    try:
        text = Path(path).read_text(encoding="utf-8")
        listed = path.endswith(".json")
        rows = parsing.parse(text) if listed else list(csv.DictReader(text.splitlines()))
        return {
            (*(str(row[c]) for c in CELL), int(row["seed"])): str(row.get("reason") or "")
            for row in rows
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path}: not a list of missing runs ({error!r})") from None


def builds(inputs: Inputs) -> list[dict[str, Any]]:
    """Distinct builds and machines with their number of runs, the most frequent first."""
    table = runs_of(inputs).reindex(columns=BUILD).astype("object")
    table = table.where(table.notna(), "unknown").astype(str)
    counted = table.value_counts(sort=False).reset_index(name="runs")
    counted = counted.sort_values(
        ["runs", *BUILD], ascending=[False] + [True] * len(BUILD), kind="stable"
    )
    return counted.to_dict("records")


def fingerprints(inputs: Inputs) -> list[dict[str, Any]]:
    """Fingerprints of the code behind each cell, in the study's order."""
    found: dict[tuple, list] = {}
    for record in _records(runs_of(inputs), [*CELL, "fingerprint"]):
        found.setdefault(tuple(record[:4]), []).append(str(record[4])[:16])
    rows = []
    for cell in inputs.study.cells():
        prints = found.get((cell.task, cell.backbone, cell.norm, cell.recipe), [])
        if prints:
            distinct = list(dict.fromkeys(prints))
            rows.append({"cell": cell.path, "prints": distinct, "runs": len(prints)})
    return rows


def _records(table: pd.DataFrame, columns: list[str]) -> list[tuple]:
    return list(table[columns].itertuples(index=False, name=None))


def images(inputs: Inputs) -> dict[str, int]:
    """Number of clean test images per task."""
    clean = inputs.tested[inputs.tested["condition"] == "clean"]
    rows = clean if len(clean) else inputs.tested
    return {t: int(g["n"].max()) for t, g in rows.groupby("task") if g["n"].notna().any()}


def collapsed(inputs: Inputs) -> list[str]:
    """Cells whose finished runs score, on average, less than twice chance accuracy."""
    found = []
    finished = inputs.tested[inputs.tested["condition"] == "clean"]
    first = finished[finished["protocol"].isin([*inputs.protocols, "any"])]
    means = first.groupby([*CELL, "protocol"], sort=False)["accuracy"].mean()
    best = means.groupby(level=CELL, sort=False).max()
    for (task, backbone, norm, recipe), mean in best.items():
        guess = chance(inputs.study, task)
        if mean < 2 * guess:
            where = ", ".join(
                [*([inputs.task_name(task)] if len(inputs.tasks) > 1 else []), backbone]
            )
            found.append(
                f"{inputs.label(norm, recipe)} on {where}: {formatting.number(float(mean), 1)} % "
                "on "
                f"clean images, where guessing gives {formatting.number(guess, 1)} %."
            )
    return found


def notes_of(told: dict[str, Any] | None) -> list[str]:
    """What the prepared data of a task say of themselves, in whole sentences; nothing of none."""
    if told is None:
        return []
    return [f"{told['title']}: {note.rstrip('.')}." for note in told.get("notes", [])]


def caveats(inputs: Inputs, prepared: dict[str, dict[str, Any]] | None = None) -> list[str]:
    """What was held fixed, and what the claims therefore do not cover.

    Parameters
    ----------
    prepared : dict, optional
        Title and notes of each task, as its data say.
    """
    study = inputs.study
    plan = study.plan
    texts = trained.recipes(inputs)
    declared = dict.fromkeys(c.task for c in study.cells())
    prepared = prepared or {}
    shown = formatting.listing(
        prepared.get(t, {}).get("title", inputs.task_name(t)) for t in declared
    )
    fixed = formatting.listing(dict.fromkeys(naming.part(c.backbone) for c in study.cells()))
    split = (
        "every seed splits the data anew, the same for all methods; the splits share most of their "
        "images, which the intervals allow for (Nadeau and Bengio, 2003)"
        if plan.target == "data_like_these"
        else "with one fixed split of the data that no seed changes"
    )
    texts.append(
        f"The claims are about {shown} and about {fixed}, {split}. Nothing here says how methods "
        "compare on other tasks or larger networks."
    )
    for task in declared:
        texts += notes_of(prepared.get(task))
    for task, n in images(inputs).items():
        one = POINTS / n
        texts.append(
            f"{inputs.task_name(task)} is tested on {n:,} images per condition: one image is "
            f"{formatting.number(one)} points, so the margin of {plan.margin:g} is worth "
            f"{formatting.number(plan.margin / one, 1)} images."
        )
    if plan.estimand == "these_backbones":
        if len({c.backbone for c in study.cells()}) > 1:
            texts.append(
                "Pooled decisions average over the backbones of the study, seed by seed, and hold "
                "for these backbones, not for networks in general."
            )
    else:
        texts.append("The unit of every pooled claim is the backbone, of which there are few.")
    texts.append(_selection(inputs))
    return texts


def _selection(inputs: Inputs) -> str:
    rules = {c.settings["recipe"].get("selection", "last") for c in inputs.study.cells()}
    if rules == {"last"}:
        return "Nothing was chosen on the test set: the network after the last epoch is tested."
    return "Nothing was chosen on the test set: the epoch was chosen on a validation split."


def plan_facts(inputs: Inputs) -> list[tuple[str, str]]:
    """What was declared before any result, and what it can find."""
    plan = inputs.study.plan
    primary = [d for d in inputs.decisions if d.primary]
    facts = [("outcomes", formatting.listing(naming.outcome(o) for o in inputs.outcomes))]
    experiments = formatting.listing(e.replace("_", " ") for e in primary_experiments(inputs.study))
    if primary:
        m = primary[0].family_size
        smallest = min(d.sensitivity["smallest_p"] for d in primary)
        facts += [
            ("primary family", f"{formatting.count(m, 'comparison')}, from {experiments}"),
            ("correction", f"{plan.correction.capitalize()}, alpha = {plan.alpha:g}"),
            (
                "smallest p that the exact sign-flip test can give",
                f"{_small(smallest)} with {_pairs(primary)}; the first step of the correction "
                f"needs {_small(plan.alpha / m)}",
            ),
        ]
    else:
        facts.append(("primary family", "none declared: everything here is exploratory"))
    facts += [
        ("equivalence margin", f"{formatting.PLUS_MINUS}{plan.margin:g} points"),
        ("estimand", plan.estimand.replace("_", " ")),
        ("target", plan.target.replace("_", " ")),
        ("value of a diverged run", _diverged(plan.diverged)),
        ("seeds", _declared_seeds(inputs)),
    ]
    return facts


def _declared_seeds(inputs: Inputs) -> str:
    seeds = inputs.study.seeds
    if inputs.looks is None:
        return f"{len(seeds)}: {_seeds(seeds)}"
    own, looks = inputs.study.in_waves, formatting.listing(map(str, inputs.looks.record.looks))
    stop = "no stop for futility"
    if own.futility:
        effect = max(own.effect or 0.0, inputs.study.plan.margin)
        stop = f"a stop for futility against {effect:g} points from the second look on"
    boundary = own.boundary.replace("_", " ")
    return f"in waves of {own.wave}, looks at {looks}; {boundary} boundary; {stop}"


def _pairs(decisions: list[Decision]) -> str:
    """The numbers of pairs behind some decisions."""
    sizes = sorted({d.n for d in decisions})
    span = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    noun = decisions[0].paired_by
    return f"{span} paired {noun if sizes == [1] else formatting.plural(noun)}"


def _small(p: float) -> str:
    return f"{p:.2g}"


def _diverged(value: Any) -> str:
    return "chance accuracy" if value == "chance" else f"{value:g} % accuracy"


def _seeds(seeds: list[int]) -> str:
    whole = seeds == list(range(seeds[0], seeds[-1] + 1)) and len(seeds) > 2
    return f"{seeds[0]} to {seeds[-1]}" if whole else formatting.listing(map(str, seeds))


def power(inputs: Inputs) -> str:
    """What differences the primary comparisons would have found; nothing where none could."""
    primary = [d for d in inputs.decisions if d.primary]
    decidable = [d for d in primary if d.verdict.judged and d.verdict is not Verdict.CANNOT_REJECT]
    parts = []
    for outcome in inputs.outcomes:
        own = [d.mde for d in decidable if d.outcome == outcome]
        found = [x for x in own if formatting.is_number(x)]
        if found:
            low, high = formatting.number(min(found)), formatting.number(max(found))
            span = low if low == high else f"{low} to {high}"
            parts.append(f"{span} points {naming.on_outcome(outcome)}")
    if not parts:
        return ""
    m = primary[0].family_size
    return (
        f"Differences that {_pairs(decidable)} find with 80 % power at the first step of the "
        f"correction (alpha / {m}): {' and '.join(parts)}. They follow from "
        f"the standard deviations observed here, so they were not known before training."
    )
