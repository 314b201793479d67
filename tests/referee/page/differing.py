"""The table of images that two arms answer differently, counted again from the predictions.

In: the evidence and the printed table. Out: rows that are not what the runs answered. Called by
`tests.referee.referee`; this table is made for the page alone, so that no file holds it.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np

from tests.referee.evidence import Evidence
from tests.referee.page.answer import nets
from tests.referee.page.names import Names
from tests.referee.page.tables import Shown
from tests.referee.recomputed import images

SHOWN = 5


def findings(e: Evidence, shown: Shown | None) -> list[str]:
    """Rows that are printed and not so, and rows that are not printed."""
    printed = Counter(tuple(_plain(row)) for row in (shown.rows if shown else []))
    truth = Counter(rows(e))
    found = [f"images: {row} is printed" for row in (printed - truth).elements()]
    return found + [f"images: {row} is not printed" for row in (truth - printed).elements()]


def _plain(row: list[str]) -> list[str]:
    """A printed row without the names beside its comparison and the word of its link."""
    return [row[0].partition(" \u00b7 ")[0], *(x.replace("\u00a0", " ") for x in row[1:6])]


def rows(e: Evidence) -> list[tuple[str, ...]]:
    """What has to be printed: each primary comparison once on each of its backbones."""
    if e.overlap is not None:
        return []  # every seed has test images of its own
    found: dict[tuple[Any, ...], tuple[str, ...]] = {}
    primary = [d for d in e.declared if d["primary"]]
    for d in primary or e.declared:
        for net in nets(e, d):
            arms = [_arm(e, d, net, d[side]) for side in ("a", "b")]
            if any(e.winners(cell) for cell in arms):
                continue
            right = [images.answers(e, cell, "clean") for cell in arms]
            if all(len(r) for r in right):
                key = tuple(tuple(cell.values()) for cell in arms)
                found[key] = (Names(e).contrast(d["a"], d["b"]), net, *counted(*right))
    return list(found.values())


def _arm(e: Evidence, d: dict[str, Any], net: str, arm: str) -> dict[str, Any]:
    norm, _, protocol = arm.partition("@")
    cell = {"task": d["task"], "backbone": net, "norm": norm, "recipe": d["recipe"]}
    return cell | {"protocol": e.served(cell, protocol)}


def counted(mine: np.ndarray, theirs: np.ndarray) -> tuple[str, ...]:
    """How many images differ, how many by half of the seeds, and which for either arm."""
    gaps = [
        Fraction(int(a), len(mine)) - Fraction(int(b), len(theirs))
        for a, b in zip(mine.sum(0), theirs.sum(0), strict=True)
    ]
    apart = sorted((-abs(g), i) for i, g in enumerate(gaps) if g)
    return (
        f"{len(apart):,} of {len(gaps):,}",
        f"{sum(abs(g) >= Fraction(1, 2) for g in gaps):,}",
        *(_listed([i for _, i in apart if s * gaps[i] > 0], mine, theirs) for s in (1, -1)),
    )


def _listed(own: list[int], mine: np.ndarray, theirs: np.ndarray) -> str:
    more = f" and {len(own) - SHOWN:,} more" if len(own) > SHOWN else ""
    n, m = (f"/{len(r)}" if len(mine) != len(theirs) else "" for r in (mine, theirs))
    told = [f"{i} ({sum(mine[:, i]):g}{n}:{sum(theirs[:, i]):g}{m})" for i in own[:SHOWN]]
    return f"{len(own):,}" + (": " if own else "") + ", ".join(told) + more
