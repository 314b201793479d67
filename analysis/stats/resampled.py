"""A mean difference over repeated random splits of one pool into training and test data.

In: one difference per split. Out: a `TEstimate` about data like these. The splits share most of
their training data, so the differences are correlated and their variance over n is too small;
Nadeau and Bengio (Inference for the generalization error, Machine Learning 52, 2003, section 3)
put the correlation at n_test / (n_test + n_train), which makes the variance of the mean
s^2 (1 / n + n_test / n_train).
"""

from __future__ import annotations

import math

import numpy as np

from analysis.stats.t_estimate import TEstimate


def resampled(differences: np.ndarray, n_train: int, n_test: int) -> TEstimate:
    """Nadeau and Bengio's corrected resampled t.

    Parameters
    ----------
    differences : (splits,)
        Arm a minus arm b, both trained and tested on the same split. Of a published test set,
        which is not drawn anew, they say nothing of the kind.
    n_train, n_test : int
        Examples that a split trains on (whatever it selects on included) and tests on.

    Raises
    ------
    ValueError
        For fewer than two splits or an empty part of the split.
    """
    d = np.asarray(differences, dtype=float)
    if d.ndim != 1 or len(d) < 2:
        raise ValueError(f"two or more differences are needed, not an array of {d.shape}")
    if n_train < 1 or n_test < 1:
        raise ValueError(f"a split of {n_train} and {n_test} examples")
    variance = float(np.var(d, ddof=1)) * (1 / len(d) + n_test / n_train)
    return TEstimate(float(d.mean()), math.sqrt(variance), len(d) - 1)
