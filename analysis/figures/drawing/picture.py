"""What a figure's module gives: a drawn figure with its words, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass
class Picture:
    """A drawn figure with the words that go with it.

    Attributes
    ----------
    section : str
        Section of the report in which it stands.
    caption : str
        What to look at, in plain text.
    alt : str
        What a reader who cannot see it should know.
    numbers : DataFrame
        Exactly what is drawn, for the CSV beside the figure; one row per mark or per pair.
    folded : bool
        Shown on demand only.
    """

    name: str
    section: str
    figure: Figure
    title: str
    caption: str
    alt: str
    numbers: DataFrame
    folded: bool = False


@dataclass
class Missing:
    """A figure that this study gives no data for, and why."""

    name: str
    reason: str
