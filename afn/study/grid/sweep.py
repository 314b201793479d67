"""Test conditions that a protocol is limited to, and the protocols that a sweep adds.

In: a protocol or the ``protocol_sweep`` of a study file, and the settings of a task. Out: protocols
as plain mappings, by name. Called by the grid and the figure of the sweep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from afn.common.errors import StudyError, nearest
from afn.study.parts.catalogue import task_facts

if TYPE_CHECKING:
    from afn.study.grid.schema import ProtocolSweep, StudyFile


def outcomes_of(task: dict[str, Any]) -> list[str]:
    """The outcomes that a task's settings offer: clean, shift, severities, conditions, domains."""
    facts = task_facts(task)
    conditions = [*facts.get("conditions", ()), *facts.get("domains", ())]
    severities = [f"severity_{s}" for s in facts.get("severities", ())]
    return ["clean", *(["shift"] if conditions else []), *severities, *conditions]


def check_conditions(protocol: dict[str, Any], task: dict[str, Any], where: str) -> None:
    """Raise StudyError for a condition that the task lacks; names the nearest valid one."""
    valid = outcomes_of(task)
    for name in protocol.get("conditions", ()):
        if name not in valid:
            hint = nearest(name, valid)
            raise StudyError(f"{where}: task {task['name']!r} has no {name!r}; {hint}")


def sweep_name(size: int, order: str) -> str:
    """``batch8`` or ``batch8_sorted``."""
    return f"batch{size}" + ("_sorted" if order == "sorted" else "")


def sweep_names(file: StudyFile) -> list[str]:
    """Names of the protocols that the sweep adds, none without one.

    Raises
    ------
    StudyError
        For a name that a declared protocol has, and for an experiment that is not there.
    """
    sweep = file.protocol_sweep
    if sweep is None:
        return []
    for name in sweep.experiments or ():
        if name not in file.experiments:
            hint = nearest(name, file.experiments)
            raise StudyError(f"protocol_sweep.experiments: no experiment {name!r}; {hint}")
    names = [sweep_name(size, order) for order in sweep.orders for size in sweep.batch_sizes]
    for name in names:
        if names.count(name) > 1:
            raise StudyError(f"protocol_sweep: {name!r} is asked for twice")
        if name in file.protocols:
            raise StudyError(f"protocol_sweep adds {name!r}: name the one in protocols otherwise")
    return names


def swept_protocols(sweep: ProtocolSweep, task: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The protocols of a sweep for one task, by name."""
    found = {}
    for order in sweep.orders:
        for size in sweep.batch_sizes:
            protocol = {"statistics": "batch", "batch_size": size}
            if order == "sorted":
                protocol["order"] = order
            protocol["conditions"] = list(sweep.conditions or default_conditions(task))
            found[sweep_name(size, order)] = protocol
    check_conditions(next(iter(found.values())), task, "protocol_sweep.conditions")
    return found


def default_conditions(task: dict[str, Any]) -> list[str]:
    """Clean and the highest severity; without severities clean and all that is shifted."""
    facts = task_facts(task)
    if facts.get("severities"):
        return ["clean", f"severity_{max(facts['severities'])}"]
    shifted = facts.get("conditions") or facts.get("domains")
    return ["clean", "shift"] if shifted else ["clean"]
