"""Named seed streams: every random choice of a run has its own seed, made from the run's seed.

A stream is named by what it is for (``"weights"``, ``"order"``, ``"augmentation"``, ``"dropout"``),
never by the method under study. Two methods at the same seed therefore start from the same weights
wherever they share a layer and see the same batches: common random numbers.
"""

from __future__ import annotations

import hashlib


def stream(seed: int, *names: str | int) -> int:
    """Return the 63-bit seed of the stream that ``names`` name under ``seed``.

    The value depends on the names' text, order and types only (``1`` and ``"1"`` differ), not on
    the Python version or the process, so it may be relied on across machines and years.

    Parameters
    ----------
    seed : int
        The run's seed; every integer is one, 0 too.
    *names : str or int
        What the stream is for, from the general to the particular, for example
        ``stream(3, "weights", "layer1.conv.weight", 16, 3, 3, 3)``.

    Returns
    -------
    int
        In ``[0, 2**63)``, which every generator of Python, NumPy (after a modulo) and torch takes.

    Raises
    ------
    TypeError
        If a name is neither text nor an integer: a float's text is not canonical.

    Examples
    --------
    >>> stream(0, "order") == stream(0, "order")
    True
    >>> stream(0, "order") == stream(1, "order")
    False
    """
    for name in (seed, *names):
        if type(name) not in (int, str):
            raise TypeError(f"a stream is named by str and int, not {name!r}")
    # ascii() of a tuple quotes and separates, so that ("a", "b") and ("a, b",) cannot meet.
    text = ascii((seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
