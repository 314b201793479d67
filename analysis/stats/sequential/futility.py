"""Is going on worth it? Chances of the last look, given what there is. Never binding.

In: mean, standard deviation and number of the pairs so far, edges of the last look. Out: chances.
Called by `waves`, `design`. The boundaries do not count on these stops, so that a study may ignore
them without any error rate changing.

The chance is computed for an effect that was declared (or the margin), not for the trend of a few
pairs, with the standard deviation seen so far in place of the true one and the t of the last look
as a normal deviate. A rejection at a look in between is not counted: what can reject there would
nearly always reject at the last look, too.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from analysis.stats.sequential.calibration import deviate
from analysis.stats.sequential.intervals import Numbers, t_half_width, t_p

LEAST = 0.10
"""Below this chance going on is futile."""


def conditional_power(
    mean: Numbers, sd: Numbers, n: int, last: int, edge: np.ndarray | float, effect: float
) -> np.ndarray:
    """Chance to cross the edge of the last look, the true difference being +effect or -effect.

    The larger of the two chances. ``edge`` is a normal deviate, ``last`` the pairs of that look.
    """
    z = np.sign(mean) * deviate(t_p(mean, sd, n))
    more = last - n
    if more <= 0:
        result: np.ndarray = (np.abs(z) >= edge).astype(float)
        return result
    drift = effect / sd * more
    chances = [
        special.ndtr((sign * (z * np.sqrt(n)) + drift - edge * np.sqrt(last)) / np.sqrt(more))
        for sign in (1, -1)
    ]
    chance: np.ndarray = np.maximum(*chances)
    return chance


def equivalence_chance(
    mean: Numbers, sd: Numbers, n: int, last: int, nominal: float, margin: float
) -> np.ndarray:
    """Chance that the last look's repeated interval lies within the margin, if nothing differs.

    ``nominal`` is that look's nominal p at twice the level; the true difference is taken as zero.
    """
    room = margin - t_half_width(sd, last, nominal)
    more = last - n
    if more <= 0:
        return (np.abs(mean) < room).astype(float)
    centre, spread = mean * n / last, sd * np.sqrt(more) / last
    inside = special.ndtr((room - centre) / spread) - special.ndtr((-room - centre) / spread)
    return np.where(room > 0, np.maximum(inside, 0.0), 0.0)
