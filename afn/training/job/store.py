"""The private store of a run: what survives when the workflow removes a job's outputs.

Layout: ``STORE/<task>/<backbone>/<norm>/<recipe>/seed<k>/`` with ``finished/`` (the result and its
files), the checkpoints and the lease; ``until<n>/`` is a result of a run that stopped after epoch n
by intention. No other step reads it. A finished run whose outputs are gone is put back from here
without training.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from afn.common import files, run_folder
from afn.common.canonical import canonical_json
from afn.common.errors import StudyError
from afn.common.run_folder import RESULT, Result


@dataclass(frozen=True)
class RunName:
    """A run by the names of its parts, as in the path of its result."""

    task: str
    backbone: str
    norm: str
    recipe: str
    seed: int

    @classmethod
    def of(cls, output: Path) -> RunName:
        """Read the name from ``.../<task>/<backbone>/<norm>/<recipe>/seed<k>/result.json``.

        Raises
        ------
        StudyError
            If the path has another form.
        """
        parts = Path(output).parts
        if len(parts) >= 6 and parts[-1] == RESULT and parts[-2].startswith("seed"):
            digits = parts[-2].removeprefix("seed")
            if digits.isdecimal():
                return cls(*parts[-6:-2], int(digits))  # type: ignore[arg-type, call-arg]
        raise StudyError(
            f"output {str(output)!r}: expected "
            ".../<task>/<backbone>/<norm>/<recipe>/seed<k>/result.json"
        )

    @property
    def cell(self) -> tuple[str, str, str, str]:
        return (self.task, self.backbone, self.norm, self.recipe)

    def __str__(self) -> str:
        return "/".join((*self.cell, f"seed{self.seed}"))


class Store:
    """The private folder of one run; ``until`` is the epoch after which it stops by intention."""

    def __init__(self, root: Path, run: RunName, until: int | None = None) -> None:
        self.folder = Path(root).joinpath(*run.cell, f"seed{run.seed}")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.kept = self.folder / ("finished" if until is None else f"until{until}")

    def finished(self, stamp: dict) -> Result | None:
        """The finished result if it is intact and was made under ``stamp``."""
        try:
            if json.loads((self.kept / "stamp.json").read_text()) != stamp:
                return None
        except (OSError, ValueError):
            return None
        found = run_folder.read(self.kept, statuses=("finished", "diverged", "stopped"))
        return found if isinstance(found, Result) else None

    def finish(self, stamp: dict, record: dict, sidecars: dict[str, bytes]) -> None:
        """Keep a result under ``stamp``."""
        shutil.rmtree(self.kept, ignore_errors=True)
        run_folder.write_result(self.kept, record, sidecars)
        files.write_text(self.kept / "stamp.json", canonical_json(stamp))
