"""The same picture in fewer bytes: an SVG element of a page as matplotlib would not write it.

In: the text of an SVG element, and a prefix for its names. Out: an element that looks the same.
Coordinates have two decimals (a hundredth of a point), equal styles are a class that is said once,
identifiers are counted, and groups without any attribute are opened. Called by
`analysis.display.inline_svg`; files on the disk stay as matplotlib wrote them.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter

DECIMALS = 2
KEPT_DEPTH = 4
"""The element, the figure, its panels and their parts stay groups: panels are moved as one."""

_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?|-?\d+e-?\d+")
_POINT = re.compile(r"([MLQCZz])([^MLQCZz]*)")


def compact(body: str, name: str) -> str:
    """Write an SVG element in fewer bytes; what it shows stays the same.

    Parameters
    ----------
    body : str
        The element, its identifiers already its own (they begin with ``name``).
    name : str
        Prefix of identifiers and classes, which keeps figures of one page apart.

    Examples
    --------
    >>> compact('<svg role="img"><path d="M 1.00412 2 \\nL 3 4.5 \\nz\\n"/></svg>', "f1")
    '<svg role="img"><path d="M1 2 3 4.5z"/></svg>'
    """
    body = re.sub(r'\bd="([^"]*)"', lambda m: f'd="{path_data(m[1])}"', body)
    body = re.sub(
        r'(\s(?:x|y|width|height))="([^"]*)"', lambda m: f'{m[1]}="{_rounded(m[2])}"', body
    )
    body = re.sub(
        r'\stransform="((?:translate|rotate)\([^"()]*\))"', lambda m: _transform(m[1]), body
    )
    body = re.sub(r"<defs>\s*</defs>\n?|<g>\s*</g>\n?|<g/>\n?", "", body)
    body = _opened(body)
    body = _counted(body, name)
    body = _classes(body, name)
    return re.sub(r"\n(?=<)", "", body)


def path_data(text: str) -> str:
    """The commands of a path with rounded numbers, without the spaces and letters that can go.

    >>> path_data("M 0 345.6 \\nL 518.4012 345.604 \\nL 1 -0.001 \\nz\\n")
    'M0 345.6 518.4 345.6 1 0z'
    """
    parts, before = [], ""
    for command, rest in _POINT.findall(text):
        numbers = " ".join(_rounded(n) for n in rest.split())
        # A line after a move or a line needs no letter of its own.
        again = command == before or (command == "L" and before == "M")
        parts.append(f" {numbers}" if again and command != "M" and numbers else command + numbers)
        before = command
    return "".join(parts)


def _rounded(text: str) -> str:
    """A number of at most two decimals; other text as it is."""
    if not _NUMBER.fullmatch(text):
        return text
    short = f"{float(text):.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if short in ("-0", "") else short


def _transform(text: str) -> str:
    """A move or a turn with rounded numbers; nothing where it turns by nothing."""
    kind, _, rest = text.rstrip(")").partition("(")
    numbers = re.split(r"[\s,]+", rest.strip())
    if kind == "rotate" and float(numbers[0]) == 0:
        return ""
    return f' transform="{kind}({" ".join(map(_rounded, numbers))})"'


def _opened(body: str) -> str:
    """Without groups that have no attribute, below the panels."""
    pieces: list[str] = []
    stack: list[bool] = []
    for piece in re.split(r"(<[^>]*>)", body):
        if re.match(r"<[a-zA-Z]", piece) and not piece.endswith("/>"):
            stack.append(piece == "<g>" and len(stack) >= KEPT_DEPTH)
            piece = "" if stack[-1] else piece
        elif piece.startswith("</"):
            piece = "" if stack.pop() else piece
        pieces.append(piece)
    return re.sub(r"\n{2,}", "\n", "".join(pieces))


def _counted(body: str, name: str) -> str:
    """Identifiers as numbers, in the order in which they stand in the file."""
    own = dict.fromkeys(re.findall(r'\sid="([^"]*)"', body))
    short = dict(zip(own, (f"{name}-{n}" for n in itertools.count()), strict=False))
    body = re.sub(r'\sid="([^"]*)"', lambda m: f' id="{short[m[1]]}"', body)
    return re.sub(r'(url\(|href=")#([^")]*)', lambda m: f"{m[1]}#{short.get(m[2], m[2])}", body)


def _classes(body: str, name: str) -> str:
    """Each style that several elements have as a class; the type of all letters said once."""
    fonts = set(re.findall(r"font-family: [^;\"]*", body))
    own = sorted(fonts)[0] if len(fonts) == 1 else ""

    def less(match: re.Match) -> str:
        said = [part for part in match[1].split("; ") if part != own]
        return f' style="{";".join(part.replace(": ", ":") for part in said)}"'

    body = re.sub(r'\sstyle="([^"]*)"', less, body)
    counts = Counter(re.findall(r'\sstyle="([^"]*)"', body))
    known = {
        style: f"{name}{_letters(n)}"
        for n, style in enumerate(s for s, k in counts.items() if k > 1 and s[:2] != "--" and s)
    }

    def classed(match: re.Match) -> str:
        tag, style = match[0], match[1]
        if not style:
            return tag.replace(' style=""', "", 1)
        if style not in known:
            return tag
        tag = tag.replace(f' style="{style}"', "", 1)
        if ' class="' in tag:
            return tag.replace(' class="', f' class="{known[style]} ', 1)
        return re.sub(r"^<(\w+)", rf'<\1 class="{known[style]}"', tag)

    body = re.sub(r'<\w[^>]*?\sstyle="([^"]*)"[^>]*>', classed, body)
    # Named twice, a rule is stronger than that of the page for all marks of a figure. It asks for
    # nothing around the mark: that would not hold in the copies of the narrow form (<use>).
    rules = "".join(f".{key}.{key}{{{style}}}" for style, key in known.items())
    head = f' style="{own.replace(": ", ":")}"' if own else ""
    body = re.sub(r"^<svg([^>]*)>", lambda m: f"<svg{m[1]}{head}>", body, count=1)
    return body.replace(">", f"><style>{rules}</style>", 1) if rules else body


def _letters(number: int) -> str:
    """0 -> a, 25 -> z, 26 -> ba.

    >>> _letters(0), _letters(26)
    ('a', 'ba')
    """
    text = ""
    while True:
        number, rest = divmod(number, 26)
        text = chr(97 + rest) + text
        if not number:
            return text
