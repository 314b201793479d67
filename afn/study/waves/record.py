"""What was declared when a study in waves was first looked at; it stays so, whatever comes later.

In and out: ``results/<study>/looks/plan.json``, a document of `afn.common.made_from` that the first
look writes and no rule of the workflow declares, so that it outlives looks that are taken again:

- ``declared``: wave, boundary, alpha, margin and the like, which no later study file may change;
- ``looks``: the planned numbers of seeds; an ``at_most`` that was raised later adds looks that were
  not planned, which are answered by e values (STATISTICS of looks: docs/sequential.md);
- ``families``: the comparisons that were declared together, the first family first; those that a
  later study file adds are a family of their own, with the number of looks taken by then;
- ``taken``: per look the hashes of the differences that it has seen, one more where it was taken
  again on others.

Called by the step that looks, and by whatever starts from a study file, to refuse a changed plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afn.common.errors import StudyError
from afn.common.made_from import content_hash, enclosed, read_document
from afn.study.waves.family import declared, members
from afn.study.waves.schedule import SeedsInWaves

if TYPE_CHECKING:
    from afn.study.grid.cells import Study

PLAN = "plan"


@dataclass(frozen=True)
class Family:
    """Comparisons that are corrected together, and the looks that had been taken before them."""

    members: tuple[str, ...]
    since: int = 0


@dataclass(frozen=True)
class Record:
    """The declarations at the first look, and every look since."""

    declared: dict[str, Any]
    looks: tuple[int, ...]
    families: tuple[Family, ...]
    taken: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def with_late(self, names: Iterable[str]) -> Record:
        """The record with a family of the comparisons that no family has."""
        known = {name for family in self.families for name in family.members}
        late = tuple(name for name in names if name not in known)
        if not late:
            return self
        since = max(self.taken, default=0)
        if since == 0:
            first = self.families[0]
            return replace(self, families=(replace(first, members=(*first.members, *late)),))
        return replace(self, families=(*self.families, Family(late, since)))

    def noted(self, wave: int, differences: object) -> Record:
        """The record after a look at some differences."""
        before = self.taken.get(wave, ())
        digest = content_hash(differences)[:16]
        kept = before if before[-1:] == (digest,) else (*before, digest)
        return replace(self, taken=self.taken | {wave: kept})

    def to_dict(self) -> dict[str, Any]:
        families = [{"members": list(f.members), "since": f.since} for f in self.families]
        taken = {str(wave): list(hashes) for wave, hashes in sorted(self.taken.items())}
        return {
            "declared": self.declared,
            "looks": list(self.looks),
            "families": families,
            "taken": taken,
        }


def record_file(results: Path | str) -> Path:
    return Path(results) / "looks" / "plan.json"


def begun(study: Study) -> Record:
    """The record of a study that nobody has looked at."""
    names = tuple(member.name for member in members(study))
    return Record(declared(study), study.looks, (Family(names),))


def read_record(study: Study, results: Path | str) -> Record:
    """The record of a study, comparisons that were added since the first look included.

    Raises
    ------
    StudyError
        Where the record was changed, or the study declares something else than at its first look.
    """
    path = record_file(results)
    if not path.is_file():
        return begun(study)
    content = read_document(path, PLAN)[PLAN]
    families = tuple(Family(tuple(f["members"]), f["since"]) for f in content["families"])
    taken = {int(wave): tuple(hashes) for wave, hashes in content["taken"].items()}
    record = Record(content["declared"], tuple(content["looks"]), families, taken)
    if taken:
        _refuse_changes(study, record, path)
    else:
        record = begun(study)
    return record.with_late(member.name for member in members(study))


def write_record(record: Record, results: Path | str) -> None:
    """Write it, whole or not at all."""
    import json

    from afn.common.files import write_text

    path = record_file(results)
    path.parent.mkdir(parents=True, exist_ok=True)
    document = enclosed(PLAN, record.to_dict(), {})
    write_text(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def check_waves(study: Study, results: Path | str) -> None:
    """Refuse a study file that takes back what was declared before its first look."""
    if study.looks:
        read_record(study, results)


def _refuse_changes(study: Study, record: Record, path: Path) -> None:
    now = declared(study)
    looks = len(record.taken)
    for key, before in record.declared.items():
        if now.get(key) != before:
            place = f"seeds.{key}" if key in SeedsInWaves.model_fields else f"plan.{key}"
            raise StudyError(
                f"{place} = {now.get(key)!r}: {looks} look{'s' if looks > 1 else ''} at this study "
                f"were taken with {before!r}; a plan is declared before its first look: write "
                f"{before!r}, or give the study another name ({path})"
            )
    shorter = min(len(record.looks), len(study.looks))
    if study.looks[:shorter] != record.looks[:shorter]:
        wave = record.declared["wave"]
        raise StudyError(
            f"seeds.at_most = {study.looks[-1]}: looks were planned at "
            f"{', '.join(map(str, record.looks))} seeds, and more can only follow whole waves; "
            f"nearest valid: at_most: {record.looks[-1]} or a multiple of {wave}"
        )
