"""The plan in words, printed before anything trains.

In: a `Study`. Out: text. Called by ``python -m afn.study plan`` and, for the headline, by
the main process of Snakemake.
"""

from __future__ import annotations

from afn.study.grid.cells import Study
from afn.study.plan.checks import Outlook, outlook, primary_experiments
from afn.study.plan.cost import describe_cost, describe_hours
from afn.study.plan.purchase import searched_width
from afn.study.search.groups import SearchGroup


def describe_plan(study: Study) -> str:
    """Say what is run, what is shared, what is decided, and what can be found."""
    lines = [study.title, study.question, "", _runs(study)]
    for name, experiment in study.experiments.items():
        kind = "primary" if name in primary_experiments(study) else "exploratory"
        number = len(experiment.contrasts)
        what = [f"{number} contrast{'s' if number > 1 else ''}"] if number else []
        what += [f"trend of {experiment.trend}"] if experiment.trend else []
        what += [experiment.analysis] if experiment.analysis else []
        lines.append(
            f"  {name} ({kind}): {len(experiment.cells)} cells; {', '.join(what) or 'shown'}"
        )
        lines += [f"    {contrast.a} - {contrast.b}" for contrast in experiment.contrasts]
        lines += [_search(group) for group in experiment.groups if not group.repeat]
        lines += searched_width(experiment, study.plan)
    return "\n".join([*lines, "", *_power(study), describe_cost(study), *describe_hours(study)])


def headline(study: Study) -> str:
    """Title, how much is trained and what sharing saves, what that costs, what is undeclared."""
    return "\n".join([study.title, _runs(study), describe_cost(study), *undeclared(study)])


def undeclared(study: Study) -> list[str]:
    """What the plan leaves to a default that decides verdicts: the margin of equivalence."""
    if "margin" in study.plan.model_fields_set or outlook(study) is None:
        return []
    return [
        f"the plan declares no margin: {study.plan.margin:g} point is taken, within which two arms "
        "count as equivalent; plan.margin says what matters to you"
    ]


def _runs(study: Study) -> str:
    winners = [cell for cell in study.cells() if cell.seeds is not None]
    cells = len(study.cells()) - len(winners)
    parts = [f"{cells} cells x {len(study.seeds)} seeds"] if cells else []
    if winners:
        parts.append(f"{len(winners)} winners of searches x {len(winners[0].seeds or ())} seeds")
    runs = len(list(study.runs()))
    text = f"{runs} runs: {', '.join(parts)}"
    if study.looks:
        first = len(study.waves[0]) * len(study.cells())
        text = f"at most {text}, in waves of {len(study.waves[0])} ({first} runs in the first)"
    if study.named() > runs:
        text += f" ({study.named() - runs} trainings saved by sharing)"
    groups = study.searches()
    trials = sum(g.trials * _runs_of_a_trial(g) for g in groups)
    if not trials:
        return text
    spared = trials - sum(g.trainings * _runs_of_a_trial(g) for g in groups)
    halving = f" (halving saves {100 * spared / trials:.0f} % of their epochs)" if spared else ""
    again = sum(g.final_slots * len(g.final_seeds) * len(g.cells) for g in groups)
    finals = f" and {again} trainings of finalists" if again else ""
    return f"{text}, after {trials} trials of searches{halving}{finals}"


def _runs_of_a_trial(group: SearchGroup) -> int:
    return len(group.seeds) * len(group.cells)


def _search(group: SearchGroup) -> str:
    """One line, and with halving another: the rungs, and how many trials reach each."""
    runs = group.trials * _runs_of_a_trial(group)
    text = f"    search {group.label}: {group.trials} trials ({group.sampler}), {runs} trainings"
    text += "" if group.repeat is None else " each"
    if group.finalists:
        text += f", {group.final_slots} finalists x {len(group.final_seeds)} more seeds"
    text += f"; it has no {', '.join(group.dropped)}" if group.dropped else ""
    if not group.halving:
        return text
    reached = [
        sum(count) for count in zip(*map(group.slots, range(len(group.rounds))), strict=True)
    ]
    rungs = [f"{n} to epoch {end}" for n, end in zip(reached, group.rungs, strict=True)]
    whole = f"{group.trainings:.1f}".removesuffix(".0")
    costs = f"at most {whole} whole trainings per cell and seed"
    return f"{text}\n      halving: {', '.join(rungs)}; {costs}"


def _power(study: Study) -> list[str]:
    expected = outlook(study)
    if expected is None:
        return ["nothing is declared primary: every result is exploratory"]
    plan = study.plan
    return [
        f"outcomes: {', '.join(plan.outcomes)}; alpha {plan.alpha:g}; "
        f"margin {plan.margin:g} point{'s' * (plan.margin != 1)}; "
        f"estimand {plan.estimand} (n = {expected.n}); target {plan.target}",
        *undeclared(study),
        f"family of {expected.family} primary decision{'s' * (expected.family > 1)}, "
        f"{plan.correction}: the first step needs "
        f"p <= {expected.first_step:.4g}; "
        f"the exact sign-flip test reaches {expected.smallest_p:.4g}",
        f"found with 80 % power at that step: a paired difference of {expected.detectable:.2f} "
        "standard deviations",
        f"pairs needed for that, by the size of the true difference: {_needed(expected)}",
    ]


def _needed(expected: Outlook) -> str:
    from afn.study.plan.power import seeds_for

    needed = {size: seeds_for(size, alpha=expected.first_step) for size in (2.0, 1.0, 0.5)}
    return ", ".join(f"{size:g} SD {pairs}" for size, pairs in needed.items())
