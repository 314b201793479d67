"""How wide text is in LaTeX's own type, Computer Modern, of which Times is never wider.

In: plain text and a size of type. Out: TeX points. Called by `analysis.display.latex.tables`, which
decides before LaTeX runs whether a table fits.
"""

from __future__ import annotations

import re

_EM = {
    "!',.:;<[]_`il": 0.278,
    "fj": 0.306,
    " -": 0.333,
    "I": 0.361,
    "()rst": 0.392,
    "cez": 0.444,
    "?": 0.472,
    '"$*/0123456789J\\^ago{}~': 0.5,
    "kqvxy": 0.528,
    "Sbdhnpu": 0.556,
    "LZ": 0.611,
    "F": 0.653,
    "EP": 0.681,
    "B": 0.708,
    "CRTw": 0.736,
    "ADHNUVXY": 0.75,
    "&+=@GKOQ<>\u2212\u00b1\u00d7\u2264\u2265": 0.778,
    "#%m": 0.833,
    "M": 0.917,
    "W\u25b2\u25bc\u2248": 1.028,
}
_WIDTH = {character: width for characters, width in _EM.items() for character in characters}
_OTHER = 0.64  # Greek letters and accented ones; nothing wide is printed in a table
_SMALLER = {10: 1.0, 9: 1.028, 8: 1.063, 7: 1.14}
"""Small type is cut wider."""


def width(text: str, size: int = 10) -> float:
    """Width of a line of text in TeX points.

    Parameters
    ----------
    size : int
        7 (``\\scriptsize``) to 10 (``\\normalsize`` of an article at 10 pt).

    >>> round(width("superior", 10), 1), round(width("superior", 7), 1)
    (36.8, 29.4)
    """
    return sum(_WIDTH.get(c, _OTHER) for c in text) * size * _SMALLER[size]


def wrapped(text: str, room: float, size: int) -> list[str]:
    """Lines of a text that LaTeX would set into ``room`` points, breaking at blanks only."""
    lines: list[str] = []
    for word in re.split(r"[ \n\t]+", text.strip()):
        if lines and width(f"{lines[-1]} {word}", size) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def longest_word(text: str, size: int) -> float:
    """Width of the widest word of a text: no column can be narrower."""
    return max((width(word, size) for word in text.split(" ")), default=0.0)
