"""What a paper says, against decisions.json: read again from its LaTeX and Markdown files.

In: the folder of a paper, and decisions.json. Out: differences in words. The rounding and the words
of verdicts are written down here once more.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

MINUS = "\u2212"
NUMBER = r"[+\u2212]?\d+(?:\.\d+)?"
SIGNS = {r"$-$": MINUS, r"$<$": "<", r"$>$": ">", "{[}": "[", "{]}": "]", "~": " "}
SIGNS |= {r"$\pm$": "\u00b1", r"\%": "%", r"\_": "_", r"\-": "", r"\raggedright ": ""}
SIGNS |= {r"$\lambda$": "\u03bb", "$\\times$": "\u00d7"}


def plain(text: str) -> str:
    """LaTeX of a cell as the text it prints."""
    for source, shown in SIGNS.items():
        text = text.replace(source, shown)
    return text.strip()


def family(decisions: Path) -> list[dict[str, Any]]:
    """The pooled primary decisions; all pooled ones where none is primary."""
    every = json.loads(decisions.read_text(encoding="utf-8"))["decisions"]
    pooled = [d for d in every if d["backbone"] == "pooled"]
    return [d for d in pooled if d["primary"]] or pooled


def signed(x: float) -> str:
    text = f"{x:+.2f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def p_value(p: float) -> str:
    if p < 0.001:
        return "< 0.001"
    if p > 0.99:
        return "> 0.99"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def rows_of(tex: str) -> list[list[str]]:
    """Printed rows below the heads, those of headings left out."""
    body = re.search(r"\\midrule(.*?)\\bottomrule", tex, re.DOTALL)[1]
    lines = [line for line in body.splitlines() if line.strip().endswith(r"\tabularnewline")]
    cells = [
        line.rpartition(r"\tabularnewline")[0] for line in lines if r"\multicolumn" not in line
    ]
    return [[plain(c) for c in re.split(r"(?<!\\)&", line)] for line in cells]


def word(d: dict[str, Any], text: str) -> bool:
    """Whether a printed verdict is the decision's, with nothing more than what may stand beside."""
    own = d["verdict"].replace("_", " ") + (", below the margin" if d["below_margin"] else "")
    if own == "cannot reject":
        own = f"cannot reject with {d['n']} {d['paired_by']}s"
    rest = text.removeprefix(own).removeprefix(", perhaps not zero").strip()
    return text.startswith(own) and rest in ("", "(t-test alone)")


def column_table(paper: Path, decisions: Path) -> list[str]:
    """The table of four columns, row by row."""
    rows = rows_of((paper / "tables/primary.tex").read_text(encoding="utf-8"))
    own = family(decisions)
    if len(rows) != len(own):
        return [f"{len(rows)} rows for {len(own)} decisions"]
    found = []
    for (place, difference, p, verdict), d in zip(rows, own, strict=True):
        ends = " ".join([signed(d["estimate"]), f"[{', '.join(map(signed, d['ci']))}]"])
        outcome = {"clean": "clean", "shift": "shifted"}.get(d["outcome"], d["outcome"])
        same = "difference in" in difference and difference.startswith(signed(d["estimate"]))
        if not (difference == ends or same) or p != p_value(d["p_adjusted"]):
            found.append(f"{place}: {difference}, p {p} is printed for {ends}, {d['p_adjusted']}")
        if not word(d, verdict) or not place.startswith(outcome.replace("_", " ")):
            found.append(f"{place}: {verdict} is printed for {outcome}, {d['verdict']}")
    return found


def sentences(paper: Path, decisions: Path) -> list[str]:
    """The listed comparisons: one sentence each, with every number."""
    lines = (paper / "numbers.md").read_text(encoding="utf-8").replace("\\", "").splitlines()
    own = family(decisions)
    if len(lines) != len(own):
        return [f"{len(lines)} sentences for {len(own)} decisions"]
    found = []
    for line, d in zip(lines, own, strict=True):
        told = line.rpartition(": ")[2]
        verdict, _, rest = told.partition("; ")
        numbers = [signed(d["estimate"]), *map(signed, d["ci"])]
        shown = re.findall(rf"{NUMBER}(?= points)|(?<=interval ){NUMBER}|(?<=to ){NUMBER}", rest)
        same = "difference in" in rest
        p = re.search(r"p ((?:[<>] |= )\d\.\d+), n = (\d+)\.$", rest)
        wanted = p_value(d["p_adjusted"] if "adjusted" in rest else d["p"])
        if not word(d, verdict) or (shown != numbers and not same):
            found.append(f"{line!r} is told of {d['verdict']}, {numbers}")
        elif not p or p[1].removeprefix("= ") != wanted or int(p[2]) != d["n"]:
            found.append(f"{line!r} is told of p {wanted}, n {d['n']}")
    return found


def results(paper: Path, decisions: Path) -> list[str]:
    """Numbers with two decimals in the results: each is one that some decision has."""
    text = (paper / "results.md").read_text(encoding="utf-8").replace("\\", "")
    every = json.loads(decisions.read_text(encoding="utf-8"))["decisions"]
    known = {signed(x).lstrip("+" + MINUS) for d in every for x in _numbers(d)}
    shown = re.findall(rf"{NUMBER[:-1]}?", text.split("Tuning")[0])
    two = [x.lstrip("+" + MINUS) for x in shown if re.search(r"\.\d\d$", x)]
    return [f"{x} is in no decision" for x in two if x not in known]


def _numbers(d: dict[str, Any]) -> list[float]:
    values = [d["estimate"], d["mde"], *(d["ci"] or [])]
    if d["heterogeneity"]:
        values += d["heterogeneity"]["estimates"].values()
    return [x for x in values if isinstance(x, float | int)]


def findings(paper: Path, decisions: Path) -> list[str]:
    """Everything in a paper that decisions.json does not say."""
    found = column_table(paper, decisions) + sentences(paper, decisions)
    return found + results(paper, decisions)
