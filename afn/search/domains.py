"""What holds for a key of a search's space, however its trials are drawn.

In: the domain of a key as the study has it. Out: whether a trial has it, its value as text has it,
the value at a share of the domain and the share of a value. Called by the samplers, by the Sobol
points and where a search chooses.
"""

from __future__ import annotations

import math
from typing import Any


def active(domain: dict[str, Any], params: dict[str, Any]) -> bool:
    """Whether a key has a value in a trial with these other parameters."""
    return all(params.get(other) in values for other, values in domain.get("when", {}).items())


def rounded(domain: dict[str, Any], value: Any) -> Any:
    """A number with four digits, so that its text is stable; other values as they are."""
    if domain["kind"] != "float":
        return value
    return min(max(float(f"{value:.4g}"), domain["low"]), domain["high"])


def with_shares(space: dict[str, dict[str, Any]], shares: dict[str, float]) -> dict[str, Any]:
    """Parameters of a trial, each at its share (from 0 to 1) of its domain."""
    params: dict[str, Any] = {}
    for key, domain in space.items():
        if active(domain, params):
            params[key] = at(domain, shares[key])
    return params


def at(domain: dict[str, Any], share: float) -> Any:
    """The value of a domain below which ``share`` (from 0 to 1) of it lies.

    >>> at({"kind": "float", "low": 0.01, "high": 1.0, "log": True}, 0.5)
    0.1
    """
    if domain["kind"] == "categorical":
        choices = domain["choices"]
        return choices[min(int(share * len(choices)), len(choices) - 1)]
    low, high = domain["low"], domain["high"]
    if domain["kind"] == "float":
        return rounded(domain, _between(low, high, share, log=domain["log"]))
    if domain["log"]:
        # Each whole number owns what rounds to it.
        value = round(_between(low - 0.5, high + 0.5, share, log=True))
        return min(max(value, low), high)
    steps = (high - low) // domain["step"] + 1
    return low + domain["step"] * min(int(share * steps), steps - 1)


def _between(low: float, high: float, share: float, *, log: bool) -> float:
    if log:
        return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    return low + share * (high - low)


def share(domain: dict[str, Any], value: Any) -> float | None:
    """Where a number lies in its domain, from 0 to 1; None for choices without an order.

    >>> share({"kind": "float", "low": 0.01, "high": 1.0, "log": True}, 0.1)
    0.5
    >>> share({"kind": "categorical", "choices": [-1, -3, -5]}, -3)
    0.5
    """
    if domain["kind"] == "categorical":
        choices = domain["choices"]
        numbers = all(isinstance(c, int | float) and not isinstance(c, bool) for c in choices)
        if not numbers or value not in choices:
            return None
        return sorted(choices).index(value) / (len(choices) - 1)
    low, high, place = float(domain["low"]), float(domain["high"]), float(value)
    if domain["log"]:
        if place <= 0:
            return None
        low, high, place = math.log(low), math.log(high), math.log(place)
    return (place - low) / (high - low)
