"""Where figures stand on the page, and that each has a place.

In: the folder of figures with its list, the page as text. Out: figures by section; an error where
the page lacks a section. Called by `analysis.report.page`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from afn.common import parsing
from afn.common.errors import StudyError
from analysis.display.table import Table

SECTIONS = (
    "decisions",
    "statistics",
    "shift",
    "domains",
    "published",
    "pairs",
    "looks",
    "ablations",
    "tuning",
    "training",
    "cost",
    "data",
    "added",
)


def figures(folder: Path, output: Path) -> dict[str, Any]:
    """Figures by section, with their SVG and links."""
    from analysis.display.inline_svg import shown

    try:
        index = parsing.load(folder / "index.json")
    except (OSError, ValueError) as error:
        raise StudyError(f"{folder / 'index.json'}: not a list of figures ({error})") from None
    sections: dict[str, list] = {name: [] for name in SECTIONS}
    where = Path(os.path.relpath(folder, output.parent))
    for number, made in enumerate(index["made"], 1):
        svg = (folder / made["files"]["svg"]).read_text(encoding="utf-8")
        links = {kind: (where / name).as_posix() for kind, name in made["files"].items()}
        entry = {**made, **shown(svg, made["alt"], f"f{number}"), "links": links}
        if made["section"] not in sections:
            raise StudyError(f"figure {made['name']}: the page has no section {made['section']!r}")
        sections[made["section"]].append(entry)
    count = 0
    for name in SECTIONS:
        for entry in sections[name]:
            count += 1
            entry["number"] = count
    return {"sections": sections, "missing": index["missing"], "tasks": index.get("tasks") or {}}


def check_whole(text: str, sections: dict[str, list], tables: dict[str, Table]) -> None:
    """Every figure, and every table with a row, stands on the page.

    Raises
    ------
    StudyError
        Where the template has no place for one.
    """
    wanted = [f"fig-{entry['name']}" for own in sections.values() for entry in own]
    wanted += [f"table-{name}" for name, table in tables.items() if table.rows]
    lost = [name for name in wanted if f'id="{name}"' not in text]
    if lost:
        raise StudyError(f"the page has no place for {', '.join(lost)}")
