"""Where everything of a study lies; the only place that knows these paths.

Called by the workflow, by the command line of `afn.study`, and by the analysis.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from afn.common.errors import StudyError
from afn.study.grid.cells import Run

PREPARED = Path("data/prepared")
RAW = Path("data/raw")


@dataclass(frozen=True)
class StudyFolders:
    """The folders of one study, relative to the repository's top level."""

    study: str

    @property
    def results(self) -> Path:
        return Path("results") / self.study

    @property
    def runs(self) -> Path:
        return self.results / "runs"

    @property
    def trials(self) -> Path:
        """What the trials of searches gave; laid out as ``runs``."""
        return self.results / "search" / "runs"

    @property
    def store(self) -> Path:
        """Private: checkpoints, and finished results from which lost outputs are made again."""
        return self.results / ".store"

    @property
    def ledger(self) -> Path:
        """Private: what every training process did, a line per event."""
        return self.results / ".ledger"

    @property
    def codes(self) -> Path:
        """Private: ``<fingerprint>.json``, the digest of every module that a fingerprint covers."""
        return self.results / ".codes"

    def given(self, text: str) -> Path:
        """Private: where a rule finds a long text that it is given, named by its content."""
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self.results / ".given" / f"{digest}.json"

    @property
    def logs(self) -> Path:
        return Path("logs") / self.study

    @property
    def reports(self) -> Path:
        return Path("reports") / self.study

    def forget(self, runs: list[Run]) -> None:
        """Delete the private copies of some runs, so that they are trained and not re-emitted.

        Raises
        ------
        StudyError
            If something is there that cannot be deleted.
        """
        for run in runs:
            try:
                shutil.rmtree(self.store / run.path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StudyError(f"{error.filename}: cannot be deleted: {error.strerror}") from None

    def result(self, run: Run) -> Path:
        return self.runs / run.path / "result.json"

    def result_paths(self, runs: Iterable[Run]) -> list[str]:
        """The same for many runs as text: the workflow reads ten thousand at every start."""
        folder = str(self.runs)
        return [f"{folder}/{run.path}/result.json" for run in runs]
