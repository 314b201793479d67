"""The labels that the runs of a task were tested on, from its prepared data.

In: the manifest of a prepared task. Out: its sha256, by which a result names its data, and the
classes of every test in the order of the stored predictions. Reads the labels and no image. Called
by the gate of results, which computes their scores again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afn.common import parsing
from afn.common.canonical import is_sealed
from afn.common.errors import StudyError
from afn.common.made_from import healing

if TYPE_CHECKING:
    import numpy as np

VALIDATED = "validation/clean/0"
"""The one set of labels that is no test."""


@dataclass(frozen=True)
class ImageLabels:
    """The classes of one test, (images,), and the set of images that it is made of.

    Tests that share their labels are made of the same images (a corruption of them), tests with
    other labels of other images (another domain).
    """

    image_set: str
    classes: np.ndarray


@dataclass(frozen=True)
class PreparedTask:
    """What a result of a task can be compared with.

    ``sha256`` is that of the manifest; ``labels`` are those of every test and of the validation
    split, by ``<split>/<condition>/<severity>``.
    """

    sha256: str
    labels: dict[str, ImageLabels]
    task: str = ""
    train: ImageLabels | None = None
    """Of the training images, which a seed may draw anew together with those of validation."""
    pool: bool = False
    """The tests hold all images; every seed draws its own training, validation and test images."""

    def of_run(self, spec: dict[str, Any], seed: int) -> PreparedTask:
        """The labels that a run was scored on, where its seed divides the images."""
        if not self.pool and spec.get("split") != "seed":
            return self
        from afn.tasks.data.split import from_pool, redrawn

        if self.train is None:
            raise ValueError("the labels of its training images are not there")
        train, held_out = self.train.classes, self.labels[VALIDATED].classes
        if not self.pool:
            labels, rows = redrawn(train, held_out, self.task, seed)
            drawn = ImageLabels("drawn", labels[rows["val"]])
            return replace(self, labels={**self.labels, VALIDATED: drawn})
        tests = {name: own for name, own in self.labels.items() if name != VALIDATED}
        whole = next(iter(tests.values())).classes
        rows = from_pool(whole, len(train), len(held_out), self.task, seed)
        found = {VALIDATED: ImageLabels("drawn", whole[rows["val"]])}
        found |= {n: replace(own, classes=own.classes[rows["test"]]) for n, own in tests.items()}
        return replace(self, labels=found)

    @property
    def tests(self) -> list[tuple[str, int]]:
        """Condition and severity of every test."""
        names = [name.split("/") for name in self.labels if name.startswith("test/")]
        return [(condition, int(severity)) for _, condition, severity in names]


def read_prepared(manifest: Path | str) -> PreparedTask:
    """Read a manifest and the labels that it vouches for.

    Raises
    ------
    StudyError
        If they are not there, or not as they were written.
    """
    manifest = Path(manifest)
    try:
        raw = parsing.content(manifest)
        content = parsing.parse(raw)
        if not is_sealed(content):
            raise ValueError("it was changed after it was written: its seal does not fit")
        arrays: dict[str, ImageLabels] = {}
        labels = {}
        named = [(VALIDATED, "val_labels")]
        for test in content["tests"]:
            name = f"{test['split']}/{test['condition']}/{test['severity']}"
            named.append((name, test["labels"]))
        for name, key in named:
            if key not in arrays:
                arrays[key] = ImageLabels(key, _array(manifest.parent, content["arrays"][key]))
            labels[name] = arrays[key]
        train = content["arrays"].get("train_labels")
        return PreparedTask(
            hashlib.sha256(raw).hexdigest(),
            labels,
            content.get("task", ""),
            train and ImageLabels("train_labels", _array(manifest.parent, train)),
            (content.get("options") or {}).get("split") == "per_seed",
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StudyError(
            f"{manifest}: the labels of its tests cannot be read: {error}; {healing(manifest)}"
        ) from None


def _array(folder: Path, entry: dict[str, str]) -> np.ndarray:
    import io

    import numpy as np

    raw = (folder / entry["file"]).read_bytes()
    if hashlib.sha256(raw).hexdigest() != entry["sha256"]:
        raise ValueError(f"{entry['file']} is damaged (its sha256 differs)")
    result: np.ndarray = np.load(io.BytesIO(raw), allow_pickle=False)
    return result
