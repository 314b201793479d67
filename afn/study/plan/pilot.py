"""What to buy next: more seeds, searches, final runs or test images, from the results of a pilot.

In: the decisions of a finished study (``decisions.json``), which carry the parts of their variance,
and the study that is planned. Out: lines of text with the half-width of every comparison, as it is
and for larger designs. Called by ``python -m afn.study plan --pilot RESULTS``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afn.common.errors import StudyError
from afn.common.made_from import read_document
from afn.study.plan.power import pilot_sd_upper
from afn.study.plan.purchase import MOST_UNITS, half_width, units_for

if TYPE_CHECKING:
    from afn.study.grid.cells import Study

NOUNS = {"seed": "seeds", "search": "searches", "backbone": "backbones"}


def advice(study: Study, pilot: str | Path) -> list[str]:
    """What more of each would give, for the contrasts of a study that its pilot has decided.

    Parameters
    ----------
    pilot : path
        ``results/<study>`` of the pilot, or its ``decisions.json``.

    Raises
    ------
    StudyError
        Where the pilot has no such decision, or its decisions carry no variances.
    """
    path = Path(pilot)
    file = path / "decisions.json" if path.is_dir() else path
    wanted = {(c.a, c.b) for e in study.experiments.values() for c in e.contrasts}
    outcomes = set(study.plan.outcomes)
    found = [
        d
        for d in read_document(file, "decisions")["decisions"]
        if d["backbone"] == "pooled" and (d["a"], d["b"]) in wanted and d["outcome"] in outcomes
    ]
    if not found:
        raise StudyError(f"{file}: decides no contrast and outcome of the study {study.name}")
    known = [d for d in found if d.get("components") and d["n"] > 1]
    if not known:
        raise StudyError(f"{file}: its decisions carry no variances; collect and decide again")
    fewest = min(d["n"] for d in known)
    level = 1 - study.plan.alpha
    return [
        f"what to buy next, by {file}: half-widths of {100 * level:g} % intervals in points, if "
        f"the pilot's variances are the true ones (estimated from {fewest} units, a standard "
        f"deviation may be {pilot_sd_upper(1.0, fewest):.2g} times as large)",
        *(line for d in known for line in _lines(d, study, level)),
    ]


def _lines(d: dict[str, Any], study: Study, level: float) -> Iterator[str]:
    """A comparison as it is, with more of each, and with endless units."""
    parts, n, unit = d["components"], d["n"], d["paired_by"]
    crossed = d["target"] == "images_like_these" and parts["images"] is not None
    images = parts["of_images"] if crossed else None
    runs = parts["runs"] if parts["run"] is not None else None

    def half(units: int, on: int | None = images, each: int | None = runs) -> str:
        width = half_width(parts, units, images=on, runs=each, level=level)
        return f"+-{width:.2f}" if width < 100 else "+-any"

    where = f" ({d['experiment']}, {d['recipe']})" if unit == "search" else ""
    yield f"  {d['a']} - {d['b']}, {d['outcome']}{where}:"
    offers = [f"{_count(n, unit)}{_on(images)}{_of(runs)}: {half(n)}"]
    offers.append(f"{_count(2 * n, unit)}: {half(2 * n)}")
    if runs is not None:
        offers.append(f"{2 * runs} final runs: {half(n, each=2 * runs)}")
    if images is not None:
        more = _round(5 * images)
        offers.append(f"{more:,} images: {half(n, more)}")
        offers.append(f"both: {half(2 * n, more)}")
    yield f"    {'; '.join(offers)}"
    margin = study.plan.margin
    needed = units_for(parts, margin, images=images, runs=runs, level=level)
    if needed is None:
        least = half(MOST_UNITS)
        reason = f"no number of {NOUNS[unit]} alone: they end at {least}"
        yield f"    for +-{margin:g}: {reason}{', which other images would change' * crossed}"
    else:
        yield f"    for +-{margin:g}: {_count(needed, unit)}"


def _count(n: int, unit: str) -> str:
    return f"{n} {NOUNS[unit]}"


def _on(images: int | None) -> str:
    return "" if images is None else f" on {images:,} images"


def _of(runs: int | None) -> str:
    return "" if runs is None else f" of {runs} final runs"


def _round(n: int) -> int:
    """The next of 1, 2, 5, 10, ... that is at least n.

    >>> _round(1800)
    2000
    """
    size = 1
    while True:
        for first in (1, 2, 5):
            if first * size >= n:
                return first * size
        size *= 10
