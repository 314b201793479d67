"""``afn-study COMMAND``: everything that is done with a study, from a new folder to its report.

init      make a folder for a study of your own
new       write a norm, backbone, task, recipe, figure, table, ... of your own, with its test
report    run the study of the present folder; ends with the report's path
partial   report on what exists so far
rerun     train the runs of --where again, and renew the report
plan      what will be run and decided, what the plan can find, what exists
status    the grid as a matrix, with the time that is left
verify    whether every result, and all that was made from them, is whole and of this study
calibrate, runs, drop, codes, schema    as of `python -m afn.study`

Behind COMMAND stand the study file (default: config.yaml) and options; COMMAND --help lists them.
The commands are those of `python -m afn.study`, of Snakemake and of `make`; none needs a checkout.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys

from afn import __version__
from afn.command import unchanged
from afn.common.errors import StudyError, nearest

OF_FOLDERS = {"init": "afn.command.init", "new": "afn.command.new"}
"""Modules with ``add_arguments(parser)`` and ``main(options)``."""
OF_RUNS = {"report": [], "partial": ["--partial"], "rerun": ["--rerun"]}
"""Command -> options of the driver."""
OF_STUDIES = ("plan", "calibrate", "status", "verify", "runs", "drop", "codes", "schema")
COMMANDS = (*OF_FOLDERS, *OF_RUNS, *OF_STUDIES)
USAGE = 2


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    first = given[0] if given else "--help"
    if first in ("-h", "--help"):
        print(__doc__.replace("``", ""))
        return 0
    if first == "--version":
        print(f"afn-study {__version__}")
        return 0
    if first not in COMMANDS:
        print(f"error: no command {first!r}; {nearest(first, COMMANDS)}", file=sys.stderr)
        return USAGE
    # Modules of the user's own lie in the folder of the study, which a script has not on its path.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return _run(first, given[1:])
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] in ("afn", "analysis"):
            raise
        print(
            f"error: {error.name} is not installed: the layers alone need little, a study needs\n"
            "  pip install 'afn-study[all]'",
            file=sys.stderr,
        )
        return USAGE


def _run(command: str, rest: list[str]) -> int:
    if command in OF_FOLDERS:
        module = importlib.import_module(OF_FOLDERS[command])
        parser = argparse.ArgumentParser(
            prog=f"afn-study {command}",
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(parser)
        return module.main(parser.parse_args(rest))
    if command in OF_RUNS:
        study = ["--study", rest.pop(0)] if rest and not rest[0].startswith("-") else []
        given = [*OF_RUNS[command], *study, *rest]
        if page := unchanged.page_of(given):
            print(unchanged.told(page))
            return 0
        from afn.command import driver

        return driver.main(given, prog=f"afn-study {command}")
    from afn.study.__main__ import main as of_study

    code = of_study([command, *rest])
    if command == "plan" and code == 0 and not {"-h", "--help"} & set(rest):
        # What waves can be expected to find is a matter of the analysis, which this room never
        # imports.
        studies = [word for word in rest[:1] if not word.startswith("-")] or ["config.yaml"]
        expected = [sys.executable, "-m", "analysis", "expected", *studies]
        code = subprocess.run(expected, check=False).returncode
    return code


if __name__ == "__main__":
    sys.exit(main())
