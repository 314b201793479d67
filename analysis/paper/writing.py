"""``python -m analysis paper``: a paper from a study, with figures, tables and references.

In: what the report is made from. Out, in one folder: ``figures/`` (3.25 and 6.75 inches),
``tables/*.tex``, ``methods``, ``results``, ``numbers`` and ``checklist`` as LaTeX and Markdown,
``references.bib``, ``paper.tex``, ``paper.pdf`` where TeX is installed, and ``index.json`` with the
hashes of all of them, written last. Decisions are computed again first, as for the report.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from analysis.decisions.decide import confirm
from analysis.decisions.waves.looks import complete
from analysis.inputs import Inputs, add_inputs, load, made_from
from analysis.paper import compiling, document, figures
from analysis.report import looks
from analysis.results.correct import Correct
from analysis.results.io import write_atomically, write_list


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_inputs(parser)
    parser.add_argument("--correct", help="correct.npz, if the decisions were made from it")
    parser.add_argument("--no-pdf", action="store_true", help="do not compile paper.tex")
    parser.add_argument("-o", "--output", required=True, help="folder for the paper")


def main(args: argparse.Namespace) -> None:
    """Write the paper; prints its path, and what LaTeX complained of."""
    inputs, folder = load(args), Path(args.output)
    correct = Correct(args.correct) if args.correct else None
    taken = complete(inputs.study, Path(args.results).parent)
    confirm(inputs.results, inputs.study, args.decisions, correct, taken)
    every = looks.read(looks.file_of(Path(args.results).parent)) if inputs.looks is None else []
    broken = looks.broken(every, inputs)
    for line in write(inputs, folder, made_from(args), pdf=not args.no_pdf, broken=broken):
        print(line)


def write(
    inputs: Inputs,
    folder: Path,
    inputs_of: dict[str, str] | None = None,
    *,
    pdf: bool = True,
    broken: str = "",
) -> list[str]:
    """Write all files; returns lines for the user, the path last.

    ``broken`` is what holds after seeds were added to a plan that had been decided.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # What an earlier call wrote would stand beside this one's numbers.
    for name in ("index.json", "paper.pdf"):
        (folder / name).unlink(missing_ok=True)
    for path in (folder / "tables").glob("*.tex"):
        path.unlink()
    made, missing = figures.write(inputs, folder / document.FIGURES)
    names = [f"{document.FIGURES}/{name}" for entry in made for name in entry["files"].values()]
    for name, text in document.files(inputs, made, broken).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / name, _writer(text))
        names.append(name)
    told, shown = [], "paper.tex"
    if pdf and compiling.can_compile():
        told = compiling.compile_paper(folder)
        names.append("paper.pdf")
        shown = "paper.pdf"
    elif pdf:
        told = [f"paper.tex is not compiled: {' and '.join(compiling.PROGRAMS)} are not installed"]
    index = {"schema": 1, "made_from": inputs_of or {}, "made": made, "missing": missing}
    write_list(folder / "index.json", index, names)
    return [*told, str(folder / shown)]


def _writer(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text, encoding="utf-8")
