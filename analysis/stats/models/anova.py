"""Analysis of variance of a complete grid of factors, blocked by seed.

In: a tidy frame of scores. Out: F tests with partial eta squared and its interval. Called by the
analyses of a user's own table of scores.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from analysis.stats.paired import rounding


def anova(
    frame: pd.DataFrame, factors: list[str], alpha: float = 0.05, *, blocked: bool = True
) -> list[dict[str, Any]]:
    """ANOVA of ``score`` on crossed factors with seeds as blocks (type II; the grid is complete).

    Parameters
    ----------
    frame : DataFrame
        Columns ``seed``, ``score`` and the factors; every seed at every combination.
    factors : list of str
        Columns, in order.
    alpha : float
        The interval of partial eta squared is at 1 - alpha.
    blocked : bool
        False: unpaired observations, no column ``seed``.

    Returns
    -------
    list of dict
        ``term`` (factors joined by ``:``, then ``seed``), ``df`` [term, residual], ``F``, ``p``,
        ``partial_eta2``, ``ci``. Empty with fewer than two seeds; F and p are None where the
        residual is zero.
    """
    if frame.empty or (blocked and frame["seed"].nunique() < 2):
        return []
    # Formulas need plain names; factors are called norm.stan_ratio.
    short = {factor: f"f{i}" for i, factor in enumerate(factors)}
    plain = frame.rename(columns=short)
    noise = len(plain) * rounding(plain["score"].to_numpy(dtype=float))
    # The intercept takes up the mean; without it large scores keep their digits (NIST SmLs07).
    plain["score"] -= plain["score"].mean()
    crossed = " * ".join(f"C({name}, Sum)" for name in short.values())
    fit = ols(f"score ~ {'C(seed, Sum) + ' if blocked else ''}{crossed}", data=plain).fit()
    with warnings.catch_warnings():
        # Constant scores have no F; that is said below by None.
        warnings.simplefilter("ignore")
        result = anova_lm(fit, typ=2)
    error, df_error = result.loc["Residual", ["sum_sq", "df"]].astype(float)
    exact = error <= max(noise, 1e-12 * float(np.sum(plain["score"] ** 2)))
    longer = {f"C({name}, Sum)": factor for factor, name in short.items()}
    rows = []
    for term in [t for t in result.index if t != "Residual"]:
        squares, df = float(result.loc[term, "sum_sq"]), int(result.loc[term, "df"])
        names = [longer.get(piece, "seed") for piece in term.split(":")]
        f = None if exact else squares / df / (error / df_error)
        rows.append(
            {
                "term": ":".join(names),
                "df": [df, int(df_error)],
                "F": f,
                "p": None if f is None else float(stats.f.sf(f, df, df_error)),
                "partial_eta2": None if exact else squares / (squares + error),
                "ci": [None, None] if f is None else eta_interval(f, df, int(df_error), alpha),
            }
        )
    return sorted(rows, key=lambda row: row["term"] == "seed")


def eta_interval(f: float, df: int, df_error: int, alpha: float) -> list[float]:
    """Interval of partial eta squared by inverting the noncentral F (Steiger 2004).

    lambda / (lambda + df + df_error + 1) at the two lambdas that put F at its alpha/2 quantiles.
    """
    total = df + df_error + 1

    def bound(q: float) -> float:
        def gap(x: float) -> float:
            return float(stats.ncf.cdf(f, df, df_error, x)) - q

        if not math.isfinite(f) or gap(0.0) <= 0:
            return 0.0
        upper = max(10.0, 2 * f * df)
        while gap(upper) > 0:
            upper *= 2
        return float(optimize.brentq(gap, 0.0, upper))

    return [x / (x + total) for x in (bound(1 - alpha / 2), bound(alpha / 2))]
