"""Which steps of a study run now, and for how long; read from Snakemake's log while it grows.

In: the log that Snakemake writes. Out: words for the progress line. Training has its own counts
(`afn.study.state.progress`); what comes before and after it is named here, so that a line that says
"300/300 runs" for minutes also says why. Called by the driver behind ``make report``.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from afn.study.state.progress import format_seconds

WORDS = {
    "study": "writing down the study",
    "prepare": "preparing the data",
    "propose": "drawing trials",
    "promote": "promoting trials",
    "record": "recording trials",
    "finalists": "naming finalists",
    "choose": "choosing settings",
    "search": "listing the searches",
    "look": "looking",
    "collect": "gathering results",
    "decide": "deciding",
    "figures": "drawing figures",
    "tables": "writing tables",
    "report": "writing the page",
}
"""First word of a rule's name -> what it does."""
UNTOLD = ("all", "results", "cells", "train", "trial", "finalist")
"""Rules that only name targets, and those that the counts of runs and trials tell."""
_LINE = re.compile(
    r"^(?:local)?(?:rule|checkpoint) (?P<rule>\S+):|^Error in rule (?P<failed>\S+):"
    r"|^ +jobid: (?P<job>\d+)|^Finished jobid: (?P<done>\d+)"
)


@dataclass
class Steps:
    """The jobs that have begun and not ended, by the log so far; each line is read once."""

    log: Path
    _offset: int = 0
    _last: tuple[str, bool] | None = None
    _began: dict[str, tuple[str, float]] = field(default_factory=dict)

    def poll(self) -> None:
        """Read what was added; a half-written line waits."""
        try:
            with self.log.open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except OSError:
            return
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            self._read(line)

    def _read(self, line: str) -> None:
        found = _LINE.match(line)
        if found is None:
            return
        if found["rule"] or found["failed"]:
            self._last = (found["rule"] or found["failed"], bool(found["rule"]))
        elif found["done"]:
            self._began.pop(found["done"], None)
        elif self._last is not None:
            rule, begins = self._last
            self._last = None
            if begins:
                self._began[found["job"]] = (rule, time.monotonic())
            else:
                self._began.pop(found["job"], None)

    def words(self) -> str:
        """``, drawing figures (1:12)``, or nothing where only trainings run."""
        self.poll()
        now, told = time.monotonic(), dict[str, str]()
        for rule, since in self._began.values():
            name = rule.partition("_")[0]
            if name not in UNTOLD:
                told.setdefault(WORDS.get(name, rule), format_seconds(now - since))
        return "".join(f", {word} ({spent})" for word, spent in told.items())
