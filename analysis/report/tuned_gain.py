"""Sentences on what tuning changed: the gain at the defaults beside the gain after tuning.

In: the loaded study. Out: plain text. Called by the page.
"""

from __future__ import annotations

from typing import Any

from analysis.decisions.decision import shown_verdict
from analysis.display import formatting, naming
from analysis.display.phrases import arms_in_words, on_outcome
from analysis.tables.tuned_gain import pairs

MOST = 3
"""So many outcomes of one contrast are told; more are in the table."""


def sentences(inputs: Any) -> list[str]:
    """One sentence per contrast of a tuned experiment: the gain at the defaults, and tuned."""
    found = pairs(inputs) if inputs.searches else []
    grouped: dict[tuple, list] = {}
    for tuned, default in found:
        key = (tuned["experiment"], tuned["recipe"], tuned["a"], tuned["b"])
        grouped.setdefault(key, []).append((tuned, default))
    return [_sentence(inputs, own) for own in grouped.values()]


def _sentence(inputs: Any, own: list[tuple[dict, dict | None]]) -> str:
    a, b = arms_in_words(own[0][0])
    told = own[:MOST]
    clauses = [_clause(inputs, tuned, default) for tuned, default in told]
    more = len(own) - len(told)
    rest = f"; {formatting.small(more)} more in the section on tuning" if more else ""
    if all(default is None for _, default in own):
        lead = f"The difference of {a} to {b} with tuned settings:"
        return (
            f"{lead} {'; '.join(clauses)}{rest}; the study does not compare them at the defaults."
        )
    alone = any(default and default["backbone"] != "pooled" for _, default in own)
    on = f" on {naming.part(own[0][0]['blocks'][0])}" if alone else ""
    lead = f"The difference of {a} to {b}{on}, with default settings and then with tuned ones:"
    return f"{lead} {'; '.join(clauses)}{rest}; whether tuning changed this is not tested."


def _clause(inputs: Any, tuned: dict, default: dict | None) -> str:
    on = on_outcome(inputs, tuned)
    if default is None:
        return f"{on} {_found(tuned)}"
    return f"{on} {_found(default)} and {_found(tuned)}"


def _found(d: dict) -> str:
    """A decision in a few words: estimate, interval, verdict."""
    if not formatting.is_number(d["estimate"]):
        return f"unknown ({shown_verdict(d['verdict'])})"
    level = f"{100 * (1 - d.get('alpha', 0.05)):g} % interval {formatting.interval_words(d['ci'])}"
    return f"{formatting.signed(d['estimate'])} points ({level}, {shown_verdict(d['verdict'])})"
