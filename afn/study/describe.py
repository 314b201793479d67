"""The plan in words, printed before anything trains.

In: a `Study`. Out: text. Called by ``python -m afn.study plan`` and, for the headline, by
the main process of Snakemake.
"""

from __future__ import annotations

from afn.study.cost import describe_cost
from afn.study.grid import Study
from afn.study.plan import outlook
from afn.study.search import Group


def describe_plan(study: Study) -> str:
    """Say what is run, what is shared, what is decided, and what can be found."""
    lines = [study.title, study.question, "", _runs(study)]
    for name, experiment in study.experiments.items():
        kind = "primary" if name in study.plan.primary else "exploratory"
        number = len(experiment.contrasts)
        what = [f"{number} contrast{'s' if number > 1 else ''}"] if number else []
        what += [f"trend of {experiment.trend}"] if experiment.trend else []
        what += [experiment.analysis] if experiment.analysis else []
        lines.append(
            f"  {name} ({kind}): {len(experiment.cells)} cells; {', '.join(what) or 'shown'}"
        )
        lines += [f"    {contrast.a} - {contrast.b}" for contrast in experiment.contrasts]
        lines += [_search(group) for group in experiment.groups]
    return "\n".join([*lines, "", *_power(study), describe_cost(study)])


def headline(study: Study) -> str:
    """Three lines: title, how much is trained and what sharing saves, what that costs."""
    return "\n".join([study.title, _runs(study), describe_cost(study)])


def _runs(study: Study) -> str:
    runs = len(study.seeds) * len(study.cells())
    text = f"{runs} runs: {len(study.cells())} cells x {len(study.seeds)} seeds"
    if study.named() > runs:
        text += f" ({study.named() - runs} trainings saved by sharing)"
    trials = sum(g.trials * len(g.seeds) * len(g.cells) for g in study.searches())
    return text + (f", after {trials} trials of searches" if trials else "")


def _search(group: Group) -> str:
    runs = group.trials * len(group.seeds) * len(group.cells)
    text = f"    search {group.label}: {group.trials} trials ({group.sampler}), {runs} trainings"
    return text + (f"; it has no {', '.join(group.dropped)}" if group.dropped else "")


def _power(study: Study) -> list[str]:
    expected = outlook(study)
    if expected is None:
        return ["nothing is declared primary: every result is exploratory"]
    plan = study.plan
    return [
        f"outcomes: {', '.join(plan.outcomes)}; alpha {plan.alpha:g}; "
        f"margin {plan.margin:g} points; estimand {plan.estimand} (n = {expected.n})",
        f"family of {expected.family} primary decisions, {plan.correction}: the first step needs "
        f"p <= {expected.first_step:.4g}; "
        f"the exact sign-flip test reaches {expected.smallest_p:.4g}",
        f"found with 80 % power at that step: a paired difference of {expected.detectable:.2f} "
        "standard deviations",
    ]
