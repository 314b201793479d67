"""Answers to the questions of the NeurIPS paper checklist that a study can answer.

In: the loaded study, and the paragraphs of the methods. Out: questions with answer (Yes, No, N/A)
and justification, plain text with citations. Called by the command. The questions are those of the
checklist on splits and hyper-parameters, error bars, and compute; what a study does not record is
said.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.decisions.words import phrases
from analysis.display import formatting
from analysis.inputs import Inputs
from analysis.paper import methods
from analysis.report import answer, provenance, trained

SPLITS = (
    "Does the paper specify all the training and test details (e.g., data splits, hyperparameters, "
    "how they were chosen, type of optimizer) necessary to understand the results?"
)
BARS = (
    "Does the paper report error bars suitably and correctly defined or other appropriate "
    "information about the statistical significance of the experiments?"
)
COMPUTE = (
    "For each experiment, does the paper provide sufficient information on the computer resources "
    "(type of compute workers, memory, time of execution) needed to reproduce the experiments?"
)


@dataclass(frozen=True)
class Answer:
    """One question of the checklist.

    Attributes
    ----------
    topic, question, reply : str
        The reply is ``Yes``, ``No`` or ``N/A``.
    reasons : list of str
        Paragraphs.
    """

    topic: str
    question: str
    reply: str
    reasons: list[str]


def answers(inputs: Inputs) -> list[Answer]:
    """Every question."""
    return [
        Answer("Data splits", SPLITS, "Yes", splits(inputs)),
        Answer("Hyper-parameters", SPLITS, "Yes", hyperparameters(inputs)),
        bars(inputs),
        compute(inputs),
    ]


def splits(inputs: Inputs) -> list[str]:
    return [methods.data(inputs)]


def hyperparameters(inputs: Inputs) -> list[str]:
    """All settings, how they were chosen, and what follows for the methods."""
    found = [methods.recipe(inputs), *trained.recipes(inputs)]
    return [*found, methods.tuning(inputs)] if inputs.searches else found


def bars(inputs: Inputs) -> Answer:
    """What varies in an interval, how it is made, and what it assumes."""
    family = answer.family_of(inputs)
    known = [d for d in family if d.ci and all(map(formatting.is_number, d.ci))]
    if not known:
        none = "No comparison has an interval: there are too few paired runs, or none is declared."
        return Answer("Error bars", BARS, "No", [none])
    pairs = sorted({d.n for d in family})
    span = f"{pairs[0]}" if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}"
    resplit = any(d.target == phrases.DATA for d in family)
    split = ", and the split into training and test images" if resplit else ""
    text = (
        f"Intervals are {inputs.level} confidence intervals of mean paired differences, no "
        f"standard deviations or errors; {phrases.scope(family)}; n = {span} "
        f"{formatting.plural(family[0].paired_by)}. What varies between seeds: initial weights, "
        f"order of the data, augmentation{split}; both arms of a pair share them."
    )
    assumed = (
        "Tables of accuracies show the mean and the standard deviation over seeds (with n - 1). "
        "The intervals assume that the mean of the paired differences is about normal; the exact "
        "sign-flip test, which assumes exchangeable signs alone, stands beside each."
    )
    if resplit:
        assumed += (
            " Splits of one pool share most of their images: the variance is that of the corrected "
            "resampled t-test (Nadeau and Bengio, 2003)."
        )
    return Answer(
        "Error bars", BARS, "Yes", [text, assumed, *filter(None, [provenance.power(inputs)])]
    )


def compute(inputs: Inputs) -> Answer:
    """Workers and times; memory is not recorded."""
    times = provenance.runs_of(inputs)["train_seconds"].dropna()
    each = (
        f"One training took {formatting.two_digits(float(times.median()))} s (median; "
        f"{formatting.two_digits(times.min())} to {formatting.two_digits(times.max())})."
        if len(times)
        else "Times of trainings were not recorded."
    )
    said = "Memory was not recorded. What was tried before this study is not in these figures."
    return Answer("Compute", COMPUTE, "Yes" if len(times) else "No",
                  [methods.computation(inputs), f"{each} {said}"])  # fmt: skip
