"""Successive halving as numbers: how long each rung trains, and how many trials reach it.

In: factor and rungs of a search, the epochs of a whole training, the trials of a round. Out: epochs
and slots per rung, known before anything trains, so that the workflow knows every path. Each round
is a bracket of its own (Jamieson & Talwalkar 2016): all its trials train to the first rung, the
best 1/factor of them to the next, and so on; the last rung is the whole training.
"""

from __future__ import annotations

from afn.common.errors import StudyError


def rung_epochs(epochs: int, factor: int, rungs: int) -> list[int]:
    """Epochs after which each rung ends: ``epochs / factor**k``, rounded, half upwards.

    >>> rung_epochs(12, 3, 3)
    [1, 4, 12]
    """
    parts = [factor**k for k in range(rungs - 1, -1, -1)]
    return [(2 * epochs + part) // (2 * part) for part in parts]


def slots(trials: int, factor: int, rungs: int) -> list[int]:
    """How many trials of a round reach each rung: ``trials / factor**k``, rounded upwards.

    >>> slots(9, 3, 3)
    [9, 3, 1]
    """
    return [-(-trials // factor**k) for k in range(rungs)]


def check_trials(trials: int, width: int, factor: int, rungs: int) -> None:
    """Refuse rounds in which a rung would select nothing.

    Raises
    ------
    ValueError
        Names the key and the nearest valid values.
    """
    least = factor ** (rungs - 1)
    said = f"halving with factor {factor} and {rungs} rungs needs {least} trials in each round"
    if width < least:
        fits = max(k for k in range(1, rungs + 1) if factor ** (k - 1) <= width)
        instead = f", or rungs: {fits}" if fits > 1 else ""
        raise ValueError(f"width ({width}): {said}; nearest valid: width: {least}{instead}")
    rest = trials % width
    if 0 < rest < least:
        raise ValueError(
            f"trials ({trials}): {said}, and width {width} leaves {rest} for the last; "
            f"nearest valid: trials: {trials - rest} or {trials - rest + least}"
        )


def check_epochs(epochs: int, factor: int, rungs: int) -> None:
    """Refuse rungs of less than an epoch.

    Raises
    ------
    StudyError
        Names the key and the nearest valid values.
    """
    least = factor ** (rungs - 1)
    if epochs >= least:
        return
    fits = max(k for k in range(1, rungs + 1) if factor ** (k - 1) <= epochs)
    instead = f", or rungs: {fits}" if fits > 1 else ""
    raise StudyError(
        f"factor {factor} and {rungs} rungs need {least} epochs, and recipe.epochs is {epochs}; "
        f"nearest valid: recipe.epochs: {least}{instead}"
    )
