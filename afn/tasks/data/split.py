"""Which rows belong to which split: exact sizes, classes in equal shares.

In: labels, and the sizes. Out: row numbers. A fixed split is moved by no seed of a study; those
that a seed draws are the same for every method. Called by the tasks, by training, and by the gate
of results, which computes scores again and reads no image.
"""

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


def redrawn(
    train: np.ndarray, held_out: np.ndarray, task: str, seed: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Training and validation labels drawn again from both, as many as before.

    Returns
    -------
    labels : numpy.ndarray
        Those of both, one after the other.
    rows : dict of str to numpy.ndarray
        Row numbers of ``train`` and ``val`` in them.
    """
    labels = np.concatenate([train, held_out])
    return labels, stratified_split(labels, {"val": len(held_out)}, _drawn(task, seed))


def from_pool(
    pool: np.ndarray, train: int, held_out: int, task: str, seed: int
) -> dict[str, np.ndarray]:
    """Row numbers of ``train``, ``val`` and ``test`` in a pool's labels; sizes of the first two."""
    sizes = {"val": held_out, "test": len(pool) - train - held_out}
    return stratified_split(pool, sizes, _drawn(task, seed))


def _drawn(task: str, seed: int) -> int:
    return stream(seed, task, "split")
