"""Fixed splits: exact sizes, classes in equal shares, moved by no seed of a study."""

from __future__ import annotations

import numpy as np

from afn.common.seeds import stream


def held_out(labels: np.ndarray, share: float, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers (sorted) to train on and to validate on; ``share`` goes to the second.

    ``name`` names the data, and with it the seed of the split. At least one row is held out.
    """
    size = max(1, round(share * len(labels)))
    parts = stratified_split(labels, {"val": size}, stream(0, name, "split"))
    return parts["train"], parts["val"]


def stratified_split(labels: np.ndarray, sizes: dict[str, int], seed: int) -> dict[str, np.ndarray]:
    """Split row numbers into parts of exact sizes with the classes in equal shares.

    Each class is shuffled; each part then takes every class's share, rounded down
    and topped up by the largest remainders (ties: the lower class). What is left is ``"train"``.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (N,), int64.
    sizes : dict of str to int
        The exact size of each part but ``"train"``.
    seed : int
        Of the shuffles.

    Returns
    -------
    dict of str to numpy.ndarray
        Sorted row numbers; ``"train"`` first.
    """
    classes = np.unique(labels)
    random = np.random.RandomState(seed % 2**32)
    left = {c: random.permutation(np.flatnonzero(labels == c)) for c in classes}
    counts = np.array([len(left[c]) for c in classes])
    parts = {}
    for part, size in sizes.items():
        share = size * counts / counts.sum()
        take = np.floor(share).astype(int)
        order = np.argsort(-(share - take), kind="stable")
        take[order[: size - take.sum()]] += 1
        taken = dict(zip(classes, take, strict=True))
        parts[part] = np.sort(np.concatenate([left[c][:n] for c, n in taken.items()]))
        left = {c: left[c][n:] for c, n in taken.items()}
    return {"train": np.sort(np.concatenate(list(left.values()))), **parts}
