"""The looks of a study and what was declared at the first of them, read together.

In: a study and its folder of results. Out: `Looks`. Called by the decisions, the page, and the
partial report.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afn.common.errors import StudyError
from afn.study.grid.cells import Study
from afn.study.waves.asked import asked_by, look_file, taken
from afn.study.waves.record import Record, read_record
from analysis.decisions.waves.family import plan_of
from analysis.stats.sequential.waves import Waves


@dataclass(frozen=True)
class Looks:
    """What was declared, and every look that was taken, in order."""

    record: Record
    taken: list[dict[str, Any]]

    @classmethod
    def read(cls, study: Study, results: Path | str) -> Looks | None:
        """The looks of a study in waves; None where the number of seeds is fixed."""
        if not study.looks:
            return None
        return cls(read_record(study, results), taken(study, results))

    @property
    def over(self) -> bool:
        """Whether no comparison asks for more."""
        return bool(self.taken) and not self.taken[-1]["next"]

    def families(self, study: Study) -> list[Waves]:
        """The state of every family."""
        if self.taken:
            return [Waves.from_dict(state) for state in self.taken[-1]["families"]]
        return [Waves.begin(plan_of(study, self.record, f)) for f in self.record.families]

    @property
    def unplanned(self) -> dict[str, Any]:
        """Evidence of seeds behind the last planned look."""
        return self.taken[-1]["unplanned"] if self.taken else {}

    def asked(self, study: Study) -> dict[str, list[int]]:
        """Seeds that every cell is asked to have."""
        return asked_by(study, self.taken)


def complete(study: Study, results: Path | str) -> Looks | None:
    """The looks of a study that is to be decided.

    Raises
    ------
    StudyError
        Where a look is still to be taken.
    """
    found = Looks.read(study, results)
    if found is not None and not found.over:
        missing = look_file(results, len(found.taken) + 1)
        raise StudyError(f"{missing}: this look was not taken; `make report` takes it")
    return found
