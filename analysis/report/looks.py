"""The looks at a study's results: every page that shows numbers is noted, and the last one counts.

A plan of a fixed number of seeds is decided once, on all its runs. Who looks earlier may stop, or
add seeds, because of what is seen, and then no p value holds; nobody can take a look back, so the
page says how often it was done. In and out: ``results/<study>/looks.jsonl``, a line per page:
``{"time", "command", "runs", "declared", "content"}``, where ``content`` is the hash of the table
of results. Called by the partial report and by the page.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from afn.common.errors import StudyError
from analysis.display import formatting

TOLD = 3
"""Of so many looks each is told; of more, the first and the last."""


def file_of(study_folder: Path | str) -> Path:
    """Where the looks at a study are noted, in its folder of results."""
    return Path(study_folder) / "looks.jsonl"


def note(path: Path, command: str, runs: int, declared: int, content: str) -> None:
    """Note a look, before the page is shown; a report of the same table again is the same look.

    Raises
    ------
    StudyError
        Where that cannot be written: then there is no page.
    """
    look = {"command": command, "runs": runs, "declared": declared, "content": content}
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
            look = json.loads(line)
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


def times(n: int) -> str:
    """``once``, ``twice``, ``three times``."""
    return {1: "once", 2: "twice"}.get(n, f"{formatting.small(n)} times")
