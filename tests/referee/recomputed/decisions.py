"""Every decision of a study, computed again from scores by seed.

In: the evidence and decisions.json (or a table of decisions). Out: differences in words. Called by
the tests of studies.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tests.referee.evidence import Evidence
from tests.referee.recomputed import images
from tests.referee.recomputed import statistics as st
from tests.referee.recomputed.expected import close

KEY = ["experiment", "task", "recipe", "outcome", "a", "b", "backbone"]
TIE = 1e-9


class Expected:
    """The numbers of one comparison.

    Parameters
    ----------
    d : mapping
        Says which: task, recipe, outcome, both arms, backbone (a name or ``pooled``) with blocks.
    size : int
        Of its family.
    """

    def __init__(self, e: Evidence, d: dict[str, Any], size: int) -> None:
        self.e, self.d, self.size = e, d, size
        self.a, self.b = (self._scores(d[k], d["blocks"]) for k in "ab")
        self.fallen = {k: self._fallen(d[k]) for k in "ab"}
        pairs = pd.concat([self.a, self.b], axis=1).dropna()
        self.a, self.b = pairs.iloc[:, 0], pairs.iloc[:, 1]
        self.difference = self.a - self.b
        self.by_flips = any(self.fallen.values()) or np.ptp(self.difference) < TIE

    def _cell(self, arm: str) -> dict[str, str]:
        norm, _, protocol = arm.partition("@")
        return {"task": self.d["task"], "norm": norm, "recipe": self.d["recipe"]} | {
            "protocol": protocol
        }

    def _scores(self, arm: str, backbones: list[str]) -> pd.Series:
        cell = self._cell(arm)
        return self.e.mean_scores(cell, backbones, cell["protocol"], self.d["outcome"])

    def _fallen(self, arm: str) -> int:
        cell = self._cell(arm)
        return sum(len(self.e.fallen({**cell, "backbone": b})) for b in self.d["blocks"])

    @cached_property
    def by_image(self) -> np.ndarray | None:
        """Differences by seed and image, where the plan is about new images and no run diverged."""
        if self.e.target != images.ALIKE or any(self.fallen.values()):
            return None
        arms = (self._cell(self.d[k]) for k in "ab")
        return images.difference(self.e, *arms, self.d["blocks"], self.d["outcome"])

    @cached_property
    def over_more(self) -> st.Estimate | None:
        """The estimate that varies more than seeds, where the plan's target does."""
        if self.by_image is not None:
            return st.crossed(self.by_image)
        if self.e.overlap is not None and not self.by_flips:
            return st.resampled(self.difference, self.e.overlap)
        return None

    @property
    def lost(self) -> bool:
        """Whether every run of both arms diverged, so that nothing is compared."""
        runs = len(self.difference) * len(self.d["blocks"])
        return all(k == runs for k in self.fallen.values())

    def p(self) -> float:
        if self.over_more is not None:
            return self.over_more.p
        return st.sign_flip_p(self.difference) if self.by_flips else st.t_p(self.difference)

    def interval(self, level: float) -> st.Interval:
        """Of the plan's target; over seeds alone where a run diverged."""
        if self.over_more is not None:
            return self.over_more.interval(level)
        return self.over_seeds(level)

    def detectable(self) -> float:
        """The difference that is found with 80 % power at the first step of the correction."""
        first = self.e.alpha / self.size
        if self.over_more is not None:
            return self.over_more.detectable(first)
        return st.over_seeds(self.difference).detectable(first)

    def over_seeds(self, level: float) -> st.Interval:
        if not self.by_flips:
            return st.t_interval(self.difference, level)
        low, high = st.sign_flip_interval(self.difference, level)
        return (low, high) if high - low > TIE else (-math.inf, math.inf)

    def numbers(self) -> dict[str, float]:
        """By the names of the columns of decisions.csv."""
        d, alpha = self.difference, self.e.alpha
        found: dict[str, float] = {"n": len(d), "mean_a": self.a.mean(), "mean_b": self.b.mean()}
        found |= {"diverged.a": self.fallen["a"], "diverged.b": self.fallen["b"]}
        if self.lost:
            return found
        ends = {"ci": self.interval(1 - alpha), "ci_seeds": self.over_seeds(1 - alpha)}
        ends |= {"ci_simultaneous": self.interval(1 - alpha / self.size)}
        ends |= {"ci_equivalence": self.interval(1 - 2 * alpha)}
        if self.by_image is not None:
            ends["ci_images"] = self.interval(1 - alpha)
        elif self.over_more is not None:
            ends["ci_data"] = self.interval(1 - alpha)
        for name, pair in ends.items():
            found[f"{name}_low"], found[f"{name}_high"] = pair
        found |= {"estimate": d.mean(), "p": self.p()}
        found |= {"sensitivity.p": st.sign_flip_p(d), "sensitivity.smallest_p": 2.0 ** (1 - len(d))}
        wins = float((d > TIE).sum() + (d.abs() <= TIE).sum() / 2)
        low, high = st.wilson(wins, len(d), 1 - alpha)
        found |= {"improvement.estimate": wins / len(d)}
        found |= {"improvement.ci_low": low, "improvement.ci_high": high}
        found["a12"] = st.a12(self.a, self.b)
        if np.ptp(d) > TIE:
            found["d_z"], found["g_z"] = st.hedges(d)
            found["variance_ratio"] = st.variance_ratio(self.a, self.b)
            found["mde"] = self.detectable()
        return found

    def dependence(self) -> tuple[float, float] | None:
        """F and p of the difference between the backbones, of a pooled comparison."""
        if self.d["backbone"] != "pooled" or len(self.d["blocks"]) < 2:
            return None
        each = [
            self._scores(self.d["a"], [b]) - self._scores(self.d["b"], [b])
            for b in self.d["blocks"]
        ]
        return st.two_way_f(pd.concat(each, axis=1).dropna().to_numpy())

    def verdict(self, p_adjusted: float) -> tuple[str, bool]:
        """The word that the numbers allow, and whether a difference is below the margin."""
        n, alpha, margin = len(self.difference), self.e.alpha, self.e.margin
        if n < 3:
            return "not enough pairs", False
        if self.lost:
            return "nothing to compare", False
        smallest = 2.0 ** (1 - n)
        few = smallest > (alpha / self.size if self.d["primary"] else alpha)
        cannot = "cannot reject" if few else ""
        if few and any(self.fallen.values()):
            return cannot, False
        ends = [self.interval(1 - 2 * alpha), *self._alone(1 - 2 * alpha)]
        inside = [-margin < low and high < margin for low, high in ends]
        if p_adjusted < alpha:
            side = "superior" if self.difference.mean() > 0 else "inferior"
            return side, all(inside)
        if inside[0]:
            return "equivalent" if all(inside) else "equivalent_on_average", False
        if all(low > -margin for low, _ in ends):
            return "non-inferior", False
        return cannot or "inconclusive", False

    def _alone(self, level: float) -> list[st.Interval]:
        """The interval of each backbone on its own, where several are pooled."""
        if len(self.d["blocks"]) < 2:
            return []
        return [
            Expected(self.e, {**self.d, "blocks": [b], "backbone": b}, self.size).interval(level)
            for b in self.d["blocks"]
        ]


def compare(e: Evidence, decisions: list[dict[str, Any]], flat: pd.DataFrame) -> list[str]:
    """What decisions.json and decisions.csv say otherwise than the scores, in words.

    Every number, the size of each family and Holm's correction in it, every pair.
    """
    found = []
    families: dict[str, list[int]] = {}
    for i, d in enumerate(decisions):
        families.setdefault(d["family"], []).append(i)
    for members in families.values():
        own = [Expected(e, decisions[i], len(members)) for i in members]
        adjusted = st.holm(math.nan if x.lost else x.p() for x in own)
        for i, x, p in zip(members, own, adjusted, strict=True):
            d, where = decisions[i], " ".join(str(decisions[i][k]) for k in KEY)
            truth = x.numbers() | {"p_adjusted": p, "family_size": len(members)}
            found += [
                f"{where}: {k} is {flat.loc[i, k]}, the runs give {v}"
                for k, v in truth.items()
                if not (near if k == "mde" else close)(flat.loc[i, k], v)
            ]
            found += _pairing(where, flat.loc[i], x)
            pairs = {int(q["unit"]): q["difference"] for q in d["differences"]}
            if pairs.keys() != set(x.difference.index) or not np.allclose(
                list(pairs.values()), x.difference, rtol=0, atol=1e-9
            ):
                found.append(f"{where}: its pairs are not those of the runs")
            found += _dependence(where, d, x)
    return found


def near(shown: Any, truth: float) -> bool:
    """Equal but for the chance of a rejection on the wrong side, which the referee leaves out."""
    return bool(abs(shown - truth) <= 1e-4 * truth)


def _pairing(where: str, row: pd.Series, x: Expected) -> list[str]:
    """The bootstrap interval of what pairing saves, against draws of the referee's own."""
    ends = [row[f"ci_variance_ratio_{end}"] for end in ("low", "high")]
    if pd.isna(ends[0]):
        return []
    right = st.is_middle_of_ratios(x.a, x.b, x.e.alpha, *ends)
    return [] if right else [f"{where}: pairing saves {ends}, other draws give other ends"]


def words(e: Evidence, decisions: list[dict[str, Any]]) -> list[str]:
    """Verdicts that the numbers do not allow."""
    found = []
    for d in decisions:
        right = Expected(e, d, d["family_size"]).verdict(d["p_adjusted"])
        given = d["verdict"], d["below_margin"]
        if given != right:
            where = " ".join(str(d[k]) for k in KEY)
            found.append(f"{where}: {given}, the numbers say {right}")
        if not d["primary"] and not d["exploratory"]:
            found.append(f"{' '.join(str(d[k]) for k in KEY)}: not declared, and not exploratory")
    return found


def _dependence(where: str, d: dict[str, Any], x: Expected) -> list[str]:
    told, truth = d.get("heterogeneity"), x.dependence()
    if truth is None or not told or pd.isna(told["F"]):
        return []
    same = all(close(told[k], v) for k, v in zip(("F", "p"), truth, strict=True))
    return [] if same else [f"{where}: depends by {told}, the runs give {truth}"]


def undeclared(e: Evidence, rows: pd.DataFrame) -> list[str]:
    """Which declared comparison a table lacks, or shows twice."""
    keys = ["experiment", "a", "b", "task", "recipe", "outcome"]
    have = list(rows[keys].itertuples(index=False, name=None))
    return [
        f"shown {have.count(key)} times: {key}"
        for key in (tuple(d[k] for k in keys) for d in e.declared)
        if have.count(key) != 1
    ]
