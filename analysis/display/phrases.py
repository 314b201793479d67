"""Parts of sentences about decisions that answer, tables and captions share.

In: decisions as mappings. Out: plain text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.display import naming
from analysis.display.formatting import is_number, p_equation, signed
from analysis.display.naming import part


def arms_in_words(d: dict) -> tuple[str, str]:
    """Both arms as they read in a sentence; statistics are named where the arms differ in them."""
    (norm_a, _, at_a), (norm_b, _, at_b) = d["a"].partition("@"), d["b"].partition("@")
    if at_a == at_b:
        return naming.norm(norm_a), naming.norm(norm_b)
    a = naming.norm(norm_a) + (f" with {naming.statistics(at_a)}" if at_a else "")
    b = naming.norm(norm_b) + (f" with {naming.statistics(at_b)}" if at_b else "")
    return a, b


def on_outcome(inputs: Any, d: dict) -> str:
    """Where a decision was made: its outcome, and task and recipe where there are several."""
    where = f" of {inputs.task_name(d['task'])}" if len(inputs.tasks) > 1 else ""
    several = len({e["recipe"] for e in inputs.decisions if e["experiment"] == d["experiment"]}) > 1
    recipe = f" (recipe {naming.part(d['recipe'])})" if several else ""
    return naming.on_outcome(d["outcome"]) + where + recipe


def opposite(d: Mapping) -> str:
    """Where the difference of a pooled verdict has the other sign, with the numbers; else nothing.

    Only for backbones that the claim is about; of a population, they are the sample.
    """
    found = (d.get("heterogeneity") or {}).get("estimates") or {}
    clear = d["verdict"].startswith(("superior", "inferior"))
    if not clear or not d.get("intervals_by_backbone"):
        return ""
    own = [(b, x) for b, x in found.items() if is_number(x) and x * d["estimate"] < 0]
    return ", ".join(f"{part(b)} ({signed(x)})" for b, x in own)


def dependence(found: Mapping | None, alpha: float, digits: int = 2, most: int = 6) -> str:
    """How a difference varies between backbones, where the test of it rejects; else nothing.

    >>> dependence({"p": 0.007, "estimates": {"one": 0.664, "two": -0.56}}, 0.05)
    'p = 0.007: one +0.66, two \u22120.56'
    """
    if not found or len(found["estimates"]) < 2 or not is_number(found["p"]):
        return ""
    if found["p"] >= alpha:
        return ""
    each = ", ".join(f"{part(b)} {signed(x, digits)}" for b, x in found["estimates"].items())
    return p_equation(found["p"]) + (f": {each}" if len(found["estimates"]) <= most else "")
