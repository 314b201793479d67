"""The page for a table of scores: decisions, figures, what was planned, what was treated.

In: a checked table, its plan, its decisions and what stands beside them. Out: one self-contained
HTML file in the look of the study reports, with its figures and tables as files beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from afn.study.plan.power import smallest_seeds_for_holm
from analysis.decisions.decision import Decision, plural
from analysis.decisions.words.verdicts import verdict_of
from analysis.display import formatting
from analysis.display.templates import environment, style_sheet
from analysis.standalone.tables import ScoresReport, all_tables
from analysis.tables.writing import Table, write_table

MOST_TOLD = 12  # methods whose p a sentence lists
TEMPLATES = Path(__file__).with_name("templates")
TERMS = {
    "verdict": "Superior or inferior: the adjusted p is below alpha. Equivalent: the 1 \u2212 2 "
    "alpha interval lies inside the margin; judged per comparison, not corrected over the family. "
    "Equivalent on average: so for the mean over the blocks, but not for each of them. "
    "Non-inferior: not worse by more than the margin. Inconclusive: the "
    "data allow more than one of these. Cannot reject: inconclusive, and with so few pairs an "
    "exact test could never reject. Nothing to compare: every run of both arms diverged.",
    "seed": "What pairs the methods: scores with the same seed and block are compared with each "
    "other, never across.",
    "interval": "Confidence interval of the mean paired difference. The simultaneous one is wider: "
    "it holds for all comparisons of the family at once.",
    "adjusted p": "The p value after Holm's correction (or the declared one) over the family.",
    "pairing": "How many times more seeds the same certainty would cost without pairing.",
    "80 % power from": "The true difference that as many pairs with this spread would find in four "
    "of five repetitions, at the first step of the correction.",
}


def write_page(report: ScoresReport, folder: Path) -> Path:
    """Write index.html, figures/ and tables/; returns the page's path."""
    from markupsafe import Markup

    from analysis.results.io import write_atomically

    tables = all_tables(report)
    for table in tables.values():
        write_table(table, folder / "tables")
    plan, primary = report.plan, [d for d in report.decisions if d.primary]
    text = (
        environment(TEMPLATES)
        .get_template("scores.html.j2")
        .render(
            title=f"{plan.metric} against {plan.baseline}",
            question=f"Which methods differ from {plan.baseline} in {plan.metric}?",
            style=Markup(style_sheet()),
            facts=_facts(report),
            sentences=[d.sentence() for d in primary],
            spoken=[d.sentence() for d in report.decisions if not d.primary],
            tally=_tally(primary),
            terms=TERMS,
            tables=tables,
            groups={name: _grouped(t) for name, t in tables.items()},
            figures=_figures(report, folder),
            plan=_plan_facts(report),
            ranks=[
                *(ranks_sentence(entry) for entry in report.beside if entry["ranks"]),
                *report.asked,
            ],
            absent=_absent(report),
            notes=report.notes,
        )
    )
    path = folder / "index.html"
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8"))
    return path


def _figures(report: ScoresReport, folder: Path) -> dict[str, list[dict[str, Any]]]:
    from analysis.display.inline_svg import shown
    from analysis.figures.drawing import style
    from analysis.results.io import write_csv
    from analysis.standalone import figures

    style.use()
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    made: dict[str, list[dict[str, Any]]] = {"decisions": [], "pairs": [], "profiles": []}
    pictures = []
    for number, part in enumerate(report.table.parts, 1):
        own = [d for d in report.decisions if d.task == part]
        drawn = [figures.forest(own, part), figures.pairs(own, part)]
        entries = (e["profiles"] for e in report.beside if e["part"] == part and e["profiles"])
        drawn += [figures.profiles(entry, report.plan, part) for entry in entries]
        for picture in drawn:
            if picture is not None:
                if len(report.table.parts) > 1:
                    picture.name += f"-{number}"
                pictures.append(picture)
    order = list(made)
    for number, p in enumerate(sorted(pictures, key=lambda p: order.index(p.section)), 1):
        files = style.save(p.figure, folder / "figures", p.name) | {"csv": f"{p.name}.csv"}
        write_csv(folder / "figures" / files["csv"], p.numbers)
        svg = (folder / "figures" / files["svg"]).read_text(encoding="utf-8")
        entry = {"name": p.name, "number": number, "title": p.title, "caption": p.caption}
        entry |= shown(svg, p.alt, f"f{number}")
        entry["links"] = {kind: f"figures/{name}" for kind, name in files.items()}
        made[p.section].append(entry)
    return made


def _facts(report: ScoresReport) -> list[tuple[str, str]]:
    table = report.table
    sizes = [
        (len(table.rows), "score"),
        (len(table.methods), "method"),
        (len(table.blocks), "block"),
    ]
    sizes += [(len(table.seeds), "seed")] if table.by_seed else []
    return [(f"{n:,}", plural(n, noun)) for n, noun in sizes]


def _tally(primary: list[Decision]) -> str:
    counts: dict[str, int] = {}
    for d in primary:
        verdict = verdict_of(d)
        counts[verdict] = counts.get(verdict, 0) + 1
    told = formatting.listing([f"{formatting.small(n)} {verdict}" for verdict, n in counts.items()])
    return f"{formatting.sentence_case(formatting.count(len(primary), 'pooled decision'))}: {told}."


def _plan_facts(report: ScoresReport) -> list[tuple[str, str]]:
    plan, primary = report.plan, [d for d in report.decisions if d.primary]
    d = primary[0]
    needed = smallest_seeds_for_holm(d.family_size, plan.alpha)
    margin = (
        f"{formatting.PLUS_MINUS}{plan.margin:g}" if plan.margin is not None else "none declared"
    )
    fell = "no such row" if plan.diverged is None else f"counts as {plan.diverged:g}"
    return [
        ("baseline", plan.baseline),
        ("metric", f"{plan.metric}, {'higher' if plan.higher_is_better else 'lower'} is better"),
        ("estimand", plan.estimand.replace("_", " ") + f" (unit of the tests: {d.paired_by})"),
        ("family", f"{formatting.count(d.family_size, 'pooled decision')}, {plan.correction}"),
        ("alpha", f"{plan.alpha:g}"),
        ("margin", margin),
        ("primary test", "paired t; exact sign-flip where a run diverged or all pairs agree"),
        ("pairs that an exact test of this family needs", str(needed)),
        ("a diverged row", fell),
        ("seed of random methods", str(report.seed)),
    ]


def ranks_sentence(entry: dict[str, Any]) -> str:
    """Mean ranks with the tests over blocks, in words."""
    found = entry["ranks"]
    order = sorted(found["mean_ranks"].items(), key=lambda item: item[1])
    shown = ", ".join(f"{name} {rank:.2f}" for name, rank in order)
    where = f" ({entry['part']})" if entry["part"] else ""
    test = f"Friedman over {found['blocks']} blocks"
    if found["p_from"] == "Iman-Davenport":
        test += f", Iman-Davenport {formatting.p_equation(found['p'])}"
    if found["p_permutation"] is not None:
        test += f", permutation {formatting.p_equation(found['p_permutation'])}"
    text = f"Mean ranks{where}: {shown}. {test}"
    # From two blocks, or where all rank alike, the F knows no smallest attainable p.
    if found["blocks"] > 2 and found["quade"]["F"] is not None:
        text += f"; Quade {formatting.p_equation(found['quade']['p'])}"
    text += "."
    if found["bars"]:
        text += f" Critical difference of mean ranks (Nemenyi): {found['critical_difference']:.2f}."
        own = found["against_baseline"]
        told = ", ".join(
            f"{row['method']} {formatting.p_equation(row['p_adjusted'])}" for row in own["methods"]
        )
        text += f" Against the baseline alone {own['critical_difference']:.2f} (Bonferroni-Dunn)"
        text += f"; by Holm: {told}." if len(own["methods"]) <= MOST_TOLD else "."
    if found["incomplete_blocks"]:
        text += f" Blocks without all methods: {', '.join(found['incomplete_blocks'])}."
    return text


def _absent(report: ScoresReport) -> list[str]:
    names = {
        "ranks": "Ranks",
        "anova": "ANOVA",
        "aggregates": "Aggregates",
        "profiles": "Profiles",
        "mixed": "Mixed model",
    }
    return [
        f"{names[name]}{' (' + entry['part'] + ')' if entry['part'] else ''}: {reason}."
        for entry in report.beside
        for name, reason in entry["absent"].items()
    ]


def _grouped(table: Table) -> list[list[list[str]]]:
    return [table.rows] if table.rows else []
