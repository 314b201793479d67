"""How a study decides, as a paper tells it: tests, intervals, correction, target, margin, waves.

In: the plan, and the decisions that were made by it (which test, about what). Out: one paragraph of
plain text with citations. Called by `analysis.paper.methods`.
"""

from __future__ import annotations

from afn.study.plan.checks import primary_experiments
from analysis.decisions.words import phrases
from analysis.display import formatting, naming
from analysis.display.formatting import listing
from analysis.inputs import Inputs
from analysis.paper.markup import cite
from analysis.report import provenance

INTERVALS = {
    phrases.THESE: "It varies the seeds alone and is about these test images: Student's t over the "
    "paired differences",
    phrases.ALIKE: "It varies seeds and test images, crossed, and is about images like these: "
    "two-way variance components with Satterthwaite's degrees of freedom",
    phrases.DATA: "It varies seeds and splits and is about data like these: the corrected t of "
    "Nadeau and Bengio",
}
SOURCES = {
    phrases.THESE: ("student1908",),
    phrases.ALIKE: ("satterthwaite1946",),
    phrases.DATA: ("nadeau2003",),
}
CORRECTIONS = {"holm": ("holm1979",), "benjamini_hochberg": ("benjamini1995",)}


def decisions(inputs: Inputs) -> str:
    """The whole paragraph; a study without comparisons decides nothing."""
    if not inputs.decisions:
        return "The study declares no comparison: it describes and decides nothing."
    parts = [family(inputs), pooling(inputs), interval(inputs), looks(inputs), verdicts(inputs)]
    return " ".join([*filter(None, parts), further(inputs)])


def family(inputs: Inputs) -> str:
    """What was declared, and corrected together."""
    plan = inputs.study.plan
    primary = [d for d in inputs.decisions if d.primary]
    if not primary:
        return (
            "No comparison was declared as primary before the results were known: everything here "
            "is exploratory."
        )
    experiments = listing(e.replace("_", " ") for e in primary_experiments(inputs.study))
    m = primary[0].family_size
    told = (
        f"Contrasts, outcomes, level and margin were declared before anything was trained. The "
        f"primary family has {formatting.count(m, 'comparison')} (experiment"
        f"{'s' if len(primary_experiments(inputs.study)) > 1 else ''} {experiments}; "
        f"{listing(naming.outcome(o) for o in inputs.outcomes)}), decided at alpha = {plan.alpha:g}"
    )
    if m < 2:
        return f"{told}, without a correction for their number."
    name = plan.correction.replace("_", " ").capitalize()
    return f"{told} after {name}'s correction{cite(*CORRECTIONS.get(plan.correction, ()))}."


def pooling(inputs: Inputs) -> str:
    """The unit of a decision."""
    if len({c.backbone for c in inputs.study.cells()}) < 2:
        return ""
    if inputs.study.plan.estimand == "these_backbones":
        return (
            "A comparison pools the networks that both arms were trained in: the difference is "
            "averaged over them seed by seed, the unit is the seed, and the claim is about these "
            "networks."
        )
    return "The unit of a pooled comparison is the network, of which there are few."


def interval(inputs: Inputs) -> str:
    """The interval and the test of the target; what fell back to another is said."""
    own = [d for d in inputs.decisions if d.primary] or inputs.decisions
    targets = dict.fromkeys(d.target for d in own)
    told = [
        f"{INTERVALS[target]}{cite(*SOURCES[target])}"
        + (f" ({sum(d.target == target for d in own)} of {len(own)})" if len(targets) > 1 else "")
        for target in targets
    ]
    text = (
        f"Each comparison has a difference in points (percentage points of accuracy) with a "
        f"{inputs.level} interval, from which its p and its verdict come. {'. '.join(told)}."
    )
    flipped = sum("sign-flip" in d.test for d in own)
    if flipped:
        text += (
            f" With a diverged run ({formatting.count(flipped, 'comparison')} here) the test is "
            f"the exact sign-flip test{cite('fisher1935')} and the interval its inversion."
        )
    return text + (
        f" Beside it stand the exact sign-flip test{'' if flipped else cite('fisher1935')}, the "
        f"simultaneous interval of the family and Hedges' g{cite('hedges1981')} of the paired "
        "differences."
    )


def verdicts(inputs: Inputs) -> str:
    """What each verdict asks for."""
    plan = inputs.study.plan
    narrow = formatting.level(2 * plan.alpha)
    return (
        f"Superior or inferior: the adjusted p is below {plan.alpha:g}. Equivalent: the {narrow} "
        f"interval lies within {formatting.PLUS_MINUS}{plan.margin:g} points, the two one-sided "
        f"tests{cite('schuirmann1987')}, not corrected over the family. Non-inferior: its lower "
        "end lies above the negative margin. Pooled over several networks, both hold only where "
        "each network's own interval lies so; where their mean alone does, it is equivalent on "
        "average. Nothing else is a claim; a difference that is not significant is never called "
        "equal."
    )


def looks(inputs: Inputs) -> str:
    """Seeds in waves: the schedule, the boundary, and what was needed."""
    if inputs.looks is None:
        return ""
    facts = dict(provenance.plan_facts(inputs))
    made, most = len(provenance.runs_of(inputs)), provenance.declared(inputs)
    return (
        f"Seeds came {facts['seeds']}{cite('wang1987')}: what a look decides is frozen, intervals "
        f"and p values hold for all looks together, and {made:,} of at most {most:,} trainings "
        "were needed."
    )


def further(inputs: Inputs) -> str:
    """Comparisons that are not in the family, trends, and divergence."""
    rest = [d for d in inputs.decisions if not d.primary and d.backbone == "pooled"]
    told = []
    if rest and any(d.primary for d in inputs.decisions):
        told.append("All other comparisons are exploratory and no claim of the study.")
    if inputs.ablations.get("trends"):
        told.append(f"Ordered factors: Page's test{cite('page1963')} over paired seeds.")
    if any(d["diverged"] for d in inputs.ablations.get("divergence", [])):
        told.append(f"Shares of diverged runs have exact intervals{cite('clopper1934')}.")
    return " ".join(told)
