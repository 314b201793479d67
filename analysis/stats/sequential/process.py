"""How a test statistic moves from look to look: exact probabilities.

In: numbers of pairs at the looks and the region in which the study goes on. Out: quadratures, from
which every probability of crossing a boundary follows without a random draw. Called by
`calibration`, `estimation` and `design`. `TProcess` is the paired t (any scale of the scores);
`ZProcess`, the known-variance case, serves to compare the same code with published tables.

The paired t is Markov. Under normal differences with mean zero the direction ``x / |x|`` of the n
differences is uniform on the sphere and independent of their length, and the t depends only on
``r = sum / (sqrt(n) |x|)``. With k more pairs, ``(|x| u_0, ...)`` lies on a sphere again, so that::

    r_m = sqrt(n/m) r_n u_0 + sqrt(k/m) u_1,   m = n + k,

where u is a point of the half-sphere S^k with density proportional to u_0^(n - 1), independent of
r_n and of everything before. That replaces millions of simulated paths by one-dimensional
integrals (Armitage, McPherson and Rowe 1969 did so for the known-variance case), and gives the far
tails that a family of comparisons needs.

With a true standardised difference d the t is Markov, too: mean and standard deviation of the
first n are sufficient, so that the past given X_n does not depend on d, and the step from x to y
has the null's density times L_m(y) / L_n(x), where L is the likelihood ratio of a noncentral t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from scipy import special, stats

STATES = 48
"""Points at which a function of the state is kept."""
FAR = 9.5
"""Where the normal distribution ends, in standard deviations."""


class Process(Protocol):
    """A Markov test statistic with state x, seen at numbers of pairs n."""

    def edge(self, z: float, n: int) -> float:
        """State whose two-sided nominal p is that of the normal deviate z."""

    def first(self, n: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        """Points and weights, shape (q,): the integral of g(X_n) over low < X_n < high."""

    def step(
        self, n: int, m: int, x: np.ndarray, low: float, high: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Points and weights, shape (len(x), q): E[g(X_m); low < X_m < high | X_n = x]."""

    def ends(self) -> tuple[float, float]:
        """Smallest and largest state."""


@lru_cache(maxsize=32)
def legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


@lru_cache(maxsize=64)
def sphere_coordinate(k: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights (sum 1) for one coordinate of a uniform point on S^(k-1), k >= 1."""
    if k == 1:
        return np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    if k == 3:
        nodes, weights = np.polynomial.legendre.leggauss(count)
    else:
        nodes, weights = special.roots_gegenbauer(count, k / 2 - 1)
    return nodes, weights / weights.sum()


@dataclass(frozen=True)
class TProcess:
    """The paired t; the state is arcsin(r), t = sqrt(n - 1) tan(state).

    ``effect`` is the true mean difference over the true standard deviation of the differences.
    """

    effect: float = 0.0

    def ends(self) -> tuple[float, float]:
        return -math.pi / 2, math.pi / 2

    def edge(self, z: float, n: int) -> float:
        # The smaller tail is inverted, so that p of 1e-20 are exact, too.
        t = -float(special.stdtrit(n - 1, special.ndtr(-abs(z))))
        return math.copysign(math.atan2(t, math.sqrt(n - 1)), z)

    def state(self, t: np.ndarray | float, n: int) -> np.ndarray:
        """State of a t of n pairs."""
        return np.arctan2(t, math.sqrt(n - 1))

    def first(self, n: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        nodes, weights = legendre(STATES + 2 * math.isqrt(n))
        x = low + (high - low) * nodes
        density = np.cos(x) ** (n - 2) / special.beta((n - 1) / 2, 0.5)
        return x, weights * (high - low) * density * self._tilt(x, n)

    def step(
        self, n: int, m: int, x: np.ndarray, low: float, high: float
    ) -> tuple[np.ndarray, np.ndarray]:
        points, weights = _null_step(n, m, x.tobytes(), low, high)
        return points, weights * self._tilt(points, m, from_state=(x[:, None], n))

    def _tilt(
        self, x: np.ndarray, n: int, from_state: tuple[np.ndarray, int] | None = None
    ) -> np.ndarray | float:
        """Likelihood ratio of the effect against none, of x or of the step to x."""
        if self.effect == 0:
            return 1.0
        before = 0.0 if from_state is None else log_ratio(*from_state, self.effect)
        return np.exp(_interpolated_ratio(x, n, self.effect) - before)


@lru_cache(maxsize=512)
def _null_step(n: int, m: int, x: bytes, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """`TProcess.step` without an effect; cached, as many effects share one set of edges."""
    k, fine = m - n, 28 + 2 * math.isqrt(m)
    along, across = math.sqrt(n / m) * np.sin(np.frombuffer(x))[:, None], math.sqrt(k / m)
    radius = np.hypot(along, across)
    # The new state is arcsin(radius sin(tau)), tau the latitude towards (along, across).
    ends = [np.arcsin(np.clip(math.sin(e) / radius, -1.0, 1.0)) for e in (low, high)]
    nodes, weights = legendre(fine)
    tau = ends[0] + (ends[1] - ends[0]) * nodes
    v, share = sphere_coordinate(k, fine)
    sine, cosine = along / radius * np.sin(tau), across / radius * np.cos(tau)
    first_axis = np.maximum(sine[..., None] - cosine[..., None] * v, 0.0)
    inner = (first_axis ** (n - 1)) @ share
    density = inner * np.cos(tau) ** (k - 1) * 2 / special.beta(n / 2, k / 2)
    points = np.arcsin(np.clip(radius * np.sin(tau), -1.0, 1.0))
    return points, weights * (ends[1] - ends[0]) * density


def _interpolated_ratio(x: np.ndarray, n: int, effect: float) -> np.ndarray:
    """`log_ratio` of many states, by a Chebyshev series over their range."""
    low, high = float(x.min()), float(x.max())
    if x.size < 200 or high - low < 1e-6:
        return log_ratio(x, n, effect)
    half = (high - low) / 2
    at = np.polynomial.chebyshev.chebinterpolate(  # type: ignore[type-var]
        lambda u: log_ratio(low + half * (u + 1), n, effect), 48
    )
    return np.polynomial.chebyshev.chebval((x - low) / half - 1, at)


def log_ratio(x: np.ndarray, n: int, effect: float) -> np.ndarray:
    """Log density of a state of n pairs under an effect, minus that under none.

    Given r = sin(x), the sum of the differences over their standard deviation is sqrt(n) r q with
    q from a chi distribution of n degrees, so the ratio is the mean of
    exp(effect sqrt(n) r q - n effect^2 / 2); taken by Gauss-Legendre around the integrand's peak.
    """
    a = effect * math.sqrt(n) * np.sin(x)[..., None]
    peak = (a + np.sqrt(a * a + 4 * (n - 1))) / 2
    width = 8.5 / np.sqrt(1 + (n - 1) / peak**2)
    low, high = np.maximum(peak - width, 0.0), peak + width
    nodes, weights = legendre(40)
    q = low + (high - low) * nodes

    def rise(at: np.ndarray) -> Any:
        return (n - 1) * np.log(at) - at * at / 2 + a * at

    top = rise(peak)
    total = (np.exp(rise(q) - top) * weights * (high - low)).sum(axis=-1)
    constant = (n / 2 - 1) * math.log(2) + special.gammaln(n / 2)
    result: np.ndarray = top[..., 0] + np.log(total) - constant - n * effect * effect / 2
    return result


@dataclass(frozen=True)
class ZProcess:
    """The standardised mean with a known variance under no difference; the state is z."""

    def ends(self) -> tuple[float, float]:
        return -FAR, FAR

    def edge(self, z: float, n: int) -> float:
        return z

    def first(self, n: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        nodes, weights = legendre(STATES)
        x = low + (high - low) * nodes
        return x, weights * (high - low) * stats.norm.pdf(x)

    def step(
        self, n: int, m: int, x: np.ndarray, low: float, high: float
    ) -> tuple[np.ndarray, np.ndarray]:
        mean, spread = math.sqrt(n / m) * x[:, None], math.sqrt((m - n) / m)
        low, high = (np.clip(e, mean - FAR * spread, mean + FAR * spread) for e in (low, high))
        nodes, weights = legendre(STATES)
        points = low + (high - low) * nodes
        return points, weights * (high - low) * stats.norm.pdf(points, mean, spread)


@dataclass(frozen=True)
class Walk:
    """Where the statistic is after a look, among the studies that went on.

    E[g(X); went on at every look so far] is the sum of ``weights`` times g(``points``).
    """

    process: Process
    n: int
    points: np.ndarray
    weights: np.ndarray

    @classmethod
    def begin(cls, process: Process, n: int, low: float, high: float) -> Walk:
        """The first look, at n pairs; the study goes on where low < state < high."""
        return cls(process, n, *process.first(n, low, high))

    def go_on(self, m: int, low: float, high: float) -> Walk:
        """The next look, at m > n pairs."""
        nodes = low + (high - low) * legendre(STATES)[0]
        points, weights = self.process.step(self.n, m, self.points, low, high)
        basis = _lagrange(((points.ravel() - low) / (high - low)).tobytes())
        return Walk(self.process, m, nodes, (self.weights[:, None] * weights).ravel() @ basis)

    def arrive(self, m: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        """Points and weights of the state at the next look, where it lies in (low, high)."""
        points, weights = self.process.step(self.n, m, self.points, low, high)
        return points.ravel(), (self.weights[:, None] * weights).ravel()

    def leave(self, m: int, low: float, high: float) -> float:
        """Chance to have gone on until now and to be outside (low, high) at m pairs."""
        first, last = self.process.ends()
        below, above = self.arrive(m, first, low)[1], self.arrive(m, high, last)[1]
        return float(below.sum() + above.sum())


@lru_cache(maxsize=4)
def _barycentric(count: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = legendre(count)
    signs = np.where(np.arange(count) % 2, -1.0, 1.0)
    return nodes, signs * np.sqrt(nodes * (1 - nodes) * weights)


@lru_cache(maxsize=64)
def _lagrange(at: bytes) -> np.ndarray:
    """Lagrange polynomials of the Legendre nodes on (0, 1), shape (points, STATES)."""
    nodes, factors = _barycentric(STATES)
    gap = np.frombuffer(at)[:, None] - nodes
    terms = factors / np.where(gap == 0, 1e-300, gap)
    result: np.ndarray = terms / terms.sum(axis=1, keepdims=True)
    return result
