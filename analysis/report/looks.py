"""The looks at a study's results: every page that shows numbers is noted, and the last one counts.

A plan of a fixed number of seeds is decided once, on all its runs. Who looks earlier may stop, or
add seeds, because of what is seen, and then no p value holds; nobody can take a look back, so the
page says how often it was done. In and out: ``results/<study>/looks.jsonl``, a line per page:
``{"time", "command", "runs", "declared", "content", "seeds"}``, where ``content`` is the hash of
the table of results and ``seeds`` how many the plan of a whole page had. Called by the partial
report and by the page.

A plan that got more seeds after a whole page of fewer was broken: the page then says so first, and
answers with e values, which hold however often one looks.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from afn.common import parsing
from afn.common.errors import StudyError
from analysis.decisions.decision import Decision
from analysis.decisions.words.phrases import on_outcome
from analysis.decisions.words.verdicts import words
from analysis.display import formatting, naming
from analysis.inputs import Inputs
from analysis.stats.sequential.eprocess import weigh
from analysis.stats.verdict import Verdict

TOLD = 3
"""Of so many looks each is told; of more, the first and the last."""


def file_of(study_folder: Path | str) -> Path:
    """Where the looks at a study are noted, in its folder of results."""
    return Path(study_folder) / "looks.jsonl"


def note(
    path: Path, command: str, runs: int, declared: int, content: str, seeds: int | None = None
) -> None:
    """Note a look, before the page is shown; a report of the same table again is the same look.

    Raises
    ------
    StudyError
        Where that cannot be written: then there is no page.
    """
    look = {"command": command, "runs": runs, "declared": declared, "content": content}
    look |= {} if seeds is None else {"seeds": seeds}
    last = next((dict(old) for old in reversed(read(path)) if old["command"] == command), {})
    last.pop("time", None)
    if command == "report" and last == look:
        return
    stamp = time.strftime("%Y-%m-%d %H:%M")
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": stamp, **look}) + "\n")
    except OSError as error:
        raise StudyError(f"{path}: a look cannot be noted: {error.strerror}") from None


def read(path: Path) -> list[dict]:
    """The looks that were noted, the first one first; a line that was cut off is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from None
    found = []
    for line in lines:
        try:
            look = parsing.parse(line)
        except ValueError:
            continue
        if isinstance(look, dict) and {"time", "command", "runs", "declared"} <= look.keys():
            found.append(look)
    return found


def sentence(looks: list[dict], declared: int) -> str:
    """How often results were looked at before all declared runs were there; "" if never.

    >>> sentence([{"time": "2026-01-02 03:04", "command": "partial", "runs": 5, "declared": 9}], 9)
    'The results were looked at once before they were complete: on 2026-01-02 03:04 (5 of 9 runs).'
    """
    early = [look for look in looks if look["runs"] < declared]
    if not early:
        return ""
    shown = early if len(early) <= TOLD else [early[0], early[-1]]
    places = [
        f"on {look['time']} ({look['runs']:,} of {declared:,} runs"
        f"{', a report of an earlier plan' if look['command'] == 'report' else ''})"
        for look in shown
    ]
    if len(early) <= TOLD:
        when = formatting.listing(places)
    else:
        when = f"first {places[0]}, last {places[1]}"
    return f"The results were looked at {times(len(early))} before they were complete: {when}."


def broken(looks: list[dict], inputs: Inputs) -> str:
    """What holds after seeds were added to a plan that had been decided; "" if none were.

    Every primary comparison is answered by the e value of its seeds, about these images, which
    rejects at m / alpha in a family of m, and by the confidence sequence at 2 alpha.
    """
    now = len(inputs.study.seeds)
    before = [
        look for look in looks if look["command"] == "report" and look.get("seeds", now) < now
    ]
    family = [d for d in inputs.decisions if d.primary and d.backbone == "pooled"]
    if not before or not family:
        return ""
    plan = inputs.study.plan
    told: dict[str, list[str]] = {}
    for d in family:
        word = words(_by_evidence(d, plan, len(family) / plan.alpha))
        contrast = naming.contrast(d.a, d.b, inputs.protocols[0])
        told.setdefault(word, []).append(f"{contrast} {on_outcome(inputs, d)}")
    found = "; ".join(f"{word}: {formatting.listing(own)}" for word, own in told.items())
    return (
        f"Seeds were added after the study had been decided on {before[0]['seeds']}: the plan of a "
        f"fixed number was broken, and verdicts, p values and intervals of this page hold only for "
        f"somebody who did not look. By e values, which hold however often one looks, find less, "
        f"and are about these test images ({formatting.plain(len(family) / plan.alpha)} rejects in "
        f"a family of {formatting.small(len(family))}): {found}."
    )


def _by_evidence(d: Decision, plan: Any, needed: float) -> Verdict:
    """Superior, inferior, equivalent or undecided, whatever made somebody stop or go on."""
    x = np.array([pair["difference"] for pair in d.differences], float)
    margin = plan.margin if len(d.blocks) == 1 else None
    found = weigh(x, needed, alpha=plan.alpha, margin=margin)
    return Verdict.UNDECIDED if found is None or any(d.diverged.values()) else found.verdict


def times(n: int) -> str:
    """``once``, ``twice``, ``three times``."""
    return {1: "once", 2: "twice"}.get(n, f"{formatting.small(n)} times")
