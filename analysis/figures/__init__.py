"""Figures of a study, one module per family; ``python -m analysis figures`` makes all of them.

In: the tables and decision objects of a study. Out: each figure as PDF, SVG and PNG, and
``index.json`` with title, caption, alternative text and files, for the report. A figure whose data
the study lacks is left out with one line that says why.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from analysis.figures.inputs import add_inputs

    add_inputs(parser)
    parser.add_argument("-o", "--output", required=True, help="folder for the figures")


def main(args: argparse.Namespace) -> None:
    """Make all figures; prints the folder."""
    from pathlib import Path

    from analysis.figures.inputs import load
    from analysis.figures.making import make_all

    index = make_all(load(args), Path(args.output))
    print(f"{len(index['made'])} figures in {args.output}")
