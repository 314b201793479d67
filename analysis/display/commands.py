"""The commands that a reader is told to type: they name the study file where it is not the usual.

In: the study file's path as the caller typed it. Out: lines for a shell. Called by the page and by
the message about runs that cannot be used.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import PurePath

USUAL = "config.yaml"


def add_study_file(parser: argparse.ArgumentParser) -> None:
    """The argument of every command that tells others."""
    parser.add_argument(
        "--study-file",
        metavar="PATH",
        default=USUAL,
        help="the study file that printed commands name (default: %(default)s)",
    )


def make_rerun(where: str, study_file: str = USUAL) -> str:
    """Train the runs that an expression selects again, and renew the report.

    >>> make_rerun("seed == 3")
    'make rerun WHERE="seed == 3"'
    >>> make_rerun("seed == 3", "studies/mine.yaml")
    'make rerun STUDY=studies/mine.yaml WHERE="seed == 3"'
    """
    return f'{make("rerun", study_file)} WHERE="{where}"'


def make(target: str, study_file: str = USUAL) -> str:
    """A target of make for a study.

    >>> make("report", "studies/mine.yaml")
    'make report STUDY=studies/mine.yaml'
    """
    return f"make {target}" + ("" if _usual(study_file) else f" STUDY={shlex.quote(study_file)}")


def snakemake(study_file: str = USUAL) -> str:
    """Bring the whole study up to date with Snakemake alone.

    >>> snakemake("studies/mine.yaml")
    'snakemake --configfile studies/mine.yaml'
    """
    return "snakemake" + ("" if _usual(study_file) else f" --configfile {shlex.quote(study_file)}")


def _usual(path: str) -> bool:
    return PurePath(path) == PurePath(USUAL)
