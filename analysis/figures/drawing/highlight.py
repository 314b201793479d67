"""Which methods stand out in a figure of many lines.

In: the loaded study. Out: names of norms. Called by figures that draw one line per method.
"""

from __future__ import annotations

from analysis.inputs import Inputs

MANY = 14  # more lines than this: only those of the primary comparisons keep colour and label


def highlighted(inputs: Inputs) -> set[str]:
    """Norms that stand in a primary comparison."""
    arms = [arm for d in inputs.decisions if d["primary"] for arm in (d["a"], d["b"])]
    return {arm.partition("@")[0] for arm in arms}
