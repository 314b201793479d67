"""What holds for a key of a search's space, however its trials are drawn.

In: the domain of a key as the study has it. Out: whether a trial has it, and its value as text has
it. Called by the samplers and by the Sobol points.
"""

from __future__ import annotations

from typing import Any


def active(domain: dict[str, Any], params: dict[str, Any]) -> bool:
    """Whether a key has a value in a trial with these other parameters."""
    return all(params.get(other) in values for other, values in domain.get("when", {}).items())


def rounded(domain: dict[str, Any], value: Any) -> Any:
    """A number with four digits, so that its text is stable; other values as they are."""
    if domain["kind"] != "float":
        return value
    return min(max(float(f"{value:.4g}"), domain["low"]), domain["high"])
