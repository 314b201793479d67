"""What a page must not say: levels that are not the plan's, and settings that are not shared.

In: the evidence and the text of a page. Out: findings in words.
"""

from __future__ import annotations

import re

from tests.referee.evidence import Evidence

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


def doubled(text: str) -> list[str]:
    """Brackets behind brackets: what is said beside something stands in one pair."""
    return re.findall(r"\([^()]*\)\s*\([^()]*\)", text)


def repeated(text: str, words: int = 8) -> list[str]:
    """Sentences of so many words and more that a page says twice."""
    found = [s.strip() for s in re.split(r"(?<=[.:;])\s+", text)]
    long = [s for s in found if len(s.split()) >= words]
    return sorted({s for s in long if long.count(s) > 1})
