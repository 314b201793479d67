"""Names in the section on the paper's numbers: methods, places, statistics, in the paper's order.

In: records of `analysis.published.judging`. Out: plain text. Called by the tables, the figure and
the text of the section.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from analysis.display import formatting, naming

METHOD_WORDS = {"erm": "ERM", "rsc": "RSC"}


def method(name: str) -> str:
    """A printed method as a reader meets it: ``rsc+afn`` -> ``RSC, AFN``."""
    return ", ".join(METHOD_WORDS.get(part) or naming.norm(part) for part in name.split("+"))


def place(record: dict[str, Any]) -> str:
    """What a printed number is about, beside its method: a backbone, or a condition."""
    condition = record["condition"]
    if condition == "test":
        return naming.part(record["backbone"])
    if condition == "average":
        return "average"
    if condition.startswith("severity_"):
        return naming.outcome(condition)
    trained = record["setting"] == "single-source" and record["benchmark"] == "pacs"
    return f"{'trained' if trained else 'tested'} on {naming.domain(condition)}"


def heading(record: dict[str, Any]) -> str:
    """A place as a heading; the name of a backbone keeps its letters."""
    text = place(record)
    return text if record["condition"] == "test" else formatting.sentence_case(text)


def ordered(records: list[dict]) -> list[dict]:
    """Records of a place together, in the order in which the paper prints places and methods."""
    key = ("table", "backbone", "condition")
    places = list(dict.fromkeys(tuple(r[k] for k in key) for r in records))
    return sorted(records, key=lambda r: places.index(tuple(r[k] for k in key)))


def statistics(record: dict[str, Any]) -> str:
    """The protocol of a number, or those of a gain's two sides."""
    own = naming.protocol(record["protocol"])
    base = naming.protocol(record.get("baseline_protocol")) or own
    if own == base:
        return own if "baseline" not in record else f"both {own}"
    if "any" in (record["protocol"], record["baseline_protocol"]):
        return own if record["baseline_protocol"] == "any" else base
    return f"{own} {formatting.MINUS} {base}"


VERDICTS = ("replicated", "contradicted", "inconclusive")


def counts(records: list[dict]) -> str:
    """How many records have which verdict: ``two are replicated and one is contradicted``."""
    counts = Counter(r["verdict"] for r in records)
    told = [f"{formatting.small(counts[v])} {_be(counts[v])} {v}" for v in VERDICTS if counts[v]]
    return formatting.listing(told)


def _be(n: int) -> str:
    return "is" if n == 1 else "are"
