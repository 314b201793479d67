"""How the pages of the referee's studies call things: written down once more.

In: the evidence. Out: names as they are printed. Called by `tests.referee.page.cells`: a printed
row is about the comparison or the cell whose numbers it shows.
"""

from __future__ import annotations

from tests.referee.evidence import Evidence

MINUS = "\u2212"
NORMS = {"batch": "BatchNorm", "layer": "LayerNorm", "asr": "ASRNorm", "afn": "AFN"}
OPTIONS = {
    "stan_ratio": "standardise ratio",
    "rescale_ratio": "rescale ratio",
    "lambda_init": "\u03bb init",
}
OUTCOMES = {"clean": "clean", "shift": "shifted"}


class Names:
    """The names on the page of one study."""

    def __init__(self, e: Evidence) -> None:
        self.first = e.protocols[0]
        trained = list(dict.fromkeys(e.runs["recipe"]))
        searched = {k for k, v in e.document["experiments"].items() if "search" in v}
        self.tuned = searched | {r for r in trained if r.partition(".")[0] in searched}
        self.rates = {r: rate(r) for r in trained if r not in self.tuned}

    def recipe(self, recipe: str) -> str:
        """A recipe in a column: by its rate where there are several."""
        if recipe in self.tuned:
            return "tuned"
        return (
            self.rates[recipe]
            if len(self.rates) > 1
            else recipe.replace("+", ", ").replace("=", " ")
        )

    def cell(self, norm: str, recipe: str) -> str:
        """A method beside others: with its recipe where there are several."""
        which = recipe.partition(".search")[2]
        tuned = f"tuned, search {which}" if which else "tuned"
        told = tuned if recipe in self.tuned else self.rates[recipe]
        alone = recipe in self.rates and len(self.rates) == 1
        return self.norm(norm) if alone else f"{self.norm(norm)} \u00b7 {told}"

    def norm(self, part: str) -> str:
        name, *options = part.split("+")
        shown = [o.partition("=") for o in options]
        return ", ".join([NORMS[name], *(f"{OPTIONS[k]} {minus(v)}" for k, _, v in shown)])

    def contrast(self, a: str, b: str) -> str:
        """Two arms; what both share is said once."""
        (norm, _, at), (base, _, base_at) = a.partition("@"), b.partition("@")
        at, base_at = at.replace("_", " "), base_at.replace("_", " ")
        if norm == base:
            return f"{self.norm(norm)}: {at or self.first} {MINUS} {base_at or self.first}"
        if at == base_at:
            return f"{self.norm(norm)} {MINUS} {self.norm(base)}" + (f" (both {at})" if at else "")
        sides = [self.norm(n) + (f" ({p})" if p else "") for n, p in ((norm, at), (base, base_at))]
        return f" {MINUS} ".join(sides)

    def option(self, key: str) -> str:
        return OPTIONS[key]

    def direction(self, e: Evidence, row: dict) -> str:
        """From which level to which a term of a grid goes; an interaction goes nowhere."""
        if ":" in row["term"]:
            return "\u2013"
        low, high = e.levels(row["experiment"], row["term"])
        return f"{low} \u2192 {high}"


def rate(recipe: str) -> str:
    """The rate of a recipe by the name that its runs have; the default is not spelt out there."""
    found = dict(piece.partition("=")[::2] for piece in recipe.split("+")[1:])
    return f"lr {found.get('lr', '0.001')}"


def minus(value: str) -> str:
    return value.replace("-", MINUS)


def outcome(name: str) -> str:
    return OUTCOMES.get(name, name.replace("_", " "))
