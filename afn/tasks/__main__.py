"""Make a task's arrays once, for every run; or a picture of its test conditions.

``python -m afn.tasks prepare NAME -o FOLDER`` writes the arrays;
``python -m afn.tasks picture NAME -o FILE.png`` draws what ``--prepared FOLDER`` holds, and without
that prepares into a temporary folder first.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path

from afn.common.errors import StudyError
from afn.common.process import die_with_parent
from afn.study.parts.catalogue import entry
from afn.tasks import REGISTRY
from afn.tasks.data.writer import write


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m afn.tasks",
        description="Turn a task into plain arrays: FOLDER/<key>.npy and FOLDER/manifest.json.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="write the arrays of one task")
    picture = commands.add_parser("picture", help="draw test images under every condition")
    for command in (prepare, picture):
        command.add_argument(
            "name",
            help=f"a registered task ({', '.join(sorted(REGISTRY))}) or package.module:Class",
        )
        command.add_argument("--options", default="{}", help="the task's options, a JSON object")
        command.add_argument("--data-dir", type=Path, help="where the user's data files are")
    prepare.add_argument("--fingerprint", default="", help="hash of the code, for the manifest")
    prepare.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    picture.add_argument("--prepared", type=Path, metavar="FOLDER", help="draw these arrays")
    picture.add_argument("--images", type=int, default=1, help="images per condition")
    picture.add_argument("--zoom", type=int, default=2, help="enlargement, without smoothing")
    picture.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.png")
    return parser


def make(name: str, options: dict) -> tuple[object, dict]:
    """Return the task ``name`` and all its options, defaults included."""
    found = entry("task", name)
    resolved = {**found.defaults, **{k: found.check(k, v) for k, v in options.items()}}
    attribute = REGISTRY.get(name, name).partition(":")[2]
    return getattr(importlib.import_module(found.module), attribute)(**resolved), resolved


def require(task: object, name: str, data_dir: Path | None) -> None:
    """Raise StudyError unless the data folder holds what the task expects there."""
    expected = tuple(getattr(task, "expected_files", ()))
    if not expected:
        return
    listed = ", ".join(expected)
    if data_dir is None:
        raise StudyError(f"task {name!r} needs --data-dir, a folder with: {listed}")
    if not data_dir.is_dir():
        raise StudyError(f"task {name!r}: there is no folder {data_dir}; expected with: {listed}")
    missing = [file for file in expected if not (data_dir / file).exists()]
    if missing:
        raise StudyError(
            f"task {name!r}: {data_dir} lacks {', '.join(missing)}; expected there: {listed}"
        )


def prepare(given: argparse.Namespace, folder: Path, fingerprint: str = "") -> Path:
    """Prepare what the command line names into ``folder``; return the manifest."""
    try:
        options = json.loads(given.options)
    except json.JSONDecodeError as error:
        raise StudyError(f"--options is not JSON: {error}") from None
    if not isinstance(options, dict):
        raise StudyError("--options is not a JSON object")
    task, resolved = make(given.name, options)
    require(task, given.name, given.data_dir)
    prepared = task.prepare(given.data_dir)  # type: ignore[attr-defined]
    return write(folder, given.name, resolved, task, prepared, fingerprint)


def draw(given: argparse.Namespace) -> Path:
    """Draw prepared arrays, or prepare into a temporary folder and draw these."""
    # Found by name, so that the drawing is no part of the code that makes the arrays.
    picture = importlib.import_module("afn.tasks.data.picture").picture
    sizes = {"images": given.images, "zoom": given.zoom}
    if given.prepared:
        return picture(given.prepared / "manifest.json", given.output, **sizes)
    with tempfile.TemporaryDirectory() as folder:
        return picture(prepare(given, Path(folder)), given.output, **sizes)


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    try:
        if given.command == "picture":
            print(draw(given))
        else:
            print(prepare(given, given.output, given.fingerprint))
    except StudyError as error:
        print(f"afn.tasks: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"afn.tasks: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main())
