"""The templates of a page: its own, and those that every page shares (macros, style sheet).

In: the folder of a page's templates. Out: a Jinja environment that escapes everything and refuses
unknown names. Called by the page of a study and by that of a table of scores.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

SHARED = Path(__file__).with_name("templates")


def environment(own: Path) -> Environment:
    """Templates are looked for in a page's own folder, then among the shared ones."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader([own, SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def style_sheet() -> str:
    """The style of every page."""
    return (SHARED / "page.css").read_text(encoding="utf-8")
