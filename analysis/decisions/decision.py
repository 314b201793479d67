"""The decision object: one contrast with everything that a referee, a table or a figure needs.

In: numbers from `analysis.decisions.contrast`. Out: a frozen record, its JSON form (null where a
number does not exist or an interval is unbounded), its sentence and its table row. Everything that
is shown is made from it, so that text, table and figure cannot disagree.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from afn.common.errors import StudyError, nearest
from afn.common.made_from import enclosed, read_document
from afn.study.parts.names import Arm
from analysis.decisions.steps.json_form import ends, json_value
from analysis.decisions.words import phrases, verdicts
from analysis.display import formatting, naming
from analysis.results.io import write_json
from analysis.stats.verdict import Verdict

Interval = tuple[float, float]
_UNBOUNDED: Interval = (-math.inf, math.inf)
_INTERVALS = ("ci", "ci_simultaneous", "ci_equivalence", "ci_variance_ratio", "ci_seeds")
_PERHAPS = ("ci_images", "ci_data", "ci_repeated")
"""Intervals that a decision may lack."""
FEWEST = 3
"""Below so many pairs no verdict is given."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One contrast, decided.

    Differences, means, intervals, ``mde`` and ``margin`` are in ``unit`` (points of accuracy in a
    study); ``a`` minus ``b``.

    Attributes
    ----------
    backbone : str
        A backbone's name, or ``pooled``.
    n : int
        Complete pairs: seeds, or backbones under ``population_of_backbones`` (see ``paired_by``).
    ci, ci_simultaneous, ci_equivalence : (low, high)
        At 1 - alpha, 1 - alpha / family_size and 1 - 2 alpha, of the target.
    target : str
        What the decision is about, and with it ``ci``, ``p``, ``mde`` and the verdict:
        ``these_images`` (seeds vary), ``images_like_these`` (seeds and images do) or
        ``data_like_these`` (every seed has a split of its own).
    ci_seeds, ci_images, ci_data : (low, high)
        At 1 - alpha, over seeds alone, over seeds and images, over seeds and splits; the latter two
        None where they do not exist.
    images : int
        Test images that the outcome is made of; 0 where that is not known.
    intervals_by_backbone : dict
        Pooled over these backbones: the 1 - 2 alpha interval of each alone, of the same target.
    components : dict or None
        Variances of the difference, in ``unit`` squared: between units (``unit``), between the
        final runs of a search (``run``; ``runs`` of each), between ``images`` and ``residual`` of
        unit x image, of ``of_images`` images; None where a part is not known.
    p_adjusted : float
        After Holm over ``family``, whose declared size is ``family_size``.
    sensitivity : dict
        ``test``, ``p`` and ``smallest_p`` of the exact sign-flip test.
    improvement : dict
        ``estimate`` and ``ci`` (Wilson) of the share of pairs in which a beats b, ties half.
    variance_ratio, ci_variance_ratio : float, (low, high)
        Seeds saved by pairing, and its bootstrap interval over pairs at 1 - alpha.
    mde : float
        Difference found with 80 % power by as many pairs with this (observed) standard deviation,
        at alpha / ``family_size``, the first step of the correction.
    diverged : dict
        Number of diverged runs of arms ``a`` and ``b``; they are completed, never dropped.
    blocks : list of str
        The backbones (or blocks) that enter.
    differences : list of dict
        One entry per pair: ``unit`` (seed or backbone), ``a``, ``b``, ``difference``.
    missing : list of str
        Runs that the study declares and that are not there.
    survivors : dict or None
        With diverged runs: ``n`` and ``estimate`` of the pairs without one, a secondary number;
        ``any``, the pairs in which at least one run finished.
    heterogeneity : dict or None
        Pooled decisions over several backbones: ``F``, ``p``, ``p_adjusted`` (over the contrasts
        of the family) of contrast x backbone, blocked by seed, ``constant`` (alike at every seed)
        and the ``estimates`` per backbone.
    verdict : Verdict
        What it came out as, by the corrected p and the margin.
    below_margin : bool
        A difference was found, and it is smaller than the margin on every backbone.
    exploratory : bool
        Not of the primary family, or resting on one search of each method: no claim of the study.
    notes : list of str
        Treatments that a reader has to see.
    look, looks, p_sequential, ci_repeated, estimate_median_unbiased, stopped, path
        With seeds in waves, where ``ci``, ``ci_simultaneous`` and ``ci_equivalence`` are repeated
        intervals, ``p`` the sequential p: see `analysis.decisions.waves.deciding`.
    """

    experiment: str
    task: str
    outcome: str
    a: str
    b: str
    backbone: str
    primary: bool
    estimand: str
    n: int
    estimate: float
    ci: Interval
    ci_simultaneous: Interval
    test: str
    p: float
    p_adjusted: float
    family_size: int
    sensitivity: dict[str, Any]
    d_z: float
    g_z: float
    improvement: dict[str, Any]
    variance_ratio: float
    mde: float
    margin: float
    diverged: dict[str, int]
    verdict: Verdict = Verdict.INCONCLUSIVE
    below_margin: bool = False
    exploratory: bool = False
    recipe: str = ""
    family: str = ""
    alpha: float = 0.05
    unit: str = "points"
    paired_by: str = "seed"
    higher_is_better: bool = True
    blocks: list[str] = field(default_factory=list)
    block_word: str = "backbone"
    mean_a: float = math.nan
    mean_b: float = math.nan
    a12: float = math.nan
    ci_equivalence: Interval = _UNBOUNDED
    ci_variance_ratio: Interval = _UNBOUNDED
    differences: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    survivors: dict[str, Any] | None = None
    heterogeneity: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    target: str = "these_images"
    ci_seeds: Interval = _UNBOUNDED
    ci_images: Interval | None = None
    ci_data: Interval | None = None
    images: int = 0
    intervals_by_backbone: dict[str, Interval] = field(default_factory=dict)
    components: dict[str, Any] | None = None
    look: int | None = None
    looks: int | None = None
    p_sequential: float | None = None
    ci_repeated: Interval | None = None
    estimate_median_unbiased: float | None = None
    stopped: str | None = None
    path: list[dict[str, Any]] = field(default_factory=list)

    @property
    def arms(self) -> tuple[Arm, Arm]:
        """Both arms of a study's contrast."""
        return Arm.parse(self.a), Arm.parse(self.b)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: a number that does not exist, or an open end, is None."""
        return {name: json_value(getattr(self, name)) for name in _FIELDS}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Decision:
        """Read the JSON form back: null in an interval is an open end, elsewhere nan."""
        known = {f.name: f for f in dataclasses.fields(cls)}
        given = {}
        for name, value in values.items():
            if name not in known:
                raise StudyError(f"a decision has no field {name!r}; {nearest(name, known)}")
            if name in _INTERVALS or (name in _PERHAPS and value is not None):
                value = ends(value)
            elif name == "intervals_by_backbone":
                value = {backbone: ends(pair) for backbone, pair in value.items()}
            elif value is None and known[name].type == "float":
                value = math.nan
            elif name == "verdict":
                value = verdicts.named(value)
            given[name] = value
        return cls(**given)

    def sentence(self, place: str = "") -> str:
        """The decision in words, every number taken from its fields.

        ``place``: task and recipe as the page names them; the task's own name if not given.
        """
        where = [place or self.task] if place or self.task else []
        where.append(self._pooled() if self.backbone == "pooled" else self.backbone)
        on = self.outcome if self._foreign else naming.on_outcome(self.outcome)
        said = phrases.verdict(self)
        head = f"{self._arm('a')} against {self._arm('b')}, {on} ({', '.join(where)}): {said}"
        if self.verdict is Verdict.NOT_ENOUGH_PAIRS:
            pairs = formatting.count(self.n, "complete pair")
            return f"{head}; {pairs}, {formatting.count(len(self.missing), 'run')} missing."
        if self.verdict is Verdict.NOTHING_TO_COMPARE:
            arms = f"{self._arm('a')} and of {self._arm('b')}"
            return f"{head}; every run of {arms} diverged ({formatting.count(self.n, 'pair')})."
        row = self.row()
        kind = "interval" if self.looks is None else "repeated interval"
        numbers = [
            *phrases.stopped(self, self.digits),
            f"difference {row['difference']} {self.unit}",
            f"{formatting.level(self.alpha)} {kind} {phrases.interval_words(self, self.digits)}",
        ]
        rests = self.verdict.by_margin or self.below_margin
        if rests and self.ci_equivalence[0] < self.ci_equivalence[1]:
            narrow = formatting.interval_words(json_value(self.ci_equivalence), self.digits)
            numbers.append(
                f"{formatting.level(2 * self.alpha)} interval {narrow} against a margin "
                f"of {self.margin:g}"
            )
        numbers.append(
            f"{self.test}, {formatting.p_equation(json_value(self.p))}"
            + (
                f", adjusted for {formatting.count(self.family_size, 'decision')} "
                f"{formatting.p_equation(json_value(self.p_adjusted))}"
                if self.family_size > 1
                else ""
            )
        )
        pairs = f"n = {self.n} {plural(self.n, self.paired_by)}"
        numbers.append(
            pairs
            if self._foreign and self.target == phrases.THESE
            else f"{pairs}, {phrases.about(self.target, self.images, foreign=self._foreign)}"
        )
        if self.verdict is Verdict.CANNOT_REJECT:
            numbers.append(
                f"the {self.sensitivity['test']} test of so few pairs cannot go below "
                f"{formatting.p_equation(self.sensitivity['smallest_p'])}"
            )
        if self.verdict is Verdict.INCONCLUSIVE and math.isfinite(self.mde):
            numbers.append(
                f"80 % power from {formatting.number(self.mde, self.digits)} {self.unit} at the "
                "first step of the correction"
            )
        numbers += self._by_backbone()
        depends = phrases.dependence(json_value(self.heterogeneity), self.alpha, self.digits)
        if depends:
            numbers.append(f"the difference depends on the {self.block_word} ({depends})")
        for arm, runs in (("a", self.diverged["a"]), ("b", self.diverged["b"])):
            if runs:
                numbers.append(f"{formatting.count(runs, 'run')} of {self._arm(arm)} diverged")
        return f"{head}; {'; '.join(numbers)}."

    def _by_backbone(self) -> list[str]:
        """What a pooled verdict must not hide: each backbone's own interval, or its other sign."""
        if self.verdict is Verdict.EQUIVALENT_ON_AVERAGE:
            each = (
                f"{name} {formatting.interval_words(interval, self.digits)}"
                for name, interval in self.intervals_by_backbone.items()
            )
            level = formatting.level(2 * self.alpha)
            return [f"not on each {self.block_word}, {level} intervals: {', '.join(each)}"]
        against = phrases.opposite(self, self.digits)
        return [f"of the other sign on {against}"] if against else []

    def row(self) -> dict[str, str]:
        """The decision as a table row, rounded as everywhere else."""
        return {
            "contrast": f"{self.a} - {self.b}"
            if self._foreign
            else naming.contrast(self.a, self.b),
            "outcome": self.outcome if self._foreign else naming.outcome(self.outcome),
            "backbone": self.backbone,
            "n": str(self.n),
            "difference": formatting.signed(json_value(self.estimate), self.digits),
            "interval": phrases.interval(self, self.digits),
            "p": formatting.p_value(json_value(self.p)),
            "adjusted p": formatting.p_value(json_value(self.p_adjusted)),
            "verdict": verdicts.verdict_of(self),
        }

    @property
    def _foreign(self) -> bool:
        """Somebody's own table: its names are shown as they are."""
        return self.block_word != "backbone"

    def _arm(self, side: str) -> str:
        name = getattr(self, side)
        return name if self._foreign else naming.arm(name)

    def _pooled(self) -> str:
        if len(self.blocks) == 1:
            return self.blocks[0]
        if 2 <= len(self.blocks) <= 3:
            return f"pooled over {formatting.listing(self.blocks)}"
        return f"pooled over {len(self.blocks)} {plural(len(self.blocks), self.block_word)}"

    @property
    def digits(self) -> int:
        """Two decimals of a point; elsewhere two significant digits of the interval's width."""
        sizes = [x for x in (self.ci[1] - self.ci[0], abs(self.estimate)) if 0 < x < math.inf]
        if self.unit == "points" or not sizes:
            return 2
        return max(0, 1 - math.floor(math.log10(sizes[0])))


_FIELDS = tuple(f.name for f in dataclasses.fields(Decision))


def plural(n: float, noun: str) -> str:
    return noun if n == 1 else formatting.plural(noun)


def write_decisions(
    path: str | Path, decisions: Iterable[Decision], made_from: Mapping[str, str]
) -> None:
    """Write decisions.json with the hashes of its content and inputs, whole or not at all."""
    write_json(path, enclosed("decisions", [d.to_dict() for d in decisions], made_from))


def read_decisions(path: str | Path) -> list[Decision]:
    """Read decisions.json; one that was changed after it was written is refused."""
    return [Decision.from_dict(d) for d in read_document(path, "decisions")["decisions"]]
