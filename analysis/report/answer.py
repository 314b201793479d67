"""The answer of a study in three sentences, made from its decisions and nothing else.

In: decision objects and the study. Out: plain text for the top of the report: what the first
declared comparison found; what is left of it when both methods are tested with the same
statistics; how the whole family came out. Every number is a decision's number.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from analysis.decisions.decision import ON_AVERAGE, shown_verdict
from analysis.display import formatting, naming, phrases
from analysis.display.about import about
from analysis.display.phrases import arms_in_words, on_outcome
from analysis.report import published

POOLED = "pooled"
NOTHING = "nothing to compare"


def sentences(inputs: Any) -> list[str]:
    """At most three sentences, fewer where the study decides less; one paragraph more where it
    repeats numbers of the paper.

    Parameters
    ----------
    inputs : Inputs
        Study, decisions and results.
    """
    family = family_of(inputs)
    if not family:
        return ["The study declares no comparison: it describes and decides nothing."]
    return [_headline(inputs, family), *_same_statistics(inputs, family), *published.answer(inputs)]


def family_of(inputs: Any) -> list[dict]:
    """The pooled primary decisions; all pooled ones if the plan names no primary experiment."""
    pooled = [d for d in inputs.decisions if d["backbone"] == POOLED]
    return [d for d in pooled if d["primary"]] or pooled


def _headline(inputs: Any, family: list[dict]) -> str:
    """The first comparison that the study declares."""
    own = [d for d in family if _pair(d) == _pair(family[0])]
    lead = f"{how_compared(inputs, family[0])}, " if len(inputs.protocols) > 1 else ""
    return formatting.sentence_case(f"{lead}{told(inputs, own)}.")


def _same_statistics(inputs: Any, family: list[dict]) -> list[str]:
    """The same two methods under equal other statistics, and what the statistics are worth."""
    norms = tuple(_norm(family[0][k]) for k in "ab")
    for d in family:
        (a, _, at), (b, _, at_b) = d["a"].partition("@"), d["b"].partition("@")
        if (a, b) != norms or at != at_b or at in ("", inputs.protocols[0]):
            continue
        own = [e for e in family if _pair(e) == _pair(d)]
        alone = [e for e in family if (e["a"], e["b"]) == (f"{b}@{at}", b)]
        text = formatting.sentence_case(f"{how_compared(inputs, d)}, {told(inputs, own)}.")
        return [text, *_worth(inputs, own, alone)]
    return []


def _worth(inputs: Any, own: list[dict], alone: list[dict]) -> list[str]:
    """How much of the mixed comparison is the statistics': the outcome where that is largest."""
    method_of = {(d["task"], d["outcome"], d["recipe"]): d for d in own}
    pairs = [(d, method_of.get((d["task"], d["outcome"], d["recipe"]))) for d in alone]
    both = [
        (d, e) for d, e in pairs if e and all(formatting.is_number(x["estimate"]) for x in (d, e))
    ]
    if not both:
        return []
    change, method = max(both, key=lambda pair: abs(pair[0]["estimate"]))
    a, b = naming.norm(_norm(method["a"])), naming.norm(_norm(change["a"]))
    other = naming.statistics(change["a"].partition("@")[2])
    first = naming.statistics(inputs.protocols[0])
    verb = "gains" if change["estimate"] > 0 else "costs"
    # The sum of the rounded parts, so that the printed numbers add up.
    total = round(change["estimate"], 2) + round(method["estimate"], 2)
    return [
        f"Switching the same trained {b} networks from {first} to {other} {verb} them "
        f"{formatting.number(abs(change['estimate']))} points {on_outcome(inputs, change)} "
        f"({_numbers(change)}), so a comparison of {a} with {other} to {b} with {first} would show "
        f"{formatting.signed(total)} points there, of which "
        f"{formatting.signed(change['estimate'])} belong "
        f"to the statistics and {formatting.signed(method['estimate'])} to {a}."
    ]


def how_compared(inputs: Any, d: dict) -> str:
    """The statistics under which a comparison is made: ``with running statistics``."""
    first = inputs.protocols[0]
    at = [d[k].partition("@")[2] or first for k in "ab"]
    if at[0] == at[1]:
        same = naming.protocol_long(at[0], inputs.study.protocols.get(at[0]))
        return f"tested with {same}" if at[0] == first else f"with the same {same} for both"
    return f"tested with {naming.statistics(at[0])} and {naming.statistics(at[1])}"


def told(inputs: Any, own: list[dict]) -> str:
    """All outcomes of one comparison, differences first; many tasks are counted, not told."""
    if len(own) > 3:
        return _counted(own)
    ordered = sorted(own, key=lambda d: not d["verdict"].startswith(("superior", "inferior")))
    clauses = [clause(inputs, d, full=i == 0) for i, d in enumerate(ordered)]
    return "; ".join(clauses)


def _counted(own: list[dict]) -> str:
    parts = []
    for outcome in dict.fromkeys(d["outcome"] for d in own):
        verdicts = Counter(_said(d["verdict"]) for d in own if d["outcome"] == outcome)
        counts = formatting.listing(
            f"{v} in {formatting.count(n, 'task')}" for v, n in verdicts.items()
        )
        parts.append(f"{naming.on_outcome(outcome)} {counts}")
    a, b = arms_in_words(own[0])
    return f"{a} compared with {b} is {'; '.join(parts)}"


def clause(inputs: Any, d: dict, *, full: bool = True) -> str:
    """One decision as a clause, from its verdict, estimate, interval, adjusted p and n.

    Parameters
    ----------
    full : bool
        Name both arms, the margin and n; otherwise continue a sentence that has named them.
    """
    text = _decided(inputs, d, full)
    depends = phrases.dependence(d.get("heterogeneity"), d["alpha"])
    if depends:
        return f"{text}, but the difference depends on the backbone ({depends})"
    against = phrases.opposite(d)
    return f"{text}, but the difference has the other sign on {against}" if against else text


def _decided(inputs: Any, d: dict, full: bool) -> str:
    a, b = arms_in_words(d)
    both = f"{a} and {b}" if full else "the two"
    on, kind = on_outcome(inputs, d), d["verdict"].partition(",")[0]
    margin = f"{d['margin']:g} {'point' if d['margin'] == 1 else 'points'}"
    if kind == NOTHING:
        return f"{on} there is nothing to compare: every run of {a} and of {b} diverged"
    if kind == "not enough pairs" or not formatting.is_number(d["estimate"]):
        return f"{on} there are not yet enough pairs of runs to compare {both}"
    numbers = _numbers(d, n=full)
    difference = f"difference {formatting.signed(d['estimate'])} points, {numbers}"
    if kind in ("superior", "inferior"):
        more = "more" if kind == "superior" else "less"
        than = f" than {b}" if full else ""
        small = f", less than the margin of {margin}" if "margin" in d["verdict"] else ""
        by = f"by {formatting.number(abs(d['estimate']))} points ({numbers}){small}"
        return f"{on} {a} is {more} accurate{than} {by}"
    if kind == "equivalent":
        return f"{on} {both} are equivalent within the margin of {margin} ({difference})"
    if kind == ON_AVERAGE:
        return (
            f"{on} {both} are equivalent within the margin of {margin} on average over the "
            f"backbones, but not on each of them ({difference})"
        )
    if kind == "non-inferior":
        return (
            f"{on} {a} is not worse{f' than {b}' if full else ''} by more than the margin of "
            f"{margin}, but it stays open whether it is better ({difference})"
        )
    if kind.startswith("cannot"):
        whether = f"whether {a} or {b}" if full else "which of the two"
        few = f"{formatting.small(d['n'])} {d['paired_by']}s are too few to tell"
        return f"{on} it stays open {whether} is better, and {few} ({difference})"
    found = ""
    if formatting.is_number(d["mde"]):
        found = f"; {formatting.number(d['mde'])} points would have been found with 80 % power"
    whether = f"whether {a} or {b}" if full else "which of the two"
    return f"{on} it stays open {whether} is better ({difference}{found})"


def _numbers(d: dict, *, n: bool = False) -> str:
    level = 100 * (1 - d.get("alpha", 0.05))
    unit = d["paired_by"] if d["n"] == 1 else f"{d['paired_by']}s"
    where = f", n = {d['n']} paired {unit}, {about(d['target'], d['images'])}" if n else ""
    return (
        f"{level:g} % interval {formatting.interval_words(d['ci'])}, adjusted "
        f"{formatting.p_equation(d['p_adjusted'])}{where}"
    )


def tally(inputs: Any) -> str:
    """How the whole family came out, and what happened to the runs."""
    family = family_of(inputs)
    if not family:
        return formatting.sentence_case(f"{fate(inputs)}.")
    what = "primary comparison" if family[0]["primary"] else "comparison"
    if len(family) == 1:
        return f"This is the one {what} of the study; {fate(inputs)}."
    kinds = Counter(_kind(d["verdict"]) for d in family)
    small = sum(", below the margin" in d["verdict"] for d in family)
    counts = [
        f"{shown_verdict(kind)} in {formatting.small(kinds[kind])}" for kind in KINDS if kinds[kind]
    ]
    how = ""
    if family[0]["primary"]:
        how = f", corrected together by {inputs.study.plan.correction.capitalize()}'s method,"
    parts = [f"the first-named arm came out {formatting.listing(counts)}"] if counts else []
    for kind, (one, more) in OTHER.items():
        if kinds[kind]:
            parts.append(f"{formatting.small(kinds[kind])} {one if kinds[kind] == 1 else more}")
    text = f"Of the {formatting.small(len(family))} {what}s{how} {'; '.join(parts)}"
    if small:
        clear = formatting.small(kinds["superior"] + kinds["inferior"])
        lie = "lies" if small == 1 else "lie"
        text += (
            f"; {formatting.small(small)} of the {clear} differences found {lie} below the margin"
        )
    return f"{text}; {fate(inputs)}."


KINDS = ("superior", "inferior", "equivalent", ON_AVERAGE, "non-inferior", "inconclusive")
# Verdicts that do not read as "came out ...": how many comparisons, in words, and what of them.
OTHER = {
    "cannot": ("is open, with too few seeds to tell", "are open, with too few seeds to tell"),
    NOTHING: ("has nothing to compare", "have nothing to compare"),
    "not enough pairs": ("lacks pairs of runs", "lack pairs of runs"),
}


def _kind(verdict: str) -> str:
    kind = verdict.partition(",")[0]
    return "cannot" if kind.startswith("cannot") else kind


def _said(verdict: str) -> str:
    """A kind of verdict after "is"."""
    kind = _kind(verdict)
    said = {"cannot": "open (too few seeds)", NOTHING: "without a finished run"}
    return said.get(kind, shown_verdict(kind))


def fate(inputs: Any) -> str:
    """How many runs there are, and how many diverged."""
    runs = inputs.results.drop_duplicates(["task", "backbone", "norm", "recipe", "seed"])
    declared = len(inputs.study.cells()) * len(inputs.study.seeds)
    diverged = int((runs["status"] == "diverged").sum())
    lost = "none" if not diverged else formatting.small(diverged)
    made = f"the {len(runs):,} runs"
    if len(runs) < declared:
        made = f"the {len(runs):,} runs that exist (of {declared:,} declared)"
    return f"{lost} of {made} diverged"


def _norm(arm: str) -> str:
    return arm.partition("@")[0]


def _pair(d: dict) -> tuple:
    return d["experiment"], d["a"], d["b"], d["recipe"]
