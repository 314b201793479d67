"""Plain text to LaTeX that compiles with any engine.

In: display text (with true minus signs, Greek letters). Out: LaTeX source without packages. Called
by `analysis.display.latex.tables` and by the paper.
"""

from __future__ import annotations

import itertools

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "[": "{[}",
    "]": "{]}",
    '"': "''",
    "\n": " ",
    "\r": " ",
    "\t": " ",
    "\u00a0": "~",
    "\u2013": "--",
    "\u2014": "---",
    "\u2018": "`",
    "\u2019": "'",
    "\u201c": "``",
    "\u201d": "''",
    "\u2026": r"\ldots{}",
    "\u2212": "$-$",
    "\u00b1": r"$\pm$",
    "\u00d7": r"$\times$",
    "\u00b7": r"$\cdot$",
    "\u00b2": "$^2$",
    "\u2264": r"$\leq$",
    "\u2265": r"$\geq$",
    "\u2248": r"$\approx$",
    "\u2192": r"$\rightarrow$",
    "\u25b2": r"$\bigtriangleup$",
    "\u25bc": r"$\bigtriangledown$",
    "\u03b1": r"$\alpha$",
    "\u03b2": r"$\beta$",
    "\u03b3": r"$\gamma$",
    "\u03b7": r"$\eta$",
    "\u03bb": r"$\lambda$",
    "\u03bc": r"$\mu$",
    "\u03c3": r"$\sigma$",
}


def escape(text: object) -> str:
    """Text as LaTeX: special characters written out, signs and Greek in math.

    Characters that neither are listed here nor are Latin (up to U+024F, which every engine knows in
    UTF-8) stay for the engines that know them all, XeLaTeX and LuaLaTeX (with a font that has
    them), and are named by their code points in the others, so that the file compiles whatever a
    study is called and different names stay different. Square brackets are wrapped: at the start of
    a row LaTeX would read one as an option of ``\\\\``.
    """
    pieces = itertools.groupby(str(text), key=lambda c: c not in _SPECIAL and not _latin(c))
    return "".join(
        _foreign("".join(run)) if foreign else "".join(_SPECIAL.get(c, c) for c in run)
        for foreign, run in pieces
    )


def _latin(character: str) -> bool:
    code = ord(character)
    return 32 <= code < 127 or 160 <= code <= 0x24F


def _foreign(run: str) -> str:
    """Letters of other scripts; what no engine prints is left to its code point."""
    codes = " ".join(f"U+{ord(c):04X}" for c in run)
    if not run.isprintable():
        return codes
    return rf"{{\ifdefined\Umathchar {run}\else {codes}\fi}}"
