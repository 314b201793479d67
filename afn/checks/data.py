"""The checks of a task and of a test condition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from afn.checks import require
from afn.study.parts.catalogue import Entry, task_facts
from afn.tasks.base import Lazy, Prepared
from afn.tasks.data.writer import check as check_arrays


def check_task(
    found: Entry, target: type, data_dir: str | Path | None = None, **options: Any
) -> None:
    """Its facts, its arrays (twice the same), and its test conditions."""
    facts = task_facts({"name": found.name, **found.defaults, **options})
    for name in ("num_classes", "in_channels", "image_size"):
        require(isinstance(facts.get(name), int), f"{name} is a literal whole number of the class")
    for name in ("conditions", "severities", "domains"):
        require(isinstance(facts.get(name), tuple), f"{name} is a literal tuple, () if none")
    place = None if data_dir is None else Path(data_dir)
    task, again = target(**options), target(**options)
    first, second = task.prepare(place), again.prepare(place)
    require(isinstance(first, Prepared), "prepare() gives an afn.tasks.base.Prepared")
    # The same checks that the data rule makes before it writes anything.
    check_arrays(task, first)
    require(len(task.class_names) == facts["num_classes"], "class_names has a name per class")
    for key, array in first.arrays.items():
        other = second.arrays[key]
        if not isinstance(array, Lazy):
            require(np.array_equal(array, other), f"array {key!r} is another one the next time")
    tests = [(test.condition, test.severity) for test in first.tests]
    require(tests.count(("clean", 0)) == 1, "one test set is the condition 'clean' at severity 0")
    require(len(set(tests)) == len(tests), "two test sets have one condition and severity")
    made = {condition for condition, _ in tests} - {"clean"}
    told = {*facts["conditions"], *facts["domains"]}
    require(made <= told, f"conditions that the class does not name: {', '.join(made - told)}")
    require(set(facts["conditions"]) <= made, "a condition that the class names is not made")


def check_condition(found: Entry, target: Any) -> None:
    """Range, shape, the same for a seed; nothing is changed in place."""
    images = np.random.RandomState(0).random_sample((3, 8, 8, 1))
    kept = images.copy()
    for severity in (1, 3, 5):
        changed = target(images, severity, 7)
        require(np.array_equal(images, kept), "the images that it is given are changed in place")
        require(changed.shape == images.shape, f"gives {changed.shape} for {images.shape}")
        inside = np.isfinite(changed).all() and changed.min() >= 0 and changed.max() <= 1
        require(inside, "values outside [0, 1]")
        same = np.array_equal(changed, target(images, severity, 7))
        require(same, "the same seed gives other images")
