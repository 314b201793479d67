"""What a claim is about, in words.

In: the target of a decision and its number of test images. Out: plain text. Called by decisions,
tables, figures and the page.
"""

from __future__ import annotations

from collections.abc import Iterable

THESE, ALIKE, DATA = "these_images", "images_like_these", "data_like_these"


def about(target: str, images: int = 0) -> str:
    """The target as it ends or opens a sentence.

    >>> about("these_images", 360), about("images_like_these", 10000)
    ('on these 360 test images', 'for images like these 10,000')
    """
    count = f"{images:,} " if images else ""
    if target == THESE:
        return f"on these {count}test images"
    if target == ALIKE:
        return f"for images like these {count}".rstrip()
    return "for data like these"


def varied(target: str) -> str:
    """What varies in an interval about a target.

    >>> varied("images_like_these")
    'seeds and images'
    """
    return {THESE: "seeds", ALIKE: "seeds and images", DATA: "seeds and splits"}[target]


def about_all(decisions: Iterable[dict]) -> str:
    """What all of some decisions are about, with their number of images where that is one.

    Decisions that fell back to these images are counted apart.
    """
    decisions = list(decisions)
    targets = list(dict.fromkeys(d["target"] for d in decisions))
    parts = []
    for target in sorted(targets, key=lambda t: (t == THESE, t)):
        own = [d for d in decisions if d["target"] == target]
        sizes = {d["images"] for d in own}
        text = about(target, sizes.pop() if len(sizes) == 1 else 0)
        parts.append(text if len(targets) == 1 else f"{text} ({len(own)} of {len(decisions)})")
    return " and ".join(parts)
