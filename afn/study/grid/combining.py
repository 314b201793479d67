"""From base and levels to cells: factors multiplied, parts named, protocols attached.

In: the resolved base and an experiment of a checked `StudyFile`. Out: the settings of every
combination, and a `Cell` of each. Called by `expansion` and `searching`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from afn.common.errors import StudyError
from afn.study.grid.cells import PARTS, Cell
from afn.study.grid.schema import StudyFile
from afn.study.grid.sweep import check_conditions, swept_protocols
from afn.study.parts.catalogue import entry, homes, place_of
from afn.study.parts.names import Factor, part_name
from afn.study.parts.settings import resolve

LEFT_OUT = "; where_applicable: true in the experiment leaves it out for what lacks it"


def combinations(
    base: dict[str, Any], experiment: Any, where: str
) -> Iterator[dict[str, dict[str, Any]]]:
    """Every combination of levels; whole parts are replaced before options are set."""
    factors = experiment.factors
    for key in factors:
        part, option = Factor.parse(key)
        if part not in PARTS or option == "":
            hint = place_of(key, PARTS)
            raise StudyError(f"{where}.factors.{key}: a factor is a part or part.option; {hint}")
    ordered = sorted(factors, key=lambda key: Factor.parse(key).option is not None)
    for levels in itertools.product(*(factors[key] for key in ordered)):
        parts = {name: dict(settings) for name, settings in base.items()}
        for key, level in zip(ordered, levels, strict=True):
            part, option = Factor.parse(key)
            place = f"{where}.factors.{key}"
            if option is None:
                parts[part] = resolve(part, level, place)
                continue
            found = entry(part, parts[part]["name"])
            if option not in found.options and experiment.where_applicable:
                continue
            try:
                parts[part][option] = found.check(option, level)
            except StudyError as error:
                lacks = option not in found.options and key in homes(option)
                raise StudyError(f"{place}: {error}{LEFT_OUT if lacks else ''}") from None
        yield parts


def cell_of(settings: dict[str, dict[str, Any]], file: StudyFile) -> Cell:
    names = {}
    for part, values in settings.items():
        found = entry(part, values["name"])
        options = {key: value for key, value in values.items() if key != "name"}
        names[part] = part_name(found.name, options, found.defaults)
    statistics = entry("norm", settings["norm"]["name"]).statistics
    protocols = {
        name: protocol.model_dump(exclude_none=True)
        for name, protocol in file.protocols.items()
        if protocol.statistics in statistics
    }
    if not statistics:
        protocols = {"any": {"statistics": "any"}}
    if not protocols:
        raise StudyError(
            f"protocols: norm {names['norm']!r} can only be tested with {' or '.join(statistics)} "
            "statistics, and no protocol of the study offers them"
        )
    for name, protocol in protocols.items():
        check_conditions(protocol, settings["task"], f"protocols.{name}.conditions")
    return Cell(**names, settings=settings, protocols=protocols)  # type: ignore[arg-type]


def swept(cell: Cell, file: StudyFile, experiments: tuple[str, ...]) -> Cell:
    """The cell with the protocols of the sweep, after its own, where the sweep wants it."""
    sweep = file.protocol_sweep
    if sweep is None or not set(experiments) & set(sweep.experiments or experiments):
        return cell
    if "batch" not in entry("norm", cell.settings["norm"]["name"]).statistics:
        return cell
    return replace(
        cell, protocols={**cell.protocols, **swept_protocols(sweep, cell.settings["task"])}
    )
