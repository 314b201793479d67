"""What a claim is about, in words.

In: the target of a decision and its number of test images. Out: plain text. Called by decisions,
tables, figures and the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

THESE, ALIKE, DATA = "these_images", "images_like_these", "data_like_these"
ALSO = {ALIKE: " and images", DATA: " and splits", THESE: ""}
"""What an interval about a target varies beside the seeds."""


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


def scope(decisions: Iterable[Mapping]) -> str:
    """What the intervals of some decisions vary, and so are about.

    >>> scope([{"target": "images_like_these", "images": 360, "paired_by": "seed"}])
    'the intervals are over seeds and images, for images like these 360'
    """
    decisions = list(decisions)
    by = f"{decisions[0]['paired_by']}s"
    also = {_target(d): ALSO[_target(d)] for d in decisions}
    told = " or ".join(f"{by}{also[target]}" for target in ALSO if target in also)
    return f"the intervals are over {told}, {about_all(decisions)}"


def _target(d: Mapping) -> str:
    return d.get("target", THESE)


def about_all(decisions: Iterable[Mapping]) -> str:
    """What all of some decisions are about, with their number of images where that is one.

    Decisions that fell back to these images are counted apart.
    """
    decisions = list(decisions)
    targets = list(dict.fromkeys(map(_target, decisions)))
    parts = []
    for target in sorted(targets, key=lambda t: (t == THESE, t)):
        own = [d for d in decisions if _target(d) == target]
        sizes = {d.get("images", 0) for d in own}
        text = about(target, sizes.pop() if len(sizes) == 1 else 0)
        parts.append(text if len(targets) == 1 else f"{text} ({len(own)} of {len(decisions)})")
    return " and ".join(parts)
