"""Decisions with some fields as a test needs them, the others those of one plain comparison."""

from __future__ import annotations

from typing import Any

from analysis.decisions.decision import Decision

PLAIN: dict[str, Any] = {
    "experiment": "only",
    "task": "digits8x8",
    "recipe": "plain",
    "outcome": "clean",
    "a": "afn",
    "b": "batch",
    "backbone": "pooled",
    "blocks": ["resnet8"],
    "primary": True,
    "estimand": "these_backbones",
    "n": 10,
    "estimate": 0.5,
    "ci": [0.1, 0.9],
    "ci_simultaneous": [0.1, 0.9],
    "ci_equivalence": [-0.2, 0.8],
    "test": "paired t",
    "p": 0.02,
    "p_adjusted": 0.02,
    "family_size": 1,
    "sensitivity": {"test": "exact sign-flip", "p": 0.02, "smallest_p": 0.002},
    "d_z": 0.9,
    "g_z": 0.8,
    "improvement": {"estimate": 0.8, "ci": [0.5, 0.95]},
    "variance_ratio": 2.0,
    "mde": 1.0,
    "margin": 1.0,
    "diverged": {"a": 0, "b": 0},
    "verdict": "superior",
}


def decision(**fields: Any) -> Decision:
    """A decision from its JSON form."""
    return Decision.from_dict(PLAIN | fields)
