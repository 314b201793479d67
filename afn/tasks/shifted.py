"""Another task, tested under further conditions: registered ones, or those of a user's own.

In: the name of a task and of conditions (`afn.tasks.conditions`). Out: the arrays of the task, and
for every condition and severity the images of its clean test set, changed with fixed seeds.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from afn.common.errors import StudyError
from afn.common.seeds import stream
from afn.tasks import REGISTRY
from afn.tasks.base import Prepared, TestSet
from afn.tasks.conditions import changed, short

SAID = ("num_classes", "in_channels", "image_size", "class_names", "expected_files", "packages")


class Shifted:
    """The images of one task under conditions of several makers.

    What the study knows of it before its data are there, it knows of the task that ``of`` names.

    Parameters
    ----------
    of : str
        A registered task, or package.module:Class, with its default options; none with domains.
    more : tuple of str
        Conditions beside its own: registered names, or package.module:function.
    severities : tuple of int
        From 1 to 5; of a task that has severities: the same.
    """

    parts = {"of": "task", "more": "condition"}
    """Options that name other parts: their code belongs to the runs of this task."""
    domains = ()

    def __init__(
        self,
        *,
        of: str = "digits8x8",
        more: tuple[str, ...] = (),
        severities: tuple[int, ...] = (1, 3, 5),
    ) -> None:
        module, _, attribute = REGISTRY.get(of, of).partition(":")
        self.task = getattr(importlib.import_module(module), attribute)()
        for name in SAID:
            if hasattr(self.task, name):
                setattr(self, name, getattr(self.task, name))
        own, given = tuple(self.task.conditions), tuple(self.task.severities)
        if tuple(getattr(self.task, "domains", ())):
            raise StudyError(f"task.of = {of!r}: its test conditions are domains; name another")
        if own and given != severities:
            raise StudyError(
                f"task.severities: {of} has {list(given)}, and all conditions share them"
            )
        if not severities or not set(severities) <= set(range(1, 6)):
            raise StudyError(f"task.severities = {list(severities)}: from 1 to 5")
        names = [*own, *map(short, more)]
        if len(set(names)) < len(names):
            raise StudyError(f"task.more: two conditions have one name, of {', '.join(names)}")
        self.more, self.severities, self.conditions = more, severities, tuple(names)
        self.title = f"{getattr(self.task, 'title', of)} under further conditions"
        self.notes = (
            *getattr(self.task, "notes", ()),
            f"conditions beside those of {of}: {', '.join(more) or 'none'}",
        )

    def prepare(self, data_dir: Path | None = None) -> Prepared:
        """The task's arrays, and those of the further conditions."""
        prepared = self.task.prepare(data_dir)
        arrays, tests = dict(prepared.arrays), list(prepared.tests)
        clean = next(test for test in tests if test.condition == "clean")
        images = arrays[clean.images]
        images = images.make() if hasattr(images, "make") else images
        arrays[clean.images] = images
        for name in self.more:
            condition = short(name)
            seed = stream(0, "shifted", condition)
            for severity in self.severities:
                key = f"test_{condition}_{severity}_images"
                arrays[key] = changed(name, images, severity, seed)
                tests.append(TestSet(condition, severity, key, clean.labels))
        return Prepared(arrays, tests)
