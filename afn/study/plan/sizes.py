"""How many images a task trains and tests on, before its data are there.

In: the settings of a task, and what its class declares in ``plan_sizes``. Out: image counts, or
None where nothing is declared. Called by the cost estimate and by the page that compares the data
used with the published ones. What prepared data really hold changes an estimate of the time, never
the layout of jobs, which has to be the same on every machine.

``plan_sizes`` has one of two forms. ``{"train": 50_000, "test": 10_000}``: one training set, from
which the share ``validation`` (an option of the task, if it has one) is taken off, and a test set
that every condition shows anew. Or the same for each domain, ``{"usps": {"train": 7_291, "test":
2_007}, ...}``, of a task whose options ``source`` and ``target`` (``rest``: all others) or
``targets`` name domains: then the training domains' ``held_out`` images, where they have such, are
halved into validation and "clean", else "clean" is the source's own test set. A further key that is
the value of an option of the task (``first10000``) counts the images that are trained on with it,
none of which validates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from afn.study.parts.catalogue import task_facts

Sizes = Mapping[str, int]


def _declared(task: Mapping[str, Any]) -> dict[str, Any] | None:
    return task_facts(dict(task)).get("plan_sizes")


def _trained(task: Mapping[str, Any], own: Sizes) -> int:
    """Training images of one set."""
    for chosen in task.values():
        if isinstance(chosen, str) and chosen in own.keys() - {"train", "held_out", "test"}:
            return own[chosen]
    share = 0 if "held_out" in own else task.get("validation", 0)
    return round(own["train"] * (1 - share))


def _sources(task: Mapping[str, Any], domains: Iterable[str]) -> list[str]:
    if task["source"] != "rest":
        return [task["source"]]
    return [domain for domain in domains if domain != task["target"]]


def _targets(task: Mapping[str, Any], domains: Iterable[str]) -> list[str]:
    if "targets" in task:
        return [d for d in dict.fromkeys(task["targets"]) if d != task["source"]]
    if task["target"] != "rest":
        return [task["target"]]
    return [domain for domain in domains if domain != task["source"]]


def images(task: Mapping[str, Any]) -> tuple[int, int] | None:
    """Training images and test images (over all conditions) of a task; None where unknown."""
    sizes = _declared(task)
    if sizes is None:
        return None
    sources = [sizes] if "train" in sizes else [sizes[d] for d in _sources(task, sizes)]
    return sum(_trained(task, own) for own in sources), sum(test_sizes(task).values())


def test_sizes(task: Mapping[str, Any]) -> dict[tuple[str, int], int]:
    """Images of every test set by condition and severity (0: clean, or a domain).

    Raises
    ------
    KeyError
        For a task that declares no sizes.
    """
    sizes, facts = _declared(task), task_facts({**task})
    if sizes is None:
        raise KeyError(f"task {task['name']!r} declares no plan_sizes")
    if "train" in sizes:
        shifted = [(c, s) for c in facts.get("conditions", ()) for s in facts.get("severities", ())]
        return {("clean", 0): sizes["test"]} | dict.fromkeys(shifted, sizes["test"])
    sources = [sizes[domain] for domain in _sources(task, sizes)]
    held_out = sum(own.get("held_out", 0) for own in sources)
    clean = held_out // 2 or sum(own["test"] for own in sources)
    return {("clean", 0): clean} | {(d, 0): sizes[d]["test"] for d in _targets(task, sizes)}


test_sizes.__test__ = False  # type: ignore[attr-defined]  # its name looks like a test to pytest
