"""The interface between a task and the writer of its arrays.

A task is a class. Its literal class attributes tell the study what it offers without importing it:
``num_classes``, ``in_channels``, ``image_size``, ``class_names``, ``conditions`` (the shifted test
conditions; "clean" is implied), ``severities``, ``domains``. Its options are the keyword-only
arguments of ``__init__``. Its work is ``prepare(data_dir) -> Prepared``. A task that reads files of
the user names them in ``expected_files`` (an attribute or property), relative to the data folder.

An option that bears the name of a literal (``image_size``, ``severities``, ...) overrides it; the
object then has an attribute of that name, and the manifest holds its value. ``title`` and ``notes``
(text and a tuple of texts, both optional) say in words what was prepared; the manifest keeps them.
``plan_sizes`` (optional, `afn.study.plan.sizes`) lets a study be costed before its data are there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from afn.common.errors import StudyError


def within(option: str, value: float, low: float, high: float) -> float:
    """Return an option's value, or raise StudyError where it is out of its limits."""
    if not low <= value <= high:
        raise StudyError(f"task.{option} = {value}: must be from {low} to {high}")
    return value


@dataclass(frozen=True)
class TestSet:
    """One test condition; ``images`` and ``labels`` are keys of `Prepared.arrays`."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    condition: str
    severity: int
    images: str
    labels: str


@dataclass(frozen=True)
class Lazy:
    """An array that is made only when it is written, so that no two large ones are held at once.

    ``make`` returns the array and ``length`` is its first dimension; it is called once.
    """

    length: int
    make: Callable[[], np.ndarray]

    def __len__(self) -> int:
        return self.length


@dataclass(frozen=True)
class Prepared:
    """The arrays of a task.

    Attributes
    ----------
    arrays : dict of str to numpy.ndarray or Lazy
        Images are uint8 (N, H, W, C), labels int64 (N,). ``train_images``, ``train_labels``,
        ``val_images`` and ``val_labels`` are always there; test sets name the others.
    tests : list of TestSet
        The clean condition (severity 0) and every shifted one, in the order of the report.
    """

    arrays: dict[str, np.ndarray | Lazy]
    tests: list[TestSet]
