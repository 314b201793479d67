"""The terms that a page explains, each in a sentence or two.

In: the plan's alpha, of which every level is made, or a study. Called by the pages, which show the
terms as tooltips and in a list, and the methods and options of a study in another.
"""

from __future__ import annotations

from afn.study.grid.cells import Study
from afn.study.parts.catalogue import entry
from afn.study.parts.names import Arm, Factor, as_given
from analysis.display import naming
from analysis.display.formatting import MINUS, level

LOOK = {
    "look": "With seeds in waves, what is decided when a wave is over. The boundary is made for "
    "all planned looks together, and what a look has decided is frozen: later seeds do not decide "
    "it again.",
    "sequential p": "The smallest level whose boundary was crossed at a look so far: a p value "
    "that holds however the study was stopped. The correction of the family works on it.",
    "repeated interval": "An interval that is made for all looks together: whatever ended the "
    "comparison, it covers as often as it says.",
    "undecided": "No difference was shown, nor that there is none that matters: at the last look, "
    "or at the one after which going on was futile. It does not mean equal.",
}
"""Terms of seeds in waves."""


def methods(study: Study) -> list[tuple[str, str]]:
    """What a study compares, each explained by its own docstring: its norms, and their options that
    factors and searches vary. What says nothing of itself is left out."""
    norms = list(dict.fromkeys(Arm.parse(cell.norm).method for cell in study.cells()))
    varied = [key for experiment in study.experiments.values() for key in experiment.factors]
    varied += [key for cell in study.cells() for key in cell.searched]
    entries = [entry("norm", as_given(name)) for name in norms]
    found = [(naming.norm(name), e.about) for name, e in zip(norms, entries, strict=True)]
    for factor in dict.fromkeys(map(Factor.parse, varied)):
        option = factor.option or ""
        own = [e.described[option] for e in entries if option in e.described]
        if factor.part == "norm" and own:
            found.append((f"{naming.option(option)} ({factor})", max(own, key=len)))
    return [(name, text.replace("`", "")) for name, text in found if text]


def terms(alpha: float, *, waves: bool = False) -> dict[str, str]:
    """Every term with its explanation, at the levels of a plan; with ``waves`` those of looks."""
    return _terms(alpha) | (LOOK if waves else {})


def _terms(alpha: float) -> dict[str, str]:
    return {
        "arm": "A trained network together with the way it is tested: a normalisation method and, "
        "where it matters, the statistics that are used at test time.",
        "protocol": "How a trained network is tested: with the running statistics collected in "
        "training, or with the statistics of the test batch itself. One training is tested under "
        "every protocol that its method allows.",
        "outcome": "What is averaged into one number per run: accuracy on the clean test images, "
        "or the mean accuracy over all shifted versions of them.",
        "seed": "The number that fixes initial weights, data order and augmentation. At the same "
        "seed all methods start equal and see the same batches, so their differences are paired.",
        "margin": "The difference, in points, below which the study called two arms practically "
        "the same before any result was known.",
        "verdict": f"Superior or inferior: the adjusted p is below alpha = {alpha:g}. Equivalent: "
        f"the 1 {MINUS} 2 alpha interval ({level(2 * alpha)}) lies inside the margin; this is "
        "judged per comparison and not corrected over the family. Equivalent on average: so for "
        "the mean over the backbones, but not for each of them. Non-inferior: not worse by more "
        "than the margin, perhaps better, judged by the lower end of the same interval. Perhaps "
        "not zero: that interval, which the tables of verdicts do not print, leaves zero out. "
        "Inconclusive: the data "
        "allow more than one of these. Cannot reject: inconclusive, and with so few seeds the "
        "exact sign-flip test could not have rejected, whatever the data. Not enough pairs: "
        "nothing is judged below three. Nothing to compare: every run of both arms diverged.",
        "exploratory": "Not among the comparisons that the study declared as primary before any "
        "result: a hint for the next study, and no claim of this one.",
        "points": "Percentage points of accuracy.",
        "interval": f"{level(alpha)} confidence interval of the mean paired difference: over "
        "seeds, on these test images, or over seeds and images, for images like these, as the "
        "sentence or table says. The simultaneous interval is wider: it holds for all comparisons "
        "of the family at once (Bonferroni), and may reach zero where the correction that decides, "
        "which is milder, finds a difference.",
        "adjusted p": "The p value corrected for the number of comparisons that the study declared "
        "in advance, so that one lucky comparison among many does not count.",
        "diverged": "The training loss stopped being a finite number. Such a run counts with the "
        "value that the plan declares; it is never left out.",
    }
