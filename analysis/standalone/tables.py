"""The tables of the page for a table of scores: as printed, and with every digit.

In: decisions and what stands beside them. Out: `Table` objects, which become HTML, CSV and LaTeX;
every shown number of a decision is taken from its row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analysis.decisions.decision import Decision, plural
from analysis.decisions.words import phrases
from analysis.display import formatting
from analysis.standalone.compare import Checked, Plan
from analysis.stats.verdict import Verdict
from analysis.tables.decisions import flat
from analysis.tables.writing import Table


@dataclass
class ScoresReport:
    """What a page is made of."""

    table: Checked
    plan: Plan
    decisions: list[Decision]
    beside: list[dict[str, Any]]
    notes: list[str]
    methods: pd.DataFrame
    seed: int
    asked: list[str] = field(default_factory=list)


def all_tables(report: ScoresReport) -> dict[str, Table]:
    """Every table of the page, by name."""
    primary = [d for d in report.decisions if d.primary]
    others = [d for d in report.decisions if not d.primary]
    found = [_decided("verdicts", "The decisions", primary, report)]
    if others:
        found.append(_decided("blocks", "The decisions per block, exploratory", others, report))
    found.append(_plan_table(primary))
    found += _heterogeneity(primary)
    makers: list[tuple[str, str, Callable]] = [
        ("anova", "Repeated-measures analysis of variance", _anova_rows),
        ("aggregates", "Interquartile means", _aggregate_rows),
        ("mixed", "Mixed model of the unbalanced grid", _mixed_rows),
    ]
    for name, title, make in makers:
        given = [entry for entry in report.beside if entry[name]]
        rows = [r for entry in given for r in make(entry["part"], entry[name], report)]
        if rows:
            found.append(_table(name, title, NOTES[name], rows))
    found.append(_methods(report))
    return {table.name: table for table in found}


NOTES = {
    "anova": "Subjects are the units of the tests; every term is tested against its interaction "
    "with them. Epsilon: Greenhouse and Geisser; corrected p: with both degrees of freedom times "
    "epsilon. Shown beside the decisions, which do not rest on it.",
    "aggregates": "Mean of the middle half of all scores, and the share of scores that beat the "
    "baseline's with the same block and seed; the gap is the mean shortfall below the declared "
    "target (of a loss, the excess above it). Intervals by a bootstrap of seeds within blocks.",
    "mixed": "Score on method, with backbone (block), block:seed and block:method as random "
    "effects, by REML; t with B - 1 degrees of freedom. Uses the scores whose pairs are missing.",
}


def _table(name: str, title: str, note: str, rows: Sequence[dict[str, Any]]) -> Table:
    """A table whose rows are mappings from head to (shown, exact)."""
    heads = list(rows[0])
    if not any(row.get("part", ("", ""))[0] for row in rows):
        heads = [h for h in heads if h != "part"]
    shown = [[row[h][0] for h in heads] for row in rows]
    frame = pd.DataFrame([{h: row[h][1] for h in heads} for row in rows])
    left = {"comparison", "part", "block", "method", "term", "verdict", "per block", "unit"}
    align = "".join("l" if h in left else "r" for h in heads)
    verdict = heads.index("verdict") if "verdict" in heads else None
    return Table(name, title, note, heads, align, shown, frame, verdict=verdict)


def _decided(name: str, title: str, decisions: list[Decision], report: ScoresReport) -> Table:
    d = decisions[0]
    note = (
        f"Differences in {d.unit}, {formatting.level(d.alpha)} intervals; adjusted over "
        f"{formatting.count(d.family_size, 'decision')} ({report.plan.correction}). Equivalent and "
        f"non-inferior: by the {formatting.level(2 * d.alpha)} interval, not corrected."
    )
    rows = []
    for d in decisions:
        row: dict[str, tuple[str, Any]] = {k: (text, text) for k, text in d.row().items()}
        shown = {"comparison": row["contrast"], "part": (d.task, d.task)}
        if not d.primary:
            shown["block"] = row["backbone"]
        shown |= {k: row[k] for k in ("verdict", "difference", "interval")}
        if d.primary:
            wide = formatting.interval(list(d.ci_simultaneous), d.digits)
            shown["simultaneous"] = (wide, wide)
        shown |= {k: row[k] for k in ("p", "adjusted p", "n")}
        if d.primary:
            times = phrases.ratio(d)
            shown |= {"g": (formatting.signed(d.g_z), d.g_z), "pairing": (times, d.variance_ratio)}
        rows.append(shown)
    table = _table(name, title, note, rows)
    table.frame = pd.DataFrame([flat(d) for d in decisions])
    return table


def _plan_table(primary: list[Decision]) -> Table:
    rows = []
    for d in primary:
        smallest, needed = d.sensitivity["smallest_p"], d.alpha / d.family_size
        exact = d.sensitivity["p"]
        found = (
            math.nan if d.verdict in (Verdict.CANNOT_REJECT, Verdict.NOTHING_TO_COMPARE) else d.mde
        )
        rows.append(
            {
                "comparison": (d.row()["contrast"],) * 2,
                "part": (d.task,) * 2,
                "n": (str(d.n), d.n),
                "first step of the family": (formatting.p_value(needed), needed),
                "smallest exact p": (formatting.p_value(smallest), smallest),
                "exact sign-flip p": (formatting.p_value(exact), exact),
                "80 % power from": (formatting.number(found, d.digits), found),
            }
        )
    note = (
        "Where the smallest p of the exact sign-flip test lies above the first step of the family, "
        "that test can reject nothing, whatever the data: a verdict of superior or inferior then "
        "rests on the t-test alone. 80 % power: at the first step of the family, with the observed "
        "standard deviation."
    )
    return _table("power", "What these pairs can show", note, rows)


def _heterogeneity(primary: list[Decision]) -> Iterator[Table]:
    rows = []
    for d in primary:
        if d.heterogeneity:
            h = d.heterogeneity
            each = ", ".join(
                f"{b} {formatting.signed(x, d.digits)}" for b, x in h["estimates"].items()
            )
            rows.append(
                {
                    "comparison": (d.row()["contrast"],) * 2,
                    "part": (d.task,) * 2,
                    "F": (formatting.number(h["F"]), h["F"]),
                    "p": (formatting.p_value(h["p"]), h["p"]),
                    "per block": (each if len(h["estimates"]) <= 6 else "see the table", each),
                }
            )
    if rows:
        note = (
            "Does the difference vary between blocks? F of comparison x block, seeds as subjects."
        )
        yield _table("heterogeneity", "Differences between blocks", note, rows)


def _anova_rows(part: str, found: dict[str, Any], _: ScoresReport) -> Iterator[dict[str, Any]]:
    for t in found["terms"]:
        df = f"{t['df'][0]}, {t['df'][1]}"
        unit = f"{found['n']} {plural(found['n'], found['unit'])}"
        yield {
            "term": (t["term"].replace(":", f" {formatting.TIMES} "), t["term"]),
            "part": (part, part),
            "unit": (unit, unit),
            "df": (df, df),
            **{k: (formatting.number(t[k]), t[k]) for k in ("F",)},
            "p": (formatting.p_value(t["p"]), t["p"]),
            "epsilon": (formatting.number(t["epsilon"]), t["epsilon"]),
            "corrected p": (formatting.p_value(t["p_corrected"]), t["p_corrected"]),
            "partial \u03b7\u00b2": (formatting.number(t["partial_eta2"]), t["partial_eta2"]),
            "its interval": (_range(t["ci"], 2), str(t["ci"])),
        }


def _aggregate_rows(
    part: str, found: dict[str, Any], report: ScoresReport
) -> Iterator[dict[str, Any]]:
    digits = _digits(report)
    for m in found["methods"]:
        share, ends = m["improvement"], m["improvement_ci"]
        yield {
            "method": (m["method"],) * 2,
            "part": (part, part),
            "IQM": (formatting.number(m["iqm"], digits), m["iqm"]),
            "interval": (_range(m["ci"], digits), str(m["ci"])),
            f"better than {report.plan.baseline}": (formatting.number(share), share),
            "interval of the share": (_range(ends, 2), str(ends)),
            **_gap(m, report.plan.target, digits),
        }


def _gap(entry: dict[str, Any], target: float | None, digits: int) -> dict[str, tuple[str, Any]]:
    """The shortfall below the declared target; nothing where none is declared."""
    if target is None:
        return {}
    return {
        f"gap to {target:g}": (formatting.number(entry["gap"], digits), entry["gap"]),
        "interval of the gap": (_range(entry["gap_ci"], digits), str(entry["gap_ci"])),
    }


def _mixed_rows(part: str, found: dict[str, Any], report: ScoresReport) -> Iterator[dict[str, Any]]:
    digits = _digits(report)
    zero = ", ".join(found["boundary"]) or "none"
    for c in found["contrasts"]:
        name = f"{c['a']} - {c['b']}"
        yield {
            "comparison": (name, name),
            "part": (part, part),
            "difference": (formatting.signed(c["estimate"], digits), c["estimate"]),
            "interval": (formatting.interval(c["ci"], digits), str(c["ci"])),
            "df": (str(c["df"]), c["df"]),
            "p": (formatting.p_value(c["p"]), c["p"]),
            "converged": ("yes" if found["converged"] else "no", found["converged"]),
            "variances at zero": (zero, zero),
        }


def _methods(report: ScoresReport) -> Table:
    digits = _digits(report)
    rows = [
        {
            "method": (r.method, r.method),
            "part": (r.part, r.part),
            "block": (r.block, r.block),
            "mean": (formatting.number(r.mean, digits), r.mean),
            "SD": (formatting.number(r.sd, digits), r.sd),
            "n": (str(r.n), r.n),
            "diverged": (str(int(r.diverged)), r.diverged),
        }
        for r in report.methods.itertuples()
    ]
    note = "Diverged rows count with their declared value."
    return _table("methods", "Mean and standard deviation of every method", note, rows)


def _digits(report: ScoresReport) -> int:
    return max([2, *(d.digits for d in report.decisions if d.primary)])


def _range(pair: Sequence[Any], digits: int) -> str:
    if not all(formatting.is_number(x) for x in pair):
        return "\u2013"
    return f"[{formatting.number(pair[0], digits)}, {formatting.number(pair[1], digits)}]"
