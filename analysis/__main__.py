"""``python -m analysis COMMAND``: every step from results to report, each also by hand.

A command is a module with ``add_arguments(parser)`` and ``main(args)``; only the one that is asked
for is imported. A mistake of the user is told in one message, with exit code 2.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from afn.study.errors import StudyError
from afn.study.process import die_with_parent

COMMANDS = {
    "collect": "gather the results of a study's runs into tables",
    "decide": "decide every contrast, trend and factorial that a study declares",
    "figures": "draw the figures",
    "tables": "write the tables as CSV and LaTeX",
    "report": "write the page",
    "partial": "all of these on the runs that exist by now",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="python -m analysis", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = next((word for word in argv if not word.startswith("-")), None)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == asked:
            module = importlib.import_module(f"analysis.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.main)
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main())
