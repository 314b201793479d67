"""Numbers as JSON has them: null where a number does not exist, or an interval has an open end.

In: the fields of a decision. Out: plain values, and back. Called by `analysis.decisions.decision`.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import Any

Interval = tuple[float, float]


def json_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: json_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(v) for v in value]
    if isinstance(value, enum.Enum):
        return value.value
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value + 0.0 if math.isfinite(value) else None
    return value


def ends(pair: Any) -> Interval:
    low, high = pair if pair is not None else (None, None)
    return (-math.inf if low is None else low, math.inf if high is None else high)
