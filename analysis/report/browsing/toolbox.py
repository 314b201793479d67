"""What a page's toolbox offers: every arm, backbone, task and outcome of the study.

In: the loaded study. Out: for each kind the tokens by which marks and rows are found
(`analysis.display.naming`) with the names that the page gives them. Called by
`analysis.report.page`; the buttons work by ``report.js``, which shows the toolbox only where
scripts run. What it does is shown and hidden on the page alone: no number is computed from it.
"""

from __future__ import annotations

from analysis.display import formatting, naming
from analysis.inputs import Inputs

Choice = tuple[str, str]
"""A token and its name."""


def choices(inputs: Inputs) -> list[tuple[str, str, list[Choice]]]:
    """Kind, its heading and its choices, in the study's order; a kind of one choice is left out."""
    cells = inputs.study.cells()
    named: dict[str, dict[str, str]] = {
        "arm": {c.norm: naming.norm(c.norm) for c in cells},
        "backbone": {c.backbone: naming.part(c.backbone) for c in cells},
        "task": {c.task: inputs.task_name(c.task) for c in cells},
        "outcome": {
            o: formatting.sentence_case(naming.outcome(o)) for o in inputs.study.plan.outcomes
        },
    }
    return [
        (kind, naming.TOKENS[kind], [(f"{kind}:{key}", name) for key, name in own.items()])
        for kind, own in named.items()
        if len(own) > 1
    ]
