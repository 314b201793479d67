"""Compile the paper where TeX is installed, and say what sticks out.

In: the folder with ``paper.tex``. Out: ``paper.pdf`` beside it, and what LaTeX complained of. Works
in a folder of its own, so that none of its many files stays. Called by the command.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from afn.common.errors import StudyError
from analysis.results.io import write_atomically

PROGRAMS = ("pdflatex", "bibtex")
_TOLD = re.compile(r"^(?:Overfull \\hbox.*|Overfull \\vbox.*|.*Float too large.*)$", re.MULTILINE)
_MISSING = re.compile(r"^.*Warning: (?:Citation|Reference) .* undefined.*$", re.MULTILINE)


def can_compile() -> bool:
    """Is TeX here?"""
    return all(shutil.which(program) for program in PROGRAMS)


def compile_paper(folder: Path) -> list[str]:
    """Make ``paper.pdf``; returns LaTeX's complaints about width, height and references.

    Raises
    ------
    StudyError
        Where LaTeX stops at an error; its message is told.
    """
    with tempfile.TemporaryDirectory() as place:
        work = Path(place, "paper")
        shutil.copytree(folder, work)
        for command in (["pdflatex"], ["bibtex"], ["pdflatex"], ["pdflatex"]):
            options = ["-interaction=nonstopmode", "-halt-on-error"] * (command[0] == "pdflatex")
            done = subprocess.run(
                [*command, *options, "paper"], cwd=work, capture_output=True, check=False
            )
            if done.returncode:
                told = done.stdout.decode(errors="replace")
                wrong = re.findall(r"^(?:!.*|l\.\d+.*|.*error message.*)$", told, re.MULTILINE)
                raise StudyError(f"{command[0]} stopped: {' '.join(wrong) or told[-400:]}")
        log = (work / "paper.log").read_text(encoding="latin-1")
        pdf = (work / "paper.pdf").read_bytes()
    write_atomically(folder / "paper.pdf", lambda path: path.write_bytes(pdf))
    return [*_TOLD.findall(log), *_MISSING.findall(log)]
