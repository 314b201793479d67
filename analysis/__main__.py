"""``python -m analysis COMMAND``: every step from results to report, each also by hand.

``python -m analysis SCORES.csv --baseline NAME --metric NAME -o FOLDER`` decides any table of
scores without a study (``python -m analysis SCORES.csv --help``).

A command is a module with ``add_arguments(parser)`` and ``main(args)``; only the one that is asked
for is imported. A mistake of the user is told in one message, with exit code 2.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from afn.common.errors import StudyError, nearest
from afn.common.process import die_with_parent

COMMANDS = {
    "collect": ("analysis.results.collect", "gather the results of a study's runs into tables"),
    "look": ("analysis.decisions.waves.looking", "look at a study in waves when one is over"),
    "expected": (
        "analysis.decisions.waves.expected",
        "what a study in waves can be expected to find and to cost",
    ),
    "decide": (
        "analysis.decisions.decide",
        "decide every contrast, trend and factorial that a study declares",
    ),
    "figures": ("analysis.figures.making", "draw the figures"),
    "tables": ("analysis.tables.writing", "write the tables as CSV and LaTeX"),
    "report": ("analysis.report.page", "write the page"),
    "compare-results": (
        "analysis.across.two_results",
        "two results folders of one study side by side: which verdicts differ",
    ),
    "paper": ("analysis.paper.writing", "write a paper: figures, tables, paragraphs, references"),
    "index": ("analysis.across.index", "write a page over all reports of a folder"),
    "supplement": (
        "analysis.paper.archive.supplement",
        "put all of a study's files into one archive",
    ),
    "partial": ("analysis.report.partial", "progress and estimates of an incomplete study"),
}
"""Command -> the module that does it, and its line of help."""


def main(argv: list[str] | None = None) -> int:
    """Run one command; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    first = argv[0] if argv else "--help"
    # A table comes first, or behind its options; ``-`` is one that is piped in.
    if first not in COMMANDS and first not in ("-h", "--help"):
        return run_scores(argv)
    parser = argparse.ArgumentParser(prog="python -m analysis", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == first:
            step = importlib.import_module(module)
            step.add_arguments(command)
            command.set_defaults(run=step.main)
    return attempt(parser.parse_args(argv or ["--help"]))


def run_scores(argv: list[str]) -> int:
    """``python -m analysis SCORES.csv ...``: decide a table of scores without a study."""
    from analysis.standalone import cli

    piped = argv[0].startswith("-")
    if not piped and not Path(argv[0]).suffix and not Path(argv[0]).exists():
        print(f"error: no command {argv[0]!r}; {nearest(argv[0], COMMANDS)}", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(prog="python -m analysis", description=cli.__doc__)
    cli.add_arguments(parser)
    parser.set_defaults(run=cli.main)
    return attempt(parser.parse_args(argv))


def attempt(args: argparse.Namespace) -> int:
    """Run what was asked for; a mistake of the user is one message and exit code 2."""
    try:
        args.run(args)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main())
