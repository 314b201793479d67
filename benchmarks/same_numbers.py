"""Two folders of one study side by side: are all numbers the same?

``python -m benchmarks.same_numbers A B`` where A and B are checkouts (or copies) in which the same
study was run, or in which the same results were analysed, by two versions of the code. Compared
are decisions, ablations and searches, and every CSV of tables, figures and data, number by number;
times, fingerprints and what else may differ between two runs of the same code are left out
(`LEFT_OUT`). ``--renamed OLD=NEW`` states that a file or a column has another name in B.

Prints one line per file that differs and a summary; exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path

LEFT_OUT = {
    *("step_ms", "train_seconds", "seconds", "fingerprint", "made_from", "content", "seal"),
    *("study", "torch", "python", "numpy", "device", "processor", "head", "threads"),
}
"""Keys and columns that may differ between two runs of the same code."""

JSON = ("decisions.json", "ablations.json", "search.json")
HELD = ("decisions", "ablations", "searches")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.same_numbers", description=__doc__)
    parser.add_argument("before", type=Path, help="a folder with results/STUDY and reports/STUDY")
    parser.add_argument("after", type=Path, help="the other one")
    parser.add_argument("--study", required=True, help="name of the study")
    parser.add_argument("--renamed", action="append", default=[], metavar="OLD=NEW")
    parser.add_argument("--tolerance", type=float, default=0.0, help="relative; default: equal")
    options = parser.parse_args(argv)
    renamed = dict(pair.split("=", 1) for pair in options.renamed)
    compared, numbers, wrong = 0, 0, 0
    for one, other in pairs(options.before, options.after, options.study, renamed):
        compared += 1
        if not other.is_file():
            wrong += 1
            print(f"{one.name}: not in {options.after}")
            continue
        count, found = differences(one, other, renamed, options.tolerance)
        numbers += count
        for line in found[:3]:
            print(f"{one.name}: {line}")
        wrong += bool(found)
    if not compared:
        print(f"nothing of study {options.study!r} in {options.before}")
        return 1
    print(f"{compared} files, {numbers} values compared, {wrong} files differ")
    return int(bool(wrong))


def pairs(
    before: Path, after: Path, study: str, renamed: dict[str, str]
) -> Iterator[tuple[Path, Path]]:
    """Files of the first folder, each with its counterpart in the second."""
    results, reports = Path("results") / study, Path("reports") / study
    wanted = [results / name for name in JSON if (before / results / name).is_file()]
    for folder in ("tables", "figures", "data"):
        found = sorted((before / reports / folder).glob("*.csv"))
        wanted += [path.relative_to(before) for path in found]
    for path in wanted:
        yield before / path, after / path.with_name(renamed.get(path.name, path.name))


def differences(
    one: Path, other: Path, renamed: dict[str, str], tolerance: float
) -> tuple[int, list[str]]:
    """How many values of a file were compared, and which differ."""
    first, second = dict(values(one)), dict(values(other))
    found = []
    for place, value in first.items():
        there = tuple(renamed.get(key, key) if isinstance(key, str) else key for key in place)
        shown = "/".join(map(str, place))
        if there not in second:
            found.append(f"{shown}: only before ({value!r})")
        elif not same(value, second[there], tolerance):
            found.append(f"{shown}: {value!r} before, {second[there]!r} after")
    return len(first), found


def values(path: Path) -> Iterator[tuple[tuple, object]]:
    """Every value of a file with its place in it."""
    if path.suffix == ".json":
        value = json.loads(path.read_text(encoding="utf-8"))
        # Older ones hold the value alone, without the hashes of its content and inputs.
        held = [
            value[name]
            for name in HELD
            if isinstance(value, dict) and "content" in value and name in value
        ]
        yield from leaves((), held[0] if held else value)
        return
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            for column, text in row.items():
                if column not in LEFT_OUT:
                    yield (number, column), text


def leaves(place: tuple, value: object) -> Iterator[tuple[tuple, object]]:
    """The values of a document with their places; what `LEFT_OUT` names is passed over."""
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    if isinstance(value, dict | list):
        for key, inner in items:
            if key not in LEFT_OUT:
                yield from leaves((*place, key), inner)
    else:
        yield place, value


def same(one: object, other: object, tolerance: float) -> bool:
    """Equal, or numbers (also as text) that are close enough."""
    if one == other:
        return True
    try:
        return math.isclose(float(str(one)), float(str(other)), rel_tol=tolerance, abs_tol=0.0)
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main())
