"""``python -m analysis SCORES.csv --baseline NAME --metric NAME -o FOLDER``.

In: any tidy table of scores with columns for the method, the seed, and whatever else a score
depends on. Out, in FOLDER: decisions.json, decisions.csv, methods.csv, ranks.json (three methods
and two blocks or more) and summary.txt, which is also printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from afn.study.errors import StudyError
from analysis import ranks, words
from analysis.decision import Decision, write_decisions
from analysis.files import write_atomically, write_csv, write_json
from analysis.scores import ESTIMANDS, Checked, Plan, checked, compare


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scores", metavar="SCORES.csv", help="tidy table (CSV or Parquet)")
    parser.add_argument(
        "--baseline", required=True, help="method that the others are compared with"
    )
    parser.add_argument("--metric", required=True, help="column of the scores")
    parser.add_argument("-o", "--output", required=True, help="folder to write")
    parser.add_argument("--method", default="method", help="column of the methods (method)")
    parser.add_argument("--seed", default="seed", help="column of the seeds (seed)")
    parser.add_argument(
        "--block", action="append", help="column to pool over (default: every other text column)"
    )
    parser.add_argument(
        "--per", action="append", default=[], help="column whose values are decided apart"
    )
    parser.add_argument("--status", default="status", help="column that may say 'diverged'")
    parser.add_argument("--diverged", type=float, help="score that a diverged row counts as")
    parser.add_argument("--alpha", type=float, default=0.05, help="level (0.05)")
    parser.add_argument("--margin", type=float, help="equivalence margin, in the metric's unit")
    parser.add_argument(
        "--estimand",
        default="these_blocks",
        choices=[name for name in ESTIMANDS if name.endswith("blocks")],
        help="whether the claim is about these blocks (unit: seed) or about others like them",
    )
    parser.add_argument("--lower-is-better", action="store_true", help="a loss, not a score")


def main(args: argparse.Namespace) -> None:
    frame, plan = read_table(args.scores), plan_of(args)
    table = checked(frame, plan)
    decisions = compare(frame, plan)
    ranked = rank_parts(table, plan)
    text = summary(table, plan, decisions, ranked)
    folder = Path(args.output)
    write_decisions(folder / "decisions.json", decisions)
    write_csv(folder / "decisions.csv", pd.DataFrame([flat(d) for d in decisions]))
    write_csv(folder / "methods.csv", describe(table))
    write_json(folder / "ranks.json", ranked)
    write_atomically(folder / "summary.txt", lambda p: p.write_text(text, encoding="utf-8"))
    print(text, end="")


def plan_of(args: argparse.Namespace) -> Plan:
    if not 0 < args.alpha < 0.5:
        raise StudyError(f"--alpha {args.alpha}: must lie between 0 and 0.5")
    if args.margin is not None and args.margin <= 0:
        raise StudyError(f"--margin {args.margin}: must be positive")
    return Plan(
        baseline=args.baseline,
        metric=args.metric,
        method=args.method,
        seed=args.seed,
        blocks=tuple(args.block) if args.block else None,
        per=tuple(args.per),
        alpha=args.alpha,
        margin=args.margin,
        estimand=args.estimand,
        diverged=args.diverged,
        status=args.status,
        higher_is_better=not args.lower_is_better,
    )


def read_table(path: str) -> pd.DataFrame:
    """Read a CSV or Parquet table, or say in one message why not.

    Text stays as written: a method may be called ``None`` or ``NA``.
    """
    try:
        if path.endswith(".parquet"):
            return pd.read_parquet(path)
        frame = pd.read_csv(path)
        raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read as a table: {error}") from None
    text = [c for c in frame if not pd.api.types.is_numeric_dtype(frame[c])]
    # A column of nothing but "None" reads as numbers that are all missing.
    text += [c for c in frame if c not in text and frame[c].isna().all() and raw[c].any()]
    return frame.assign(**{c: raw[c] for c in text})


def rank_parts(table: Checked, plan: Plan) -> list[dict[str, Any]]:
    """Friedman over the blocks in which every method has scores (means over seeds)."""
    found = []
    for part in table.parts:
        rows = table.rows[table.rows["part"] == part]
        means = rows.pivot_table(index="block", columns="method", values="score", aggfunc="mean")
        complete = means.dropna()
        if len(complete) < 2 or complete.shape[1] < 3:
            continue
        result = ranks.friedman(complete.to_numpy(), higher_is_better=plan.higher_is_better)
        result["mean_ranks"] = dict(zip(complete.columns, result["mean_ranks"], strict=True))
        result["F"] = result["F"] if result["F"] < float("inf") else None
        result["F_uncorrected"] = result["F_uncorrected"] if result["F"] is not None else None
        if result["bars"]:
            q = ranks.nemenyi(complete.shape[1], len(complete), plan.alpha)[1]
            result["critical_difference"] = q
        left_out = sorted(set(means.index) - set(complete.index))
        found.append({"part": part, **result, "incomplete_blocks": left_out})
    return found


def describe(table: Checked) -> pd.DataFrame:
    """Mean, SD, number of scores and of diverged rows of every method, per part and block."""
    grouped = table.rows.groupby(["part", "block", "method"], sort=False)
    return grouped.agg(
        mean=("score", "mean"),
        sd=("score", "std"),
        n=("score", "size"),
        diverged=("diverged", "sum"),
    ).reset_index()


def flat(decision: Decision) -> dict[str, Any]:
    """One decision as a row of decisions.csv."""
    values = decision.to_dict()
    row = {key: value for key, value in values.items() if not isinstance(value, dict | list)}
    for name in ("ci", "ci_simultaneous", "ci_equivalence"):
        row[f"{name}_low"], row[f"{name}_high"] = values[name]
    row["sensitivity_p"] = values["sensitivity"]["p"]
    row["improvement"] = values["improvement"]["estimate"]
    row["diverged_a"], row["diverged_b"] = values["diverged"]["a"], values["diverged"]["b"]
    row["missing"] = " ".join(values["missing"])
    return row


def summary(
    table: Checked, plan: Plan, decisions: list[Decision], ranked: list[dict[str, Any]]
) -> str:
    """What was read, what was decided, in plain text."""
    lines = [
        f"{len(table.rows)} scores ({plan.metric}): {words.count(len(table.methods), 'method')}, "
        f"{words.count(len(table.blocks), 'block')}, {words.count(len(table.seeds), 'seed')}."
    ]
    if table.ignored:
        lines.append(f"Columns that were not used: {', '.join(table.ignored)}.")
    missing = sorted({run for d in decisions for run in d.missing})
    if missing:
        count = words.sentence_case(words.count(len(missing), "score"))
        lines.append(f"{count} missing: {', '.join(missing)}.")
    for title, primary in (("Decisions:", True), ("Per block (exploratory):", False)):
        chosen = [d for d in decisions if d.primary == primary]
        if chosen:
            lines += ["", title, *(f"- {d.sentence()}" for d in chosen)]
        lines += [f"  note: {note}" for d in chosen for note in d.notes]
    for result in ranked:
        order = sorted(result["mean_ranks"].items(), key=lambda item: item[1])
        shown = ", ".join(f"{name} {rank:.2f}" for name, rank in order)
        where = f" ({result['part']})" if result["part"] else ""
        test = f"Friedman over {result['blocks']} blocks, Iman-Davenport "
        test += words.p_equation(result["p"])
        if result["p_permutation"] is not None:
            test += f", permutation {words.p_equation(result['p_permutation'])}"
        lines += ["", f"Mean ranks{where}: {shown}. {test}."]
        if result["incomplete_blocks"]:
            lines.append(f"Blocks without all methods: {', '.join(result['incomplete_blocks'])}.")
    return "\n".join(lines) + "\n"
