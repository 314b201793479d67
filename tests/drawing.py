"""How many examples the tests draw that Hypothesis draws for: many more in ``make fuzz``, a fifth
in ``make check``."""

from __future__ import annotations

from hypothesis import settings

USUAL = 100
"""Examples of a test that does not say how many it wants; Hypothesis' own number."""
FUZZ = 20
"""Times as many examples that ``make fuzz`` draws of every test."""


def examples(usual: int) -> int:
    """How many examples to draw of a test that draws `usual` ones in ``make test``."""
    return max(1, usual * settings.default.max_examples // USUAL)
