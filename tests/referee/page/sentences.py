"""What a page must not say: levels that are not the plan's, and settings that are not shared.

In: the evidence and the text of a page. Out: findings in words. The decisions that are said in one
sentence each are read here, too.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.referee.evidence import Evidence
from tests.referee.page.answer import NUMBER, nets
from tests.referee.page.cells import rounded
from tests.referee.page.names import Names

LEVEL = re.compile(r"(\d+(?:\.\d+)?)[\s\u00a0]?%(?=[^.;,()]{0,30}\b(?:interval|confidence))")
SHARED = "same in every cell:"
ENDS = f"different between cells|{SHARED}|The plan|$"
"""What may follow a list of shared settings."""


def false_levels(e: Evidence, text: str) -> list[str]:
    """Levels of intervals that are neither the plan's nor that of two one-sided tests."""
    right = {f"{100 * (1 - e.alpha):g}", f"{100 * (1 - 2 * e.alpha):g}"}
    return [f"a level of {x} % is printed" for x in LEVEL.findall(text) if x not in right]


def false_caveats(e: Evidence, text: str) -> list[str]:
    """Sentences that call shared what differs between the trained runs."""
    recipes = e.runs["recipe"].unique()
    if len(recipes) < 2:
        return []
    found = []
    searched = any("search" in x for x in e.document["experiments"].values())
    told = (
        text.replace("Everywhere else nothing was tuned, and every arm", "") if searched else text
    )
    if re.search(r"[Ee]very arm was trained with the same recipe", told):
        found.append("the recipes differ, and the page calls them the same")
    if searched and "none was tuned" in text:
        found.append("a search tuned arms, and the page says that none was tuned")
    for part in re.findall(rf"{SHARED}(.*?)(?={ENDS})", text):
        if re.search(r"\blr [\d\u2212]", part):
            found.append("the learning rates differ, and the page calls them the same")
    return found


def places(e: Evidence, text: str) -> list[str]:
    """A page of several recipes names each of them by the values in which they differ."""
    rates = sorted({e.document["base"]["recipe"].get("lr", 0.001), *_levels(e)})
    if len(rates) < 2:
        return []
    return [f"lr {rate:g} is not named" for rate in rates if f"lr {rate:g}" not in text]


def _levels(e: Evidence) -> list[float]:
    found = [x.get("factors", {}).get("recipe.lr", []) for x in e.document["experiments"].values()]
    return [rate for levels in found for rate in levels]


def without_choice(e: Evidence, text: str) -> list[str]:
    """Accuracies of arms under two kinds of statistics, described and not decided."""
    told = re.findall(
        r"With \S+ statistics \S.*? reaches ([\d.]+) % on .*?, \S.*? ([\d.]+) %:", text
    )
    means = set()
    for d in (d for d in e.declared if d["primary"]):
        for arm in (d["a"], d["b"]):
            norm = arm.partition("@")[0]
            cell = {"task": d["task"], "norm": norm, "recipe": d["recipe"]}
            for protocol in e.protocols:
                own = e.mean_scores(cell, nets(e, d), protocol, d["outcome"])
                means |= {float(own.mean())} if len(own) else set()
    return [x for pair in told for x in pair if not any(rounded("", x, m) for m in means)]


def doubled(text: str) -> list[str]:
    """Brackets behind brackets: what is said beside something stands in one pair."""
    return re.findall(r"\([^()]*\)\s*\([^()]*\)", text)


def repeated(text: str, words: int = 8) -> list[str]:
    """Sentences of so many words and more that a page says twice."""
    found = [s.strip() for s in re.split(r"(?<=[.:;])\s+", text)]
    long = [s for s in found if len(s.split()) >= words]
    return sorted({s for s in long if long.count(s) > 1})


def spoken(e: Evidence, page: Path, decisions: list[dict[str, Any]]) -> list[str]:
    """Sentences about one decision each that hold a number which is not its own, or no recipe."""
    text = page.read_text(encoding="utf-8")
    lists = re.findall(r'<ul class="spoken">(.*?)</ul>', text, flags=re.DOTALL)
    said = [html.unescape(s) for part in lists for s in re.findall(r"<li>(.*?)</li>", part)]
    alone = [d for d in decisions if d["backbone"] == "pooled" or len(_pooled(decisions, d)) > 1]
    own = [d for first in (True, False) for d in alone if d["primary"] == first]
    if "Every exploratory decision" not in text:
        own = [d for d in own if d["primary"]]
    if len(said) != len(own):
        return [f"{len(own)} decisions, and {len(said)} sentences about them"]
    names, found = Names(e), []
    for sentence, d in zip(said, own, strict=True):
        shown = sentence
        # Of several declared recipes each is named, and what a search chose always is.
        named = len(names.rates) > 1 or d["recipe"] in names.tuned
        if named and f", {names.recipe(d['recipe'])}, " not in sentence:
            found.append(f"of which recipe? {sentence}")
        for name in (names.recipe(d["recipe"]), names.norm(d["a"].partition("@")[0]), *NAMED):
            shown = shown.replace(name, "")
        known = [*_numbers(d), 80, 100 * (1 - e.alpha), 100 * (1 - 2 * e.alpha)]
        found += [
            f"{n[0]} is no number of its decision: {sentence}"
            for n in NUMBER.finditer(shown)
            if not any(rounded(shown[: n.start()].rstrip(), n[0], value) for value in known)
        ]
    return found


NAMED = ("digits8x8", "resnet8")
"""Names that hold numbers."""


def _pooled(decisions: list[dict[str, Any]], d: dict[str, Any]) -> list[str]:
    """The backbones over which the comparison of a decision is pooled."""
    keys = ("experiment", "task", "recipe", "outcome", "a", "b")
    same = (o for o in decisions if all(o[k] == d[k] for k in keys) and o["backbone"] == "pooled")
    return next(same)["blocks"]


def _numbers(value: Any) -> Iterator[float]:
    """Every number of a decision, however deep."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from _numbers(entry)
    elif isinstance(value, int | float):
        yield float(value)
