"""A task's images divided anew, by the seed of a run.

In: a task's data, the seed. Out: the same data with other images in the splits. Called by training,
in two cases. Where a specification says ``split: seed``, as those of the trials of repeated
searches do, training and validation images are drawn again from both, and the tests are untouched:
every search selects on other images, and two methods at one seed on the same. Where the task says
``split: per_seed``, its test arrays hold the whole pool, and all three parts are drawn from it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from afn.tasks.data.moments import moments
from afn.tasks.data.reader import TaskData
from afn.tasks.data.split import from_pool, redrawn


def is_pool(data: TaskData) -> bool:
    """Whether every seed of this task has a split of its own, out of its test arrays."""
    return data.options.get("split") == "per_seed"


def of_seed(data: TaskData, spec: dict, seed: int) -> TaskData:
    """The data of a run: those of the task, or divided by the seed, which is no method's.

    Mean and standard deviation are those of the run's training images.
    """
    if is_pool(data):
        return _from_pool(data, seed)
    return _divided(data, seed) if spec.get("split") == "seed" else data


def _divided(data: TaskData, seed: int) -> TaskData:
    labels, rows = redrawn(data.train_labels, data.validation.labels, data.task, seed)
    images = np.concatenate([data.train_images, data.validation.images])
    return _with(data, images, labels, rows)


def _from_pool(data: TaskData, seed: int) -> TaskData:
    """All parts from the pool; a shifted test set holds the shifted forms of its images."""
    clean = data.tests[0]
    sizes = len(data.train_labels), len(data.validation.labels)
    rows = from_pool(np.asarray(clean.labels), *sizes, data.task, seed)
    tests = tuple(
        replace(test, images=test.images[rows["test"]], labels=test.labels[rows["test"]])
        for test in data.tests
    )
    return replace(_with(data, clean.images, clean.labels, rows), tests=tests)


def _with(
    data: TaskData, images: np.ndarray, labels: np.ndarray, rows: dict[str, np.ndarray]
) -> TaskData:
    train = images[rows["train"]]
    mean, std = moments(train)
    held_out = replace(
        data.validation, images=images[rows["val"]], labels=np.asarray(labels[rows["val"]])
    )
    return replace(
        data,
        mean=tuple(mean),
        std=tuple(std),
        train_images=train,
        train_labels=labels[rows["train"]],
        validation=held_out,
    )
