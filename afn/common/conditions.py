"""Which tests belong to a protocol that is limited to some conditions.

Called by the training and by the plan's cost. On its own, so that a trainer needs nothing of a
study's grid and plan, and no change of them trains anything again.
"""

from __future__ import annotations

from collections.abc import Sequence


def selects(conditions: Sequence[str] | None, condition: str, severity: int | None) -> bool:
    """Whether a protocol limited to ``conditions`` (None: not limited) has this test.

    >>> selects(["clean", "severity_5"], "blur", 5), selects(["clean"], "blur", 5)
    (True, False)
    """
    if conditions is None or condition in conditions:
        return True
    return condition != "clean" and bool({"shift", f"severity_{severity}"} & set(conditions))
