"""The labels that the runs of a task were tested on, from its prepared data.

In: the manifest of a prepared task. Out: its sha256, by which a result names its data, and the
classes of every test in the order of the stored predictions. Reads the labels and no image. Called
by the gate of results, which computes their scores again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afn.common.canonical import is_sealed
from afn.common.errors import StudyError
from afn.common.made_from import healing

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Labels:
    """The classes of one test, (images,), and the set of images that it is made of.

    Tests that share their labels are made of the same images (a corruption of them), tests with
    other labels of other images (another domain).
    """

    image_set: str
    classes: np.ndarray


@dataclass(frozen=True)
class Prepared:
    """What a result of a task can be compared with.

    ``sha256`` is that of the manifest; ``labels`` are those of every test and of the validation
    split, by ``<split>/<condition>/<severity>``.
    """

    sha256: str
    labels: dict[str, Labels]

    @property
    def tests(self) -> list[tuple[str, int]]:
        """Condition and severity of every test."""
        names = [name.split("/") for name in self.labels if name.startswith("test/")]
        return [(condition, int(severity)) for _, condition, severity in names]


def read_prepared(manifest: Path | str) -> Prepared:
    """Read a manifest and the labels that it vouches for.

    Raises
    ------
    StudyError
        If they are not there, or not as they were written.
    """
    manifest = Path(manifest)
    try:
        raw = manifest.read_bytes()
        content = json.loads(raw)
        if not is_sealed(content):
            raise ValueError("it was changed after it was written: its seal does not fit")
        arrays: dict[str, Labels] = {}
        labels = {}
        named = [("validation/clean/0", "val_labels")]
        for test in content["tests"]:
            name = f"{test['split']}/{test['condition']}/{test['severity']}"
            named.append((name, test["labels"]))
        for name, key in named:
            if key not in arrays:
                arrays[key] = Labels(key, _array(manifest.parent, content["arrays"][key]))
            labels[name] = arrays[key]
        return Prepared(hashlib.sha256(raw).hexdigest(), labels)
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
    return np.load(io.BytesIO(raw), allow_pickle=False)
