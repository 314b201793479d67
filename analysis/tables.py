"""Tables of a study: each as CSV (every digit) and as LaTeX (as printed), and copies of the data.

In: results, membership, decisions, ablations. Out: ``tables/<name>.csv|tex`` with ``index.json``,
``data/*.csv``. The report shows the same `Table` objects, so that page and files cannot disagree.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import latex, tables_domains, tuned_gain, tuning, words
from analysis import tables_results as results
from analysis.collect import membership as of_study
from analysis.figures.inputs import Inputs, add_inputs, load
from analysis.files import write_atomically, write_csv, write_json
from analysis.published import tables as published
from analysis.table import Table


def all_tables(inputs: Inputs) -> list[Table]:
    """Every table that the study has data for, in the order of the report."""
    return list(_tables(inputs))


def _tables(inputs: Inputs) -> Iterator[Table]:
    primary = [d for d in inputs.decisions if d["primary"]]
    backbones = [d for d in inputs.shown if not d["primary"] and d["backbone"] != "pooled"]
    others = [d for d in inputs.decisions if not d["primary"] and d["backbone"] == "pooled"]
    if primary:
        yield verdicts(inputs, primary)
    if others:
        yield _decided(inputs, others, "exploratory", "Further comparisons, exploratory", EXPLORED)
    if backbones:
        yield _decided(inputs, backbones, "backbones", "The comparisons per backbone", EXPLORED)
    if inputs.domains:
        yield tables_domains.table(inputs)
    yield from published.tables(inputs)
    yield from tuning.tables(inputs)
    yield from tuned_gain.tables(inputs)
    yield from results.tables(inputs)


BY_BACKBONE = (
    "By backbone: p of comparison \u00d7 backbone, blocked by seed, uncorrected; where it is below "
    "alpha the difference depends on the backbone. "
)
EXPLORED = (
    "Exploratory: corrected within their experiment, not part of the primary family, and no claim "
    "of the study. Equivalent and non-inferior: by the 1 \u2212 2 alpha interval against the "
    "margin, not corrected."
)


def verdicts(inputs: Inputs, primary: list[dict]) -> Table:
    """The primary family."""
    plan, size = inputs.study.plan, primary[0]["family_size"]
    family = "the one comparison" if size == 1 else f"all {size} comparisons"
    note = (
        f"Differences in points of accuracy with {100 * (1 - plan.alpha):g} % interval; the "
        f"simultaneous interval holds for {family} at once. "
        f"p: paired test over seeds; adjusted p: {plan.correction.capitalize()} over the family. "
        f"Equivalent and non-inferior: by the {100 * (1 - 2 * plan.alpha):g} % (1 {words.MINUS} 2 "
        f"alpha) interval against the margin, not corrected over the family. "
        f"{BY_BACKBONE if _several(primary) else ''}"
        f"g: Hedges' standardised difference. Pairing: how many times more seeds an unpaired "
        f"design would need. Margin: {words.PLUS_MINUS}{plan.margin:g} points."
    )
    return _decided(inputs, primary, "verdicts", "The primary comparisons", note, full=True)


def _decided(
    inputs: Inputs, decisions: list[dict], name: str, title: str, note: str, full: bool = False
) -> Table:
    several = {
        "task": len(inputs.tasks) > 1,
        "recipe": len({d["recipe"] for d in decisions}) > 1,
        "backbone": any(d["backbone"] != "pooled" for d in decisions),
    }
    extra = [key for key, shown in several.items() if shown]
    heads = ["comparison", *extra, "outcome", "verdict", "difference", "interval"]
    heads += ["simultaneous"] if full else []
    heads += ["p", "adjusted p", "n"]
    by_backbone = full and _several(decisions)
    heads += ["by backbone"] if by_backbone else []
    heads += ["g", "pairing"] if full else []
    rows, breaks, before = [], [], None
    for d in decisions:
        key = (d["experiment"], d["a"], d["b"])
        if key != before:
            breaks.append(len(rows))
            before = key
        rows.append(_decided_row(d, extra, inputs, full, by_backbone))
    align = "l" * (len(extra) + 3) + "r" * (len(heads) - len(extra) - 3)
    frame = pd.DataFrame([flat(d) for d in decisions])
    return Table(name, title, note, heads, align, rows, frame, breaks, verdict=len(extra) + 2)


def _several(decisions: list[dict]) -> bool:
    """Is any of them pooled over several backbones?"""
    return any(d["heterogeneity"] for d in decisions)


def _decided_row(
    d: dict, extra: list[str], inputs: Inputs, full: bool, by_backbone: bool
) -> list[str]:
    row = [words.contrast(d["a"], d["b"], inputs.protocols[0])]
    row += [inputs.task_name(d[key]) if key == "task" else words.part(d[key]) for key in extra]
    row += [words.outcome(d["outcome"]).removesuffix(" images"), d["verdict"]]
    row += [words.signed(d["estimate"]), words.interval(d["ci"])]
    row += [words.interval(d["ci_simultaneous"])] if full else []
    row += [words.p_value(d["p"]), words.p_value(d["p_adjusted"]), str(d["n"])]
    if by_backbone:
        row.append(words.p_value((d["heterogeneity"] or {}).get("p")))
    if full:
        ratio = d["variance_ratio"]
        times = f"{words.TIMES}{words.number(ratio, 1)}" if words.is_number(ratio) else "\u2013"
        row += [words.signed(d["g_z"]), times]
    return row


def flat(decision: dict) -> dict[str, Any]:
    """A decision as one line of CSV: intervals as two columns, nested values by dotted names."""
    out: dict[str, Any] = {}
    for key, value in decision.items():
        if key in ("differences", "missing", "notes", "intervals_by_backbone"):
            continue
        if key.startswith("ci"):
            low, high = value or (None, None)
            out |= {f"{key}_low": low, f"{key}_high": high}
        elif isinstance(value, dict):
            for inner, entry in value.items():
                if isinstance(entry, list):
                    low, high = entry if len(entry) == 2 else (None, None)
                    out |= {f"{key}.{inner}_low": low, f"{key}.{inner}_high": high}
                elif not isinstance(entry, dict):
                    out[f"{key}.{inner}"] = entry
        else:
            out[key] = value
    return out


def differences(decisions: list[dict]) -> pd.DataFrame:
    """One row per decision and pair: what every decision rests on."""
    keys = ["experiment", "task", "recipe", "outcome", "a", "b", "backbone"]
    rows = [
        {
            **{k: d[k] for k in keys},
            "unit": pair["unit"],
            "a_score": pair["a"],
            "b_score": pair["b"],
            "difference": pair["difference"],
        }
        for d in decisions
        for pair in d.get("differences") or []
    ]
    return pd.DataFrame(rows, columns=[*keys, "unit", "a_score", "b_score", "difference"])


def scores_behind(inputs: Inputs) -> dict[str, pd.DataFrame]:
    """Scores by seed behind matrices and behind verdicts on the paper's numbers, by file."""
    found = {"domains": tables_domains.scores(inputs), "published": inputs.published.scores}
    return {name: frame for name, frame in found.items() if len(frame)}


def write_table(table: Table, folder: Path) -> dict[str, Any]:
    """Write one table in both formats; returns its entry of index.json."""
    write_csv(folder / f"{table.name}.csv", table.frame)
    caption = f"{table.title}. {table.note}".strip()
    text = latex.table(
        table.heads,
        table.rows,
        align=table.align,
        caption=caption,
        label=table.name,
        breaks=table.breaks,
    )
    write_atomically(folder / f"{table.name}.tex", lambda p: p.write_text(text, encoding="utf-8"))
    files = {"csv": f"{table.name}.csv", "tex": f"{table.name}.tex"}
    return {"name": table.name, "title": table.title, "rows": len(table.rows), "files": files}


def write_all(inputs: Inputs, folder: Path, membership: pd.DataFrame | None = None) -> None:
    """Write ``data/`` and ``tables/``; tables/index.json comes last."""
    data, tables = folder / "data", folder / "tables"
    write_csv(data / "results.csv", inputs.results)
    write_csv(data / "decisions.csv", pd.DataFrame([flat(d) for d in inputs.decisions]))
    write_csv(data / "differences.csv", differences(inputs.decisions))
    write_csv(data / "membership.csv", of_study(inputs.study) if membership is None else membership)
    for name, frame in scores_behind(inputs).items():
        write_csv(data / f"{name}.csv", frame)
    made = [write_table(table, tables) for table in all_tables(inputs)]
    write_json(tables / "index.json", {"schema": 1, "made": made})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_inputs(parser)
    parser.add_argument("--membership", help="membership.csv")
    parser.add_argument("-o", "--output", required=True, help="folder of the report")


def main(args: argparse.Namespace) -> None:
    """Write all tables; prints the folder."""
    inputs = load(args)
    given = pd.read_csv(args.membership) if args.membership else None
    write_all(inputs, Path(args.output), given)
    print(f"tables in {Path(args.output) / 'tables'}")
