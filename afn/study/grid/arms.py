"""Arms and the contrasts between them, checked against what an experiment makes and tests.

In: the texts of a study file. Out: `Contrast` with canonical arms, or a `StudyError` that names the
pair and the nearest valid value. Called by `expansion.expand`.
"""

from __future__ import annotations

from typing import Any

from afn.common.errors import StudyError, nearest
from afn.study.grid.cells import Cell, Contrast
from afn.study.grid.schema import StudyFile
from afn.study.grid.sweep import sweep_names
from afn.study.parts.catalogue import entry
from afn.study.parts.names import Arm, part_name
from afn.study.parts.settings import resolve


def canonical_arm(arm: str) -> str:
    """Write an arm in its one canonical form (options sorted, defaults left out)."""
    given = Arm.parse(arm)
    settings = resolve("norm", given.norm, f"arm {arm!r}")
    found = entry("norm", settings.pop("name"))
    return str(Arm(part_name(found.name, settings, found.defaults), given.protocol))


def refuse_twice(pairs: list[list[str]], where: str) -> None:
    """Raise StudyError for a pair that stands there twice, in either direction."""
    for number, pair in enumerate(pairs):
        if pair in pairs[:number] or pair[::-1] in pairs[:number]:
            raise StudyError(f"{where}.contrasts: [{pair[0]}, {pair[1]}] is given twice")


def _refuse_untested(protocol: dict[str, Any], outcomes: list[str], where: str) -> None:
    """An outcome means the same tests under every protocol, so a limited one must cover it."""
    tested: list[str] = protocol.get("conditions") or []
    for outcome in outcomes if tested else ():
        if outcome not in tested and (outcome == "clean" or "shift" not in tested):
            raise StudyError(
                f"{where} tests only {', '.join(tested)}, but plan.outcomes asks for {outcome!r}: "
                f"add {outcome!r} to its conditions"
            )


def make_contrast(pair: list[str], cells: list[Cell], file: StudyFile, where: str) -> Contrast:
    """The contrast of two arms as the study file writes them; ``cells`` are the experiment's."""
    place = f"{where}.contrasts: [{pair[0]}, {pair[1]}]"
    norms = {cell.norm: cell for cell in cells}
    arms = []
    for text in pair:
        protocol = Arm.parse(text).protocol
        known = [*file.protocols, *sweep_names(file)]
        if protocol is not None and protocol not in known:
            valid = nearest(protocol, known)
            raise StudyError(f"{place}: no protocol {protocol!r} in the study; {valid}")
        try:
            arm = canonical_arm(text)
        except StudyError as error:
            raise StudyError(
                f"{place}: {error}; arms of this experiment: {', '.join(norms)}"
            ) from None
        name = Arm.parse(arm).norm
        if name not in norms:
            raise StudyError(
                f"{place}: no run of this experiment makes {name!r}; {nearest(name, norms)}"
            )
        tested = norms[name].protocols
        if protocol is not None and "any" not in tested and protocol not in tested:
            valid = nearest(protocol, tested)
            raise StudyError(f"{place}: {name!r} is not tested under {protocol!r}; {valid}")
        served = protocol or next(iter(tested))
        if served in tested:
            _refuse_untested(tested[served], file.plan.outcomes, f"{place}: protocol {served!r}")
        arms.append(arm)
    if arms[0] == arms[1]:
        raise StudyError(f"{place}: compares an arm with itself")
    return Contrast(*arms)
