"""Plain text to LaTeX that compiles: escaping, and a table with booktabs.

In: display text (with true minus signs, Greek letters). Out: LaTeX source that needs only the
package booktabs and any engine. Called by `analysis.tables.writing`.
"""

from __future__ import annotations

from collections.abc import Sequence

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

    A character that neither is listed here nor is Latin (up to U+024F, which every engine knows
    in UTF-8) becomes a question mark, so that the file compiles whatever a study is called. Square
    brackets are wrapped: at the start of a row LaTeX would read one as an option of ``\\\\``.
    """
    return "".join(_SPECIAL.get(c) or _plain(c) for c in str(text))


def _plain(character: str) -> str:
    code = ord(character)
    return character if 32 <= code < 127 or 160 <= code <= 0x24F else "?"


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    align: str,
    caption: str,
    label: str,
    breaks: Sequence[int] = (),
) -> str:
    """A complete table environment.

    Parameters
    ----------
    align : str
        One letter (l, r, c) per column.
    breaks : sequence of int
        Rows in front of which a little space is put.
    """
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}[t]",
        r"  \centering",
        rf"  \caption{{{escape(caption)}}}",
        rf"  \label{{tab:{''.join(c if c.isalnum() else '-' for c in label)}}}",
        rf"  \begin{{tabular}}{{@{{}}{align}@{{}}}}",
        r"    \toprule",
        "    " + " & ".join(escape(h) for h in heads) + r" \\",
        r"    \midrule",
    ]
    for i, row in enumerate(rows):
        if i in breaks and i:
            lines.append(r"    \addlinespace")
        lines.append("    " + " & ".join(escape(cell) for cell in row) + r" \\")
    lines += [r"    \bottomrule", r"  \end{tabular}", r"\end{table}", ""]
    return "\n".join(lines)
