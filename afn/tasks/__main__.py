"""``python -m afn.tasks prepare NAME -o FOLDER``: make a task's arrays once, for every run."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

from afn.study.catalogue import entry
from afn.study.errors import StudyError
from afn.study.process import die_with_parent
from afn.tasks import REGISTRY
from afn.tasks.writer import write


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m afn.tasks",
        description="Turn a task into plain arrays: FOLDER/<key>.npy and FOLDER/manifest.json.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="write the arrays of one task")
    prepare.add_argument(
        "name", help=f"a registered task ({', '.join(sorted(REGISTRY))}) or package.module:Class"
    )
    prepare.add_argument("--options", default="{}", help="the task's options, a JSON object")
    prepare.add_argument("--data-dir", type=Path, help="where the user's data files are")
    prepare.add_argument("--fingerprint", default="", help="hash of the code, for the manifest")
    prepare.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
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


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    try:
        try:
            options = json.loads(given.options)
        except json.JSONDecodeError as error:
            raise StudyError(f"--options is not JSON: {error}") from None
        if not isinstance(options, dict):
            raise StudyError("--options is not a JSON object")
        task, resolved = make(given.name, options)
        require(task, given.name, given.data_dir)
        prepared = task.prepare(given.data_dir)
        print(write(given.output, given.name, resolved, task, prepared, given.fingerprint))
    except StudyError as error:
        print(f"afn.tasks: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main())
