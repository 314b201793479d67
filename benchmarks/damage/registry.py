"""The list of the kinds of damage, and the edits that several of them make.

In: a change of a finished study, given a group and a name by `kind`. Out: `KINDS`, filled by
the modules `of_runs`, `of_analyses` and `of_searches` when they are imported. Called by these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.damage import place as ways
from benchmarks.damage.place import Place


@dataclass(frozen=True)
class Kind:
    """One kind of damage: to a file of ``group``, by ``change``."""

    group: str
    name: str
    change: Callable[[Place], object]


KINDS: list[Kind] = []


def kind(group: str, name: str) -> Callable[[Callable[[Place], object]], None]:
    """Put the decorated change into the list."""

    def put(change: Callable[[Place], object]) -> None:
        KINDS.append(Kind(group, name, change))

    return put


def files(group: str, what: str, path_of: Callable[[Place], Path], *names: str) -> None:
    """The usual ways to spoil a file."""
    for name in names:
        spoil = getattr(ways, name)
        told = f"{what}: {name.replace('_', ' ')}"
        KINDS.append(Kind(group, told, lambda p, spoil=spoil: spoil(path_of(p), p.dice)))


def put_in(record: dict, key: str, value: Any) -> None:
    record[key] = value


def take_out(record: dict, key: str) -> None:
    del record[key]


def edit_accuracy(record: dict, value: Any = 0.999) -> None:
    record["evaluations"][-1]["accuracy"] = value


def other_rate_of_spec(spec: dict) -> None:
    spec["recipe"]["lr"] = 0.5


def other_rate(record: dict) -> None:
    other_rate_of_spec(record["spec"])


MOST = ("flip", "truncate", "empty", "zeros", "noise", "remove")
"""The usual ways to spoil a file."""
ALL = (*MOST, "a_folder")
