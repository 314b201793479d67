"""Right or wrong per example, read from stored predictions.

In: a run's predictions and the classes of its tests. Out: arrays of truth values.
"""

from __future__ import annotations

import numpy as np


def read_correct(path: str, labels: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Right or wrong per example of every test in a predictions.npz.

    ``labels`` maps ``"<split>/<condition>/<severity>"`` to classes; keys of the result are those
    of the file, ``"<protocol>/<split>/<condition>/<severity>"``.
    """
    with np.load(path) as stored:
        return {key: stored[key] == labels[key.partition("/")[2]] for key in stored.files}
