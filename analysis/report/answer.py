"""The answer of a study, made from its decisions and nothing else.

In: decision objects and the study. Out: plain text for the top of the report: a reply to the
study's question with n; what that reply is about and how much its number of seeds allows; after
the board of verdicts, at most 150 words on what stands behind it. Every number is a decision's.
"""

from __future__ import annotations

from collections import Counter

from afn.study.parts.names import Arm
from analysis.decisions.decision import Decision
from analysis.decisions.words import phrases
from analysis.decisions.words.verdicts import words
from analysis.display import formatting, naming
from analysis.inputs import Inputs
from analysis.report import provenance, published, statistics_worth, tuned_gain, waves
from analysis.stats.verdict import Verdict
from analysis.tables import dependence
from analysis.tables.board import declared

POOLED = "pooled"
WORDS = 150
"""So many words follow the board; a sentence that does not fit is told in its section only."""
PLACES = 4
"""So many places (outcome, task, recipe) of one relation are named; more are counted."""


def sentences(inputs: Inputs) -> list[str]:
    """The reply, first counted and then told, what the statistics of test time are worth beside
    it, and what the reply is about."""
    own = of_subject(inputs)
    if not own:
        return ["The study declares no comparison: it describes and decides nothing."]
    worth = statistics_worth.worth(inputs, family_of(inputs))
    reply = [*_in_short(own), _reply(inputs, own), *worth]
    return [*reply, *waves.sentences(inputs), *_scope(inputs, own)]


def after(inputs: Inputs) -> list[str]:
    """What stands behind the board, in at most 150 words, the most important first."""
    family = family_of(inputs)
    candidates = [
        tally(inputs),
        waves.needed(inputs),
        *tuned_gain.summary(inputs),
        *(dependence.sentences(inputs, family[0].primary) if family else []),
        *published.answer(inputs),
    ]
    found, left = [], WORDS
    for text in candidates:
        size = len(text.split())
        if text and size <= left:
            found.append(text)
            left -= size
    return found


def family_of(inputs: Inputs) -> list[Decision]:
    """The pooled primary decisions; all declared ones, or all, if none is primary."""
    pooled = [d for d in inputs.decisions if d.backbone == POOLED]
    return [d for d in pooled if d.primary] or declared(inputs) or pooled


def of_subject(inputs: Inputs) -> list[Decision]:
    """The decisions of the family about the method that the study names first."""
    family = family_of(inputs)
    return [d for d in family if _norm(d.a) == _norm(family[0].a)]


def _in_short(own: list[Decision]) -> list[str]:
    """In how many of its comparisons the first-named method is better: yes, no, or in some."""
    if len(own) < 2:
        return []
    kinds = Counter(d.verdict for d in own)
    better, worse = kinds[Verdict.SUPERIOR], kinds[Verdict.INFERIOR]
    small = sum(d.verdict is Verdict.SUPERIOR and d.below_margin for d in own)
    alike = sum(d.verdict.by_margin for d in own)
    open_ones = len(own) - better - worse - alike
    count = formatting.small(len(own))
    lead = {0: f"in none of its {count}", len(own): f"in all of its {count}"}
    text = f"In short: {lead.get(better, f'in {formatting.small(better)} of its {count}')} "
    text += f"{'primary' if own[0].primary else 'exploratory'} comparisons{_baselines(own)}"
    name = naming.norm(_norm(own[0].a))
    text += f", {name} is more accurate" if better else f" is {name} shown to be more accurate"
    if small:
        text += f" ({formatting.small(small)} by less than the margin)"
    rest = [f"less accurate in {formatting.small(worse)}"] if worse else []
    rest += [f"alike within the margin or not worse in {formatting.small(alike)}"] if alike else []
    rest += [f"open in {formatting.small(open_ones)}"] if open_ones else []
    return [f"{text}; it is {formatting.listing(rest)}." if rest else f"{text}."]


def _baselines(own: list[Decision]) -> str:
    """`` with BatchNorm and ASRNorm``; nothing where they are many."""
    names = list(dict.fromkeys(naming.norm(_norm(d.b)) for d in own))
    return f" with {formatting.listing(names)}" if len(names) <= PLACES else ""


def _reply(inputs: Inputs, own: list[Decision]) -> str:
    """What the first-named method is, compared with each of its baselines."""
    lead = f"With {_pairs(own)}"
    if not own[0].primary:
        lead = f"Exploratory, with {_pairs(own)}"
    if any(phrases.by_t_alone(d) for d in own):
        lead += " and by the t-test alone"
    ways: dict[str, list[Decision]] = {}
    for d in own:
        ways.setdefault(how_compared(inputs, d) if len(inputs.protocols) > 1 else "", []).append(d)
    told = [(way, formatting.listing(_relations(inputs, found))) for way, found in ways.items()]
    (first, relations), *others = told
    way = f", {first}," if first else ""
    texts = [f"{lead}, {naming.norm(_norm(own[0].a))} is{way} {relations}."]
    texts += [f"{formatting.sentence_case(way)}, it is {found}." for way, found in others]
    return " ".join(texts)


def _pairs(own: list[Decision]) -> str:
    """The number of pairs of some decisions, in words."""
    sizes = sorted({d.n for d in own})
    noun = own[0].paired_by
    unit = noun if sizes == [1] else formatting.plural(noun)
    span = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return f"n = {span} paired {unit}"


def _relations(inputs: Inputs, own: list[Decision]) -> list[str]:
    found: dict[str, list[Decision]] = {}
    for d in own:
        found.setdefault(_relation(d), []).append(d)
    total = Counter(d.b for d in own)
    return [f"{text} {_places(inputs, same, total)}" for text, same in found.items()]


def _places(inputs: Inputs, same: list[Decision], total: Counter) -> str:
    if len(same) > PLACES:
        return f"in {len(same)} of {total[same[0].b]} comparisons"
    if len({(d.task, d.recipe) for d in same}) > 1 or len(inputs.tasks) > 1:
        alike: dict[tuple, list[Decision]] = {}
        for d in same:
            alike.setdefault((d.outcome, d.task), []).append(d)
        return formatting.listing(_place(inputs, own) for own in alike.values())
    shown = [naming.on_outcome(d.outcome).removeprefix("on ") for d in same]
    shown = [*(s.removesuffix(" images") for s in shown[:-1]), shown[-1]]
    return f"on {formatting.listing(shown)}{phrases.bracketed(phrases.recipe(inputs, same[0]))}"


def _place(inputs: Inputs, own: list[Decision]) -> str:
    """Decisions on one outcome and task: their recipes, and the differences that were found."""
    told = [": ".join(filter(None, [phrases.recipe(inputs, d), _found(d)])) for d in own]
    where = f" of {inputs.task_name(own[0].task)}" if len(inputs.tasks) > 1 else ""
    return naming.on_outcome(own[0].outcome) + where + phrases.bracketed(*told)


def _found(d: Decision) -> str:
    return formatting.signed(d.estimate) if d.verdict.clear else ""


def _relation(d: Decision) -> str:
    """A verdict as what the first arm is to the second."""
    b = naming.norm(_norm(d.b))
    if d.verdict.clear:
        more = "more" if d.verdict is Verdict.SUPERIOR else "less"
        small = ", by less than the margin," if d.below_margin else ""
        against = phrases.opposite(d)
        other = f" (but of the other sign on {against})" if against else ""
        return f"{more} accurate than {b}{small}{other}"
    if phrases.perhaps_not_zero(d):
        return f"equivalent to {b} ({phrases.PERHAPS})"
    return {
        Verdict.EQUIVALENT: f"equivalent to {b}",
        Verdict.EQUIVALENT_ON_AVERAGE: (
            f"equivalent to {b} on average, not on every backbone{_by_backbone(d)},"
        ),
        Verdict.NON_INFERIOR: f"not worse than {b} by more than the margin, perhaps better,",
        Verdict.NOTHING_TO_COMPARE: f"without a finished run to compare with {b}",
        Verdict.NOT_ENOUGH_PAIRS: f"not yet comparable with {b} (too few pairs)",
    }.get(d.verdict, f"undecided against {b}")


def _by_backbone(d: Decision) -> str:
    """`` (convnet_small +0.65, resnet8 -0.62)``, where these are few."""
    told = phrases.by_backbone(d.heterogeneity) if d.heterogeneity else []
    return f" ({formatting.listing(told)})" if 0 < len(told) <= PLACES else ""


def _scope(inputs: Inputs, own: list[Decision]) -> list[str]:
    """What the reply is about, and what few seeds or several looks mean for it."""
    parts = [phrases.scope(own)]
    few = [d for d in own if phrases.exact_cannot(d) and d.n > 1]
    if few:
        d = min(few, key=lambda d: d.n)
        needed = d.alpha / (d.family_size if d.primary else 1)
        parts.append(
            f"with {d.n} {formatting.plural(d.paired_by)} an exact test cannot go below "
            f"{formatting.p_equation(d.sensitivity['smallest_p'])}, where the first step of the "
            f"correction needs {needed:.2g}: what is found rests on the t-test and its intervals"
        )
    looks = [d for d in own if d.looks]
    if looks:
        most = max(d.looks or 0 for d in looks)
        parts.append(f"the decisions were looked at {formatting.count(most, 'time')}, as planned")
        parts[-1] += ", and the intervals hold at all looks at once"
    return [formatting.sentence_case(f"{'; '.join(parts)}.")]


def how_compared(inputs: Inputs, d: Decision) -> str:
    """The statistics under which a comparison is made: ``with running statistics``."""
    first = inputs.protocols[0]
    at = [arm.protocol or first for arm in d.arms]
    if at[0] == at[1]:
        same = naming.protocol_long(at[0], inputs.study.protocols.get(at[0]))
        return f"with {same}" if at[0] == first else f"with the same {same} for both"
    return f"with {naming.statistics(at[0])} against {naming.statistics(at[1])}"


def tally(inputs: Inputs) -> str:
    """How the whole family came out, and what happened to the runs."""
    family = family_of(inputs)
    if not family:
        return formatting.sentence_case(f"{fate(inputs)}.")
    what = "primary comparison" if family[0].primary else "comparison"
    if len(family) == 1:
        return f"This is the one {what} of the study; {fate(inputs)}."
    kinds = Counter(d.verdict for d in family)
    small = sum(d.below_margin for d in family)
    counts = [f"{words(kind)} in {formatting.small(kinds[kind])}" for kind in KINDS if kinds[kind]]
    how = ""
    if family[0].primary:
        how = f", corrected together by {inputs.study.plan.correction.capitalize()}'s method,"
    parts = [f"the first-named arm came out {formatting.listing(counts)}"] if counts else []
    for kind, (one, more) in OTHER.items():
        if kinds[kind]:
            parts.append(f"{formatting.small(kinds[kind])} {one if kinds[kind] == 1 else more}")
    text = f"Of the {formatting.small(len(family))} {what}s{how} {'; '.join(parts)}"
    if small:
        clear = formatting.small(sum(d.verdict.clear for d in family))
        lie = "lies" if small == 1 else "lie"
        text += (
            f"; {formatting.small(small)} of the {clear} differences found {lie} below the margin"
        )
    return f"{text}; {fate(inputs)}."


KINDS = (
    Verdict.SUPERIOR,
    Verdict.INFERIOR,
    Verdict.EQUIVALENT,
    Verdict.EQUIVALENT_ON_AVERAGE,
    Verdict.NON_INFERIOR,
    Verdict.INCONCLUSIVE,
    Verdict.UNDECIDED,
)
# Verdicts that do not read as "came out ...": how many comparisons, in words, and what of them.
OTHER = {
    Verdict.CANNOT_REJECT: (
        "is open, with too few seeds to tell",
        "are open, with too few seeds to tell",
    ),
    Verdict.NOTHING_TO_COMPARE: ("has nothing to compare", "have nothing to compare"),
    Verdict.NOT_ENOUGH_PAIRS: ("lacks pairs of runs", "lack pairs of runs"),
}


def fate(inputs: Inputs) -> str:
    """How many runs there are, and how many diverged."""
    runs = inputs.results.drop_duplicates(["task", "backbone", "norm", "recipe", "seed"])
    declared_runs = provenance.declared(inputs)
    diverged = int((runs["status"] == "diverged").sum())
    lost = "none" if not diverged else formatting.small(diverged)
    made = f"the {len(runs):,} runs"
    if len(runs) < declared_runs:
        made += f" that exist (of {declared_runs:,} declared)" if inputs.looks is None else ""
    return f"{lost} of {made} diverged"


def _norm(arm: str) -> str:
    return Arm.parse(arm).norm
