"""The page: question, answer, tables, figures, caveats, plan and provenance in one HTML file.

In: study, results, decisions, ablations and the folder of figures. Out: one self-contained file
that asks nothing of the network; files beside it are linked. All text about results is made from
decision objects (`analysis.report.answer`); everything that comes from a study is escaped.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from afn.common import parsing
from afn.common.errors import StudyError
from afn.common.files import sha256_of
from afn.common.made_from import healing
from afn.study.state.made import with_content
from analysis import added
from analysis.decisions.decide import confirm
from analysis.decisions.waves.looks import complete
from analysis.display import formatting, glossary, naming
from analysis.display.commands import USUAL, add_study_file, make_rerun, snakemake
from analysis.display.table import Table
from analysis.display.templates import environment, style_sheet
from analysis.inputs import Inputs, add_inputs, load, made_from
from analysis.report import (
    answer,
    looks,
    placing,
    provenance,
    published,
    sizes,
    statistics_worth,
    trained,
    tuned_gain,
)
from analysis.report.browsing.parts import Folders, parts
from analysis.results.correct import Correct
from analysis.results.io import content_of, write_atomically
from analysis.tables import searches
from analysis.tables.writing import all_tables, scores_behind

TEMPLATES = Path(__file__).with_name("templates")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_inputs(parser)
    parser.add_argument("--figures", required=True, help="folder with figures and index.json")
    parser.add_argument("--tables", help="folder with tables and index.json")
    parser.add_argument("--logs", help="folder with the logs of the study's runs")
    parser.add_argument("--correct", help="correct.npz, if the decisions were made from it")
    parser.add_argument("-o", "--output", required=True, help="the page to write")
    add_study_file(parser)


def main(args: argparse.Namespace) -> None:
    """Write the page; prints its path."""
    inputs, output = load(args), Path(args.output)
    document = parsing.load(args.study)
    correct = Correct(args.correct) if args.correct else None
    taken = complete(inputs.study, Path(args.results).parent)
    confirm(inputs.results, inputs.study, args.decisions, correct, taken)
    figures, inputs_of = Path(args.figures), confirmed(args)
    looked, broken = _looked(args, inputs)
    runs, logs = Path(args.results).parent / "runs", args.logs and Path(args.logs)
    folders = Folders(runs, logs, inputs.data)
    given = (args.study_file, inputs_of, looked, broken, folders)
    text = with_content(page(inputs, document, figures, output, *given))
    write_atomically(output, lambda p: p.write_text(text, encoding="utf-8"))
    print(output)


def page(
    inputs: Inputs,
    document: dict[str, Any],
    figures: Path,
    output: Path,
    study_file: str = USUAL,
    inputs_of: dict[str, str] | None = None,
    looked: str = "",
    broken: str = "",
    folders: Folders | None = None,
) -> str:
    """The whole page as text.

    Parameters
    ----------
    document : dict
        The study as it was written, shown under provenance.
    figures : Path
        Folder with index.json and the SVG files, which are put into the page.
    output : Path
        Where the page will lie; links are relative to it.
    study_file : str
        The study file that printed commands name.
    inputs_of : dict, optional
        Name -> hash of the files that the page is made from, which it carries.
    looked : str
        How often results were looked at before they were complete; "" if never.
    broken : str
        What holds after seeds were added to a decided plan, said first; "" if none were.
    folders : Folders, optional
        Stored runs, logs and prepared data for the parts on cells.
    """
    from markupsafe import Markup

    shown = placing.figures(figures, output)
    tables = {table.name: table for table in all_tables(inputs)}
    browsed, differing = parts(inputs, folders or Folders(), study_file, output)
    tables |= {differing.name: differing} if differing else {}
    text = (
        environment(TEMPLATES)
        .get_template("report.html.j2")
        .render(
            study=inputs.study,
            title=inputs.study.title,
            inputs=inputs,
            sentence_case=formatting.sentence_case,
            terms=_terms(inputs),
            style=Markup(style_sheet()),
            **_script(),
            sentences=[*([broken] if broken else []), *answer.sentences(inputs)],
            after=answer.after(inputs),
            changed=tuned_gain.sentences(inputs),
            looked=looked,
            **browsed,
            **_how_to_read(inputs),
            figures=shown["sections"],
            lacking=shown["missing"],
            tables=tables,
            tuned=searches.summary(inputs.searches),
            deviations=published.deviations(inputs, shown["tasks"]),
            repeated=published.answer(inputs),
            unrepeated=published.unmatched(inputs),
            behind=sorted(scores_behind(inputs)),
            groups=_groups(tables),
            gloss=_glossary(_terms(inputs)),
            spoken=_spoken(inputs),
            notes=_notes(inputs),
            added=added.sections(inputs),
            adding=added.sources(inputs),
            rerun=_rerun(inputs, study_file),
            **_origin(inputs, document, shown["tasks"]),
            made_from=json.dumps(inputs_of or {}, sort_keys=True),
        )
    )
    placing.check_whole(text, shown["sections"], tables)
    return text


def _script() -> dict[str, str]:
    """The script of the page, and the hash by which it is allowed to run."""
    from markupsafe import Markup

    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"script": Markup(script), "script_hash": digest}


def _origin(inputs: Inputs, document: dict[str, Any], tasks: Any) -> dict[str, Any]:
    """Where the numbers come from: the last part of the page."""
    return {
        "runs": provenance.run_matrix(inputs),
        "states": provenance.STATES,
        "collapsed": provenance.collapsed(inputs),
        "facts": sizes.facts(inputs),
        "plan": provenance.plan_facts(inputs),
        "caveats": provenance.caveats(inputs, tasks),
        "power": provenance.power(inputs),
        "mixed": statistics_worth.without_choice(inputs, answer.of_subject(inputs)),
        "fixed": {part: trained.fixed_settings(inputs, part) for part in ("recipe", "task")},
        "builds": provenance.builds(inputs),
        "fingerprints": provenance.fingerprints(inputs),
        "source": _yaml(document),
    }


def _looked(args: argparse.Namespace, inputs: Inputs) -> tuple[str, str]:
    """Note this look, and say how many there were before the last run and before more seeds."""
    noted, declared = looks.file_of(Path(args.results).parent), provenance.declared(inputs)
    content = content_of(inputs.results)
    runs, seeds = len(provenance.runs_of(inputs)), len(inputs.study.seeds)
    looks.note(noted, "report", runs, declared, content, seeds)
    if inputs.looks is not None:
        return "", ""  # the looks of waves are planned, and decide by boundaries of their own
    every = looks.read(noted)
    return looks.sentence(every, declared), looks.broken(every, inputs)


def confirmed(args: argparse.Namespace) -> dict[str, str]:
    """The hashes of all that a page is made from.

    Raises
    ------
    StudyError
        Where the figures or the tables were drawn from other files than those that are given.
    """
    given = made_from(args)
    lists = [Path(args.figures, "index.json")]
    lists += [Path(args.tables, "index.json")] if args.tables else []
    for path in lists:
        try:
            drawn = parsing.load(path)["made_from"]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise StudyError(
                f"{path}: not a list of what was made ({error}); {healing(path)}"
            ) from None
        other = [name for name in given if drawn.get(name, given[name]) != given[name]]
        if other:
            raise StudyError(f"{path}: made from another {' and '.join(other)}; {healing(path)}")
    return given | {f"{path.parent.name}/index.json": sha256_of(path) for path in lists}


def _groups(tables: dict[str, Table]) -> dict[str, list[list[list[str]]]]:
    """Rows of each table in the groups between its breaks."""
    found = {}
    for name, table in tables.items():
        starts = sorted({0, *table.breaks})
        ends = [*starts[1:], len(table.rows)]
        found[name] = [table.rows[a:b] for a, b in zip(starts, ends, strict=True) if b > a]
    return found


def _spoken(inputs: Inputs) -> dict[str, list[str]]:
    """Every decision in words, with the recipe wherever the study has several."""
    found: dict[str, list[str]] = {"primary": [], "other": []}
    for d in inputs.shown:
        parts = (inputs.task_name(d.task), inputs.recipe_name(d.recipe))
        place = ", ".join(filter(None, parts))
        found["primary" if d.primary else "other"].append(d.sentence(place))
    return found


def _notes(inputs: Inputs) -> list[str]:
    """Treatments that a reader has to see, each said once."""
    found: dict[str, dict[str, list[str]]] = {}
    for d in inputs.decisions:
        if d.primary:
            where = inputs.comparison(d) + inputs.on(d.task)
            for note in d.notes:
                places = found.setdefault(note, {}).setdefault(where, [])
                places.append(naming.outcome(d.outcome))
    notes = [
        f"{'; '.join(f'{where}, {formatting.listing(on)}' for where, on in places.items())}: {note}"
        for note, places in found.items()
    ]
    return list(dict.fromkeys([*notes, *(inputs.ablations.get("notes") or [])]))


def _how_to_read(inputs: Inputs) -> dict[str, Any]:
    """What arms share, and the terms, methods and options that this study needs, explained."""
    skip = set() if len(inputs.protocols) > 1 else {"protocol"}
    how = [(term, text) for term, text in _terms(inputs).items() if term not in skip]
    alike = trained.one_change(inputs)
    return {"how": how, "methods": glossary.methods(inputs.study), "alike": alike}


def _terms(inputs: Inputs) -> dict[str, str]:
    """What the page explains."""
    return glossary.terms(inputs.study.plan.alpha, waves=inputs.looks is not None)


def _glossary(explained: dict[str, str]) -> Any:
    """A filter that turns the first mention of each term on the page into a tooltip."""
    from markupsafe import Markup, escape

    terms = sorted(explained, key=len, reverse=True)
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, terms))})(s?)\b")

    seen: set[str] = set()

    def gloss(text: str) -> Markup:
        def mark(match: re.Match) -> str:
            term = match[1]
            if term in seen:
                return match[0]
            seen.add(term)
            tip = escape(explained[term])
            return f'<span class="term" tabindex="0" data-tip="{tip}">{match[0]}</span>'

        # Numbers stay on one line with what they belong to.
        whole = re.sub(r" (?=%)|(?<=\b[pn]) (?=[=<>])|(?<=[=<>]) (?=\d)", "\u00a0", text)
        return Markup(pattern.sub(mark, str(escape(whole))))

    return gloss


def _yaml(document: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=96)


def _rerun(inputs: Inputs, study_file: str) -> dict[str, str]:
    """Commands that train one run of this study again."""
    cells = inputs.main_cells or inputs.study.cells()
    family = answer.family_of(inputs)
    wanted = family[0].arms[0].norm if family else cells[0].norm
    cell = next((c for c in reversed(cells) if c.norm == wanted), cells[0])
    seeds = inputs.study.seeds_of(cell)
    seed = seeds[min(3, len(seeds) - 1)]
    alike = [c for c in inputs.study.cells() if (c.backbone, c.norm) == (cell.backbone, cell.norm)]
    named = [
        part
        for part in ("task", "backbone", "norm", "recipe")
        if part in ("backbone", "norm") or len({getattr(c, part) for c in alike}) > 1
    ]
    where = " and ".join([f"{part} == {getattr(cell, part)!r}" for part in named])
    where += f" and seed == {seed}"
    return {
        "make": make_rerun(where, study_file),
        "snakemake": snakemake(study_file),
        "path": f"results/{inputs.study.name}/runs/{cell.path}/seed{seed}/result.json",
        "arm": inputs.label(cell.norm, cell.recipe),
        "backbone": cell.backbone,
        "seed": str(seed),
    }
