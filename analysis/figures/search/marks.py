"""What all figures of a search share: colours, marks, the axis of a parameter, the range of scores.

In: a search of ``search.json``. Out: values in the units in which they are drawn. Called by the
figures of a search.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator

from afn.study.parts.names import Factor
from analysis.display import formatting, naming
from analysis.figures.drawing import style

CHOSEN = "#C46A1B"
FAILED = {"pruned": "v", "diverged": "x"}
DRAWN = {"random": "random", "qmc": "Sobol point"}
"""Trials that were drawn without a look at earlier ones; all others were chosen in view of them."""
MOST = 4
"""Searches in one figure; more of them get figures of their own."""


def norm(search: dict[str, Any]) -> str:
    """The norm of a search, which gives its colour; its cells have one where it is in ``per``."""
    return str(search["cells"][0]).split("/")[2]


def cell(search: dict[str, Any]) -> dict[str, str]:
    """What the page finds the marks of a search by: the parts of all cells that it serves."""
    parts = [str(path).split("/") for path in search["cells"]]
    keys = zip(("task", "backbone", "norm"), zip(*parts, strict=False), strict=False)
    return {key: "; ".join(dict.fromkeys(own)) for key, own in keys} | {"norm": norm(search)}


def told(search: dict[str, Any], trial: dict[str, Any]) -> str:
    """A trial in words: its number, state, score and settings."""
    value = trial["value"]
    score = "no score" if value is None else f"{formatting.number(value, 2)} {unit(search)}"
    pairs = (
        f"{key(k)} {formatting.value(formatting.plain(v))}" for k, v in trial["params"].items()
    )
    name = f"{naming.arm(search['label'])}, trial {trial['number']}, {trial['state']}"
    return f"{name}: {score}; {', '.join(pairs)}"


def color(search: dict[str, Any]) -> str:
    return style.color(norm(search))


def unit(search: dict[str, Any]) -> str:
    return "accuracy (%)" if search["metric"] == "accuracy" else "loss"


def sign(search: dict[str, Any]) -> float:
    """1 where more is better, -1 where less is."""
    return 1.0 if search["direction"] == "maximize" else -1.0


def completed(search: dict[str, Any]) -> list[dict[str, Any]]:
    return [t for t in search["trials"] if t["state"] == "complete"]


def learned(trial: dict[str, Any]) -> bool:
    """Did the sampler choose the settings of a trial in view of earlier ones?"""
    return trial["drawn"] not in DRAWN


def chosen_number(search: dict[str, Any]) -> int | None:
    return search["chosen"]["number"] if search["chosen"] else None


def key(name: str) -> str:
    """A key of the space as a reader meets it: ``recipe.lr`` -> ``lr``."""
    return naming.option(Factor.parse(name).short)


def parts(searches: list[dict[str, Any]], name: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Searches in groups that fit one figure, each with the figure's name."""
    for start in range(0, len(searches), MOST):
        suffix = f"-{start // MOST + 1}" if len(searches) > MOST else ""
        yield f"{name}{suffix}", searches[start : start + MOST]


@dataclass(frozen=True)
class Parameter:
    """The axis of a parameter, from its domain."""

    domain: dict[str, Any]

    @property
    def categorical(self) -> bool:
        return self.domain["kind"] == "categorical"

    @property
    def log(self) -> bool:
        return bool(self.domain.get("log"))

    def place(self, value: Any) -> float:
        """Where a value lies on its axis: itself, or the place of a choice; nan outside it."""
        if not self.categorical:
            return float(value) if formatting.is_number(value) else math.nan
        choices = self.domain["choices"]
        return float(choices.index(value)) if value in choices else math.nan

    def share(self, value: Any) -> float:
        """The same between 0 (low) and 1 (high), of the logarithm where the domain is one."""
        return self._along(self.place(value))

    def _along(self, place: float) -> float:
        """How far along the axis a place lies, 0 to 1."""
        low, high = self.ends
        if self.log:
            low, high, place = math.log(low), math.log(high), math.log(place)
        return (place - low) / (high - low)

    @property
    def ends(self) -> tuple[float, float]:
        if self.categorical:
            return 0.0, float(len(self.domain["choices"]) - 1)
        return float(self.domain["low"]), float(self.domain["high"])

    def ticks(self) -> list[tuple[float, str]]:
        """Values and labels: every choice, round numbers otherwise."""
        if self.categorical:
            return [(float(i), formatting.value(c)) for i, c in enumerate(self.domain["choices"])]
        low, high = self.ends
        if self.log:
            few = high / low < 60
            found = LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)).tick_values(low, high)
        else:
            whole = self.domain["kind"] == "int"
            found = MaxNLocator(4, integer=whole, steps=[1, 2, 5, 10]).tick_values(low, high)
        # On the axis, as it is drawn: of a logarithmic one the low end is small.
        inside = [float(x) for x in found if x > 0 or not self.log]
        inside = [x for x in inside if -1e-9 <= self._along(x) <= 1 + 1e-9]
        return [(x, formatting.value(x)) for x in inside]


@dataclass(frozen=True)
class ScoreRange:
    """The range of scores worth a look: a few very bad trials do not squeeze the others.

    Attributes
    ----------
    low, high : float
        Limits, low < high.
    cut : bool
        Do scores lie beyond the worse limit?
    worse : float
        The limit at which those, and trials without a score, are drawn.
    known : bool
        Has any trial a score? Otherwise the limits mean nothing.
    """

    low: float
    high: float
    cut: bool
    worse: float
    known: bool = True

    def at(self, value: float | None) -> float:
        """Where a score is drawn."""
        return self.worse if value is None else min(max(value, self.low), self.high)


def scores(search: dict[str, Any]) -> ScoreRange:
    """Limits of the score's axis, from three times the distance of the best to the median."""
    way = sign(search)
    done = [way * t["value"] for t in completed(search)]
    known = [way * t["value"] for t in search["trials"] if t["value"] is not None]
    if not known:
        return ScoreRange(0.0, 1.0, False, 0.0 if way > 0 else 1.0, known=False)
    # The limits follow the completed trials; where those make no range, all that there is.
    values = done if len(set(done)) > 1 else known
    best, worst = max(values), min(values)
    reach = 3 * (best - float(np.median(values)))
    floor = max(worst, best - reach) if reach > 0 else worst
    if best == floor:
        room = abs(best) * 0.1 or 0.1
        best, floor = best + room, best - room
    pad = 0.07 * (best - floor)
    low, high = sorted([way * (best + pad), way * (floor - pad)])
    return ScoreRange(low, high, min(known) < floor - pad, way * (floor - pad))


def corner(figure: Figure, handles: list, **spacing: float) -> None:
    """A legend of one line in the upper right corner of the figure."""
    figure.legend(
        handles=handles,
        loc="upper right",
        ncols=len(handles),
        bbox_to_anchor=(1 - 0.05 / figure.get_figwidth(), 1 - 0.02 / figure.get_figheight()),
        borderaxespad=0,
        labelcolor=style.SOFT,
        **spacing,
    )


def legend(figure: Figure, searches: list[dict[str, Any]], *extra: str) -> None:
    """One line of marks above the panels: those that occur, and ``extra`` (chosen, default)."""
    trials = [t for s in searches for t in s["trials"]]
    states = {t["state"] for t in trials}
    shade = color(searches[0]) if len({norm(s) for s in searches}) == 1 else style.SOFT
    plain: dict[str, Any] = {"linestyle": "none", "markersize": 5}
    handles = []
    done = [t for s in searches for t in completed(s)]
    origins = dict.fromkeys(DRAWN.get(t["drawn"], "chosen by the sampler") for t in done)
    for text in sorted(origins, key=lambda text: text != "random"):
        face = "white" if text == "random" else shade
        handles.append(Line2D([], [], marker="o", mfc=face, mec=shade, label=text, **plain))
    for state, mark in FAILED.items():
        if state in states:
            style_of: dict[str, Any] = {"marker": mark, "mfc": "white", "mec": style.SOFT}
            handles.append(Line2D([], [], label=state, **style_of, **plain))
    if "chosen" in extra and any(s["chosen"] for s in searches):
        ring: dict[str, Any] = {"marker": "o", "mfc": "none", "mec": CHOSEN, "mew": 1.6, "ms": 9}
        handles.append(Line2D([], [], linestyle="none", label="used", **ring))
    if "default" in extra:
        handles.append(Line2D([], [], color=style.SOFT, lw=1, ls=(0, (2, 2)), label="default"))
    corner(figure, handles, handletextpad=0.3, columnspacing=1.2)
