"""Repeated-measures analysis of variance of a complete table, in closed form.

In: scores with subjects (seeds, or blocks) as rows. Out: F tests of methods, of blocks and of their
interaction, each against its own interaction with the subjects, with the correction for unequal
covariances. The decisions do not rest on it; it is shown beside them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg, stats

from analysis.stats.models.anova import eta_interval
from analysis.stats.paired import rounding


def repeated_measures(
    scores: np.ndarray, factors: list[str], alpha: float = 0.05
) -> list[dict[str, Any]]:
    """Within-subject ANOVA with one or two crossed factors.

    Parameters
    ----------
    scores : (subjects, levels) or (subjects, levels, levels)
        Complete and finite; at least two subjects.
    factors : list of str
        One name per axis after the first. A factor with one level is left out.
    alpha : float
        The interval of partial eta squared is at 1 - alpha.

    Returns
    -------
    list of dict
        ``term``, ``df``, ``F``, ``p``; ``epsilon`` (Greenhouse and Geisser 1959) and
        ``p_corrected``, with both degrees of freedom times epsilon; ``partial_eta2``, ``ci``.
        F and what follows from it are None where the error is zero.

    Notes
    -----
    Scores are projected on orthonormal contrasts of the term, z = y C. With q contrasts,
    ``SS = S |mean z|^2`` on q and ``SS_error = sum |z - mean z|^2`` on (S - 1) q degrees of
    freedom, and epsilon = tr(V)^2 / (q tr(V^2)) for the covariance V of z.
    """
    scores = np.asarray(scores, dtype=float)
    if scores.ndim - 1 != len(factors) or len(factors) not in (1, 2) or len(scores) < 2:
        raise ValueError(f"(subjects >= 2, levels of {factors}), not {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("scores are not finite: complete the table first")
    flat = scores.reshape(len(scores), -1)
    noise = flat.size * rounding(flat)
    flat = flat - flat.mean()
    found = []
    for term in _terms(len(factors)):
        if all(scores.shape[1 + i] > 1 for i in term):
            name = ":".join(factors[i] for i in term)
            contrasts = _contrasts(scores.shape[1:], term)
            found.append({"term": name, **_test(flat @ contrasts, alpha, noise)})
    return found


def _terms(factors: int) -> list[tuple[int, ...]]:
    return [(0,)] if factors == 1 else [(0,), (1,), (0, 1)]


def _contrasts(levels: tuple[int, ...], term: tuple[int, ...]) -> np.ndarray:
    """Orthonormal columns: contrasts of the term's factors, means over the others."""
    out = np.ones((1, 1))
    for axis, k in enumerate(levels):
        part = linalg.helmert(k).T if axis in term else np.full((k, 1), k**-0.5)
        out = np.kron(out, part)
    return out


def _test(z: np.ndarray, alpha: float, noise: float) -> dict[str, Any]:
    subjects, q = z.shape
    mean = z.mean(axis=0)
    between, error = subjects * float(np.sum(mean**2)), float(np.sum((z - mean) ** 2))
    df = [q, (subjects - 1) * q]
    if error <= noise:
        empty = dict.fromkeys(("F", "p", "epsilon", "p_corrected", "partial_eta2"))
        return {"df": df, **empty, "ci": [None, None]}
    f = between / df[0] / (error / df[1])
    covariance = np.atleast_2d(np.cov(z, rowvar=False))
    epsilon = float(np.trace(covariance) ** 2 / (q * np.sum(covariance**2)))
    return {
        "df": df,
        "F": f,
        "p": float(stats.f.sf(f, *df)),
        "epsilon": epsilon,
        "p_corrected": float(stats.f.sf(f, epsilon * df[0], epsilon * df[1])),
        "partial_eta2": between / (between + error),
        "ci": eta_interval(f, df[0], df[1], alpha),
    }
