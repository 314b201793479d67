"""``python -m analysis SCORES.csv --baseline NAME --metric NAME -o FOLDER``.

In: any tidy table of scores with columns for the method, the seed, and whatever else a score
depends on. Out, in FOLDER: index.html (the report, with figures/ and tables/), decisions.json,
decisions.csv, methods.csv, ranks.json (three methods and two blocks or more), beside.json (ANOVA,
aggregates, mixed model), asked.json (--trend, --factor; --mcnemar alone writes it and no page) and
summary.txt, which is also printed. With --looks the table is one that grows: out come looks.json
(the state that the next call goes on from), looks.csv and summary.txt.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from afn.common.errors import StudyError
from analysis.decisions.decision import Decision, write_decisions
from analysis.display import formatting
from analysis.results.io import write_atomically, write_csv, write_json
from analysis.standalone import asked
from analysis.standalone.compare import CORRECTIONS, ESTIMANDS, Checked, Plan, checked, decide
from analysis.standalone.page import ranks_sentence, write_page
from analysis.standalone.reading import read_table
from analysis.standalone.sequential import cli as sequential_cli
from analysis.standalone.supplementary import beside, notes
from analysis.standalone.tables import ScoresReport
from analysis.stats.paired import SEED
from analysis.tables.decisions import flat


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scores",
        metavar="SCORES.csv",
        help="tidy table: CSV with any delimiter, Parquet, or - for standard input",
    )
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
    parser.add_argument(
        "--example",
        metavar="COLUMN",
        help="column of the examples, of a table with a row for each (several seeds): intervals "
        "are over seeds and examples",
    )
    parser.add_argument("--status", default="status", help="column that may say 'diverged'")
    parser.add_argument("--diverged", type=float, help="score that a diverged row counts as")
    parser.add_argument("--alpha", type=float, default=0.05, help="level (0.05)")
    parser.add_argument("--margin", type=float, help="equivalence margin, in the metric's unit")
    parser.add_argument(
        "--target", type=float, help="a score that is good enough: its optimality gap is shown"
    )
    parser.add_argument(
        "--estimand",
        default="these_blocks",
        choices=[name for name in ESTIMANDS if name.endswith("blocks")],
        help="whether the claim is about these blocks (unit: seed) or about others like them",
    )
    parser.add_argument(
        "--random-seed", type=int, default=SEED, help=f"seed of every random method ({SEED})"
    )
    parser.add_argument("--lower-is-better", action="store_true", help="a loss, not a score")
    parser.add_argument(
        "--correction",
        default=Plan.correction,
        choices=CORRECTIONS,
        help="of the family; only under holm are the verdicts more than exploratory",
    )
    asked.add_arguments(parser.add_argument_group("asked beside the decisions, exploratory"))
    sequential_cli.add_arguments(parser.add_argument_group("looks while seeds come in"))


def main(args: argparse.Namespace) -> None:
    plan = plan_of(args)
    named = [plan.method, plan.seed, plan.status, *(plan.blocks or ()), *plan.per]
    named += [name for name in (args.mcnemar, args.example) if name]
    frame, read, made_from = read_table(args.scores, named, (*named, plan.metric))
    if args.example and (args.looks or args.factor or args.mcnemar):
        raise StudyError("--example does not go with --looks, --factor or --mcnemar")
    if args.looks or sequential_cli.asked(args):
        sequential_cli.main(args, frame, plan)
        return
    if args.mcnemar:
        write_single_runs(args, asked.mcnemar_only(args, frame, plan), read)
        return
    table = checked(frame, plan)
    answers = asked.beside_decisions(args, frame, table, plan)
    decisions = decide(table, plan)
    aside = beside(table, plan, args.random_seed)
    told = [*read, *notes(table, plan, decisions, args.random_seed)]
    spoken = [answer["sentence"] for answer in answers]
    text = summary(table, plan, decisions, aside, told, spoken)
    folder, methods = Path(args.output), describe(table)
    try:
        write_decisions(folder / "decisions.json", decisions, made_from)
        rows = [flat(d) | {"missing": " ".join(d.missing)} for d in decisions]
        write_csv(folder / "decisions.csv", pd.DataFrame(rows))
        write_csv(folder / "methods.csv", methods)
        ranked = [{"part": e["part"], **e["ranks"]} for e in aside if e["ranks"]]
        write_json(folder / "ranks.json", ranked)
        write_json(folder / "beside.json", {"random_seed": args.random_seed, "parts": aside})
        if answers:
            write_json(folder / "asked.json", answers)
        report = ScoresReport(
            table, plan, decisions, aside, told, methods, args.random_seed, spoken
        )
        write_page(report, folder)
        write_atomically(folder / "summary.txt", lambda p: p.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written: {error}") from None
    print(text, end="")


def write_single_runs(args: argparse.Namespace, found: list[dict], read: list[str]) -> None:
    """asked.json and summary.txt of single runs, which have no decisions and no page."""
    lines = [f"- {entry['sentence']}" for entry in found] + [f"- {text}" for text in read]
    text, folder = "Single runs (exact McNemar):\n" + "\n".join(lines) + "\n", Path(args.output)
    try:
        write_json(folder / "asked.json", found)
        write_atomically(folder / "summary.txt", lambda p: p.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written: {error}") from None
    print(text, end="")


def plan_of(args: argparse.Namespace) -> Plan:
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
        correction=args.correction,
        higher_is_better=not args.lower_is_better,
        example=args.example,
        target=args.target,
    )


def describe(table: Checked) -> pd.DataFrame:
    """Mean, SD, number of scores and of diverged rows of every method, per part and block."""
    grouped = table.rows.groupby(["part", "block", "method"], sort=False)
    return grouped.agg(
        mean=("score", "mean"),
        sd=("score", "std"),
        n=("score", "size"),
        diverged=("diverged", "sum"),
    ).reset_index()


def summary(
    table: Checked,
    plan: Plan,
    decisions: list[Decision],
    aside: list[dict[str, Any]],
    told: list[str],
    spoken: Sequence[str] = (),
) -> str:
    """What was read, what was decided, in plain text."""
    lines = [
        f"{len(table.rows)} scores ({plan.metric}): "
        f"{formatting.count(len(table.methods), 'method')}, "
        f"{formatting.count(len(table.blocks), 'block')}, "
        f"{formatting.count(len(table.seeds), 'seed')}."
    ]
    for title, primary in (("Decisions:", True), ("Per block (exploratory):", False)):
        chosen = [d for d in decisions if d.primary == primary]
        if chosen:
            lines += ["", title, *(f"- {d.sentence()}" for d in chosen)]
    if spoken:
        lines += ["", "Asked beside the decisions:", *(f"- {text}" for text in spoken)]
    lines += ["", "Treatment:", *(f"- {note}" for note in told)]
    ranked = [ranks_sentence(entry) for entry in aside if entry["ranks"]]
    return "\n".join(lines + ([""] if ranked else []) + ranked) + "\n"
