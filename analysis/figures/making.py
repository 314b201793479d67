"""Makes every figure and writes the list that the report reads: ``python -m analysis figures``."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from afn.common.errors import StudyError
from analysis import added
from analysis.figures import (
    batch_size,
    conditions,
    confound,
    domains,
    forest,
    pairs,
    published,
    severity,
    waves,
)
from analysis.figures.ablations import grids, option_levels, trends
from analysis.figures.drawing import style
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.search import trials
from analysis.figures.training import cost, curves, samples, scalars
from analysis.inputs import Inputs, add_inputs, load, made_from
from analysis.results.io import write_atomically, write_list

FAMILIES = (
    forest,
    confound,
    batch_size,
    severity,
    conditions,
    domains,
    published,
    pairs,
    waves,
    option_levels,
    trends,
    grids,
    trials,
    curves,
    scalars,
    cost,
    samples,
)
"""Every family of figures, in the order of the page."""
KINDS = (".csv", ".pdf", ".png", ".svg")
"""Endings of the files of a figure."""


def all_pictures(inputs: Inputs, width: float = style.USUAL) -> Iterator[Picture | Missing]:
    """Draw one family after the other, ``width`` inches wide."""
    style.use((cell.norm for cell in inputs.study.cells()), width)
    for family in FAMILIES:
        yield from family.pictures(inputs)
    yield from added.pictures(inputs, (Picture, Missing))


def make_all(inputs: Inputs, folder: Path, made_from: dict[str, str] | None = None) -> dict:
    """Draw and save all figures and write ``index.json``, last and atomically.

    ``made_from`` has the hashes of the files behind ``inputs``, which the index keeps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index: dict = {"schema": 1, "made": [], "missing": [], "tasks": inputs.prepared}
    index["made_from"] = made_from or {}
    for item in all_pictures(inputs):
        if isinstance(item, Missing):
            index["missing"].append({"name": item.name, "reason": item.reason})
            continue
        if item.name in {made["name"] for made in index["made"]}:
            raise StudyError(f"two figures are named {item.name!r}: one would replace the other")
        width = round(float(item.figure.get_figwidth()), 2)
        entry: dict[str, Any] = {"name": item.name, "section": item.section, "title": item.title}
        entry |= {"caption": item.caption, "alt": item.alt, "width": width, "folded": item.folded}
        files = style.save(item.figure, folder, item.name)
        files["csv"] = f"{item.name}.csv"
        write_atomically(folder / files["csv"], partial(item.numbers.to_csv, index=False))
        index["made"].append(entry | {"files": files})
    every = {name for made in index["made"] for name in made["files"].values()}
    _remove_others(folder, every)
    return write_list(folder / "index.json", index, every)


def _remove_others(folder: Path, names: set[str]) -> None:
    """Remove figures that an earlier study file, or earlier code, asked for and this one does not.

    Their list is gone by now, for Snakemake takes away what a rule is going to write. So what
    counts as a figure of ours is a name that has a file of every kind; a picture that somebody put
    here stays.
    """
    for table in folder.glob("*.csv"):
        figure = [table.with_suffix(kind) for kind in KINDS]
        if table.name not in names and all(path.exists() for path in figure):
            for path in figure:
                path.unlink()


def sort_by_section(index: dict, folder: Path, to: Path) -> None:
    """Put the SVG files into a folder per section of the page, as links where the disk has them."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    for made in index["made"]:
        name = made["files"]["svg"]
        place = to / made["section"] / name
        place.parent.mkdir(exist_ok=True)
        try:
            os.link(folder / name, place)
        except OSError:  # a disk without hard links
            shutil.copyfile(folder / name, place)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_inputs(parser)
    parser.add_argument("-o", "--output", required=True, help="folder for the figures")
    parser.add_argument("--by-section", help="folder for the SVG files of every section once more")


def main(args: argparse.Namespace) -> None:
    """Make all figures; prints the folder."""
    index = make_all(load(args), Path(args.output), made_from(args))
    if args.by_section:
        sort_by_section(index, Path(args.output), Path(args.by_section))
    print(f"{len(index['made'])} figures in {args.output}")
