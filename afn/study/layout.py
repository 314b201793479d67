"""Where everything of a study lies; the only place that knows these paths.

Called by the workflow, by the command line of `afn.study`, and by the analysis.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from afn.study.grid import Run

PREPARED = Path("data/prepared")
RAW = Path("data/raw")


@dataclass(frozen=True)
class Layout:
    """The folders of one study, relative to the repository's top level."""

    study: str

    @property
    def results(self) -> Path:
        return Path("results") / self.study

    @property
    def runs(self) -> Path:
        return self.results / "runs"

    @property
    def store(self) -> Path:
        """Private: checkpoints, and finished results from which lost outputs are made again."""
        return self.results / ".store"

    @property
    def ledger(self) -> Path:
        """Private: what every training process did, a line per event."""
        return self.results / ".ledger"

    @property
    def logs(self) -> Path:
        return Path("logs") / self.study

    @property
    def reports(self) -> Path:
        return Path("reports") / self.study

    def result(self, run: Run) -> Path:
        return self.runs / run.path / "result.json"
