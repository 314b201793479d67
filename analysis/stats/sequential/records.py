"""What a study in waves declares and records: plan, looks, comparisons; and their JSON form.

In: declarations and numbers. Out: frozen records without any rule of decision. Made by `waves`,
read by whatever shows or stores them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from afn.common.errors import StudyError
from analysis.stats.sequential.calibration import LookSchedule, Taken
from analysis.stats.verdict import Verdict

Interval = tuple[float, float]


@dataclass(frozen=True)
class WavePlan:
    """What is declared before the first wave.

    Attributes
    ----------
    looks : tuple of int
        Complete pairs planned at the end of each wave.
    comparisons : mapping from name to group
        The corrected family. Comparisons of one group are made from the same runs (outcomes of
        one pair of arms), which are needed until all of them are settled.
    margin, effect : float, optional
        In the unit of the scores: differences within ``margin`` do not matter; ``effect`` is what
        the study is made to find. Futility needs one of them.
    higher_is_better : bool
        Whether a positive difference means superior.
    stop_at_non_inferior : bool
        Whether non-inferiority is the aim, so that reaching it ends a comparison.
    """

    looks: tuple[int, ...]
    comparisons: Mapping[str, str]
    boundary: str = "wang_tsiatis"
    alpha: float = 0.05
    margin: float | None = None
    effect: float | None = None
    futility: bool = True
    higher_is_better: bool = True
    stop_at_non_inferior: bool = False

    def __post_init__(self) -> None:
        self.schedule  # noqa: B018 - refuses looks and boundaries that do not exist
        if not self.comparisons:
            raise StudyError("a plan in waves needs at least one comparison")
        if not 0 < self.alpha < 0.5:
            raise StudyError(f"alpha {self.alpha}: must lie between 0 and 0.5")
        for name in ("margin", "effect"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise StudyError(f"{name} {value}: must be positive")
        if self.futility and self.worth_finding is None:
            raise StudyError(
                "stopping for futility asks whether an effect can still be found: declare the "
                "effect that matters (or a margin), or turn futility off"
            )

    @property
    def schedule(self) -> LookSchedule:
        return LookSchedule(tuple(self.looks), self.boundary)

    @property
    def worth_finding(self) -> float | None:
        """The difference that futility asks about: the larger of margin and declared effect."""
        declared = [x for x in (self.margin, self.effect) if x is not None]
        return max(declared) if declared else None

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"looks": list(self.looks)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> WavePlan:
        return cls(**{**values, "looks": tuple(values["looks"])})


@dataclass(frozen=True)
class Look:
    """One comparison after one wave. Differences and intervals in the unit of the scores.

    Attributes
    ----------
    wave : int
        Counted from 1.
    p : float
        Nominal two-sided p of the look's test.
    reached : float
        Smallest level whose boundary this p crosses at this look.
    smallest_p : float
        What the test can reach with so many pairs; 0 for the t.
    interval, interval_family, interval_equivalence : (low, high)
        Repeated intervals at 1 - alpha, 1 - alpha / family and 1 - 2 alpha.
    power, equivalence : float or None
        Chance to reject at the last look, and to show equivalence there (see `futility`).
    error, spread : float or None
        Standard error where it is not that of the paired t, and the standard deviation of a pair
        that stands for it at the last look (see `intervals.PairsOverImages`).
    intervals_by_block : mapping from block to (low, high)
        Where the claim is about every one of several blocks (networks): each one's own interval at
        1 - 2 alpha.
    boundary : float or None
        Nominal p at level alpha over the family, which a rejection at its first step needs here.
    """

    wave: int
    n: int
    test: str
    estimate: float
    sd: float
    p: float
    reached: float
    smallest_p: float
    interval: Interval
    interval_family: Interval
    interval_equivalence: Interval
    power: float | None = None
    equivalence: float | None = None
    error: float | None = None
    spread: float | None = None
    intervals_by_block: Mapping[str, Interval] = field(default_factory=dict)
    boundary: float | None = None


@dataclass(frozen=True)
class Followed:
    """One member of the family and everything that was ever seen of it.

    Attributes
    ----------
    pairs : mapping from unit to difference
        What its last look used.
    verdict : Verdict or None
        None while it is open.
    frozen : int or None
        The wave that decided it.
    reason : str
        ``difference``, ``equivalence``, ``non-inferiority``, ``futility`` or ``last look``.
    crossed : int or None
        For superior and inferior: the wave whose boundary was crossed, which may lie before the
        one at which Holm's level allowed the rejection.
    rejected_later : int or None
        The wave whose rejection elsewhere changed the frozen verdict.
    level : float or None
        Level at which Holm's procedure judged it when it was frozen.
    estimate_median_unbiased, interval_stagewise
        See `estimation`; None where there are fewer than two pairs.
    """

    name: str
    group: str
    looks: tuple[Look, ...] = ()
    pairs: Mapping[str, float] = field(default_factory=dict)
    verdict: Verdict | None = None
    below_margin: bool = False
    frozen: int | None = None
    reason: str = ""
    crossed: int | None = None
    rejected_later: int | None = None
    level: float | None = None
    estimate_median_unbiased: float | None = None
    interval_stagewise: Interval | None = None

    @property
    def p(self) -> float:
        """Sequential p: the smallest level crossed at any look; 1 before the first."""
        return min((look.reached for look in self.looks), default=1.0)

    def first_crossing(self, level: float) -> Look | None:
        """The first look that crossed the boundary of a level."""
        return next((look for look in self.looks if look.reached <= level), None)

    @property
    def taken(self) -> tuple[Taken, ...]:
        """Its looks, as the boundaries need them."""
        return tuple(Taken(x.wave - 1, x.n, x.smallest_p) for x in self.looks)

    def refuse_changes(self, pairs: Mapping[str, float]) -> None:
        """Refuse pairs in which one that a look has used is gone or has changed."""
        for unit, before in self.pairs.items():
            if unit not in pairs:
                raise StudyError(
                    f"{self.name}: pair {unit} was there at an earlier look and is gone"
                )
            if pairs[unit] != before:
                raise StudyError(
                    f"{self.name}: the difference of pair {unit} was {before:.6g} at an earlier "
                    f"look and is now {pairs[unit]:.6g}; looks that were taken cannot be taken back"
                )


def plain(value: Any) -> Any:
    if isinstance(value, Verdict):
        return value.value
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def ends(name: str, value: Any) -> Any:
    if name == "verdict":
        return None if value is None else Verdict(value)
    if name == "intervals_by_block":
        return {block: ends("interval", pair) for block, pair in value.items()}
    if not name.startswith("interval") or value is None:
        return value
    low, high = value
    return (-math.inf if low is None else low, math.inf if high is None else high)
