"""Unbalanced grids: a mixed model with backbones, seeds within them, and methods within them.

In: a tidy frame of scores. Out: each method against the baseline, with the variance components and
whether the fit converged. A balanced grid needs none of this: its cell means say the same in closed
form (`analysis.decisions.contrast`).
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM

from afn.common.errors import StudyError, nearest
from analysis.stats.t_estimate import reach

COMPONENTS = {
    "backbone": "0 + C(backbone)",
    "backbone:method": "0 + C(backbone_method)",
    "backbone:seed": "0 + C(backbone_seed)",
}


def mixed(frame: pd.DataFrame, baseline: str, *, alpha: float = 0.05) -> dict[str, Any]:
    """Fit score ~ method + (1|backbone) + (1|backbone:seed) + (1|backbone:method) by REML.

    Parameters
    ----------
    frame : DataFrame
        Columns ``method``, ``backbone``, ``seed``, ``score``; cells may be missing or unequal.
    baseline : str
        Every other method is compared with it.
    alpha : float
        Intervals are at 1 - alpha.

    Returns
    -------
    dict
        ``contrasts``: per method ``estimate``, ``standard_error``, ``df``, ``ci``, ``p``;
        ``variances`` of the components and the residual; ``converged``; ``boundary``, the
        components estimated as (nearly) zero; ``warnings`` of the optimiser.

    Raises
    ------
    StudyError
        For an unknown baseline, fewer than two backbones, a score that is not finite, or a table
        that leaves the model singular.

    Notes
    -----
    (1|backbone:method) is not optional: without it the differences between backbones pass for seed
    noise. The reference distribution is t with B - 1 degrees of freedom, B being the backbones
    that have both methods, as for the contrast of cell means in a balanced grid.
    """
    _check(frame, baseline)
    table = frame.assign(
        score=frame["score"].astype(float),
        group=1,
        # One label per pair that exists: a column for an absent pair would be singular.
        backbone_method=frame["backbone"].astype(str) + ":" + frame["method"].astype(str),
        backbone_seed=frame["backbone"].astype(str) + ":" + frame["seed"].astype(str),
    )
    level = f"C(method, Treatment({baseline!r}))"
    model, fit, warned = _fitted(table, level)
    # statsmodels orders the components by name.
    variances = dict(zip(model.exog_vc.names, map(float, fit.vcomp), strict=True))
    variances["residual"] = float(fit.scale)
    total = sum(variances.values())
    here = {m: set(g["backbone"]) for m, g in table.groupby("method")}
    contrasts = []
    for method in (m for m in table["method"].unique() if m != baseline):
        name = f"{level}[T.{method}]"
        estimate, error = float(fit.fe_params[name]), float(fit.bse_fe[name])
        df = len(here[method] & here[baseline]) - 1
        half = reach(error, df, alpha) if df > 0 else math.inf
        p = float(2 * stats.t.sf(abs(estimate) / error, df)) if df > 0 and error > 0 else None
        ci = [estimate - half, estimate + half] if math.isfinite(half) else [None, None]
        contrasts.append(
            {
                "a": str(method),
                "b": baseline,
                "estimate": estimate,
                "standard_error": error,
                "df": df,
                "ci": ci,
                "p": p,
            }
        )
    return {
        "contrasts": contrasts,
        "variances": variances,
        "converged": bool(fit.converged),
        "boundary": [k for k, v in variances.items() if v < 1e-6 * total],
        "warnings": warned,
    }


def _fitted(table: pd.DataFrame, level: str) -> tuple[Any, Any, list[str]]:
    """The model, its fit, and what the optimiser warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # statsmodels' gradient methods stop far from the maximum near a zero variance and call
        # it converged; three variances are few enough for Nelder-Mead.
        try:
            model = MixedLM.from_formula(
                f"score ~ {level}", groups="group", vc_formula=COMPONENTS, data=table
            )
            fit = model.fit(reml=True, method=["nm"], maxiter=5000)
            errors = np.asarray(fit.bse_fe, dtype=float)
        except (np.linalg.LinAlgError, ValueError, IndexError, ZeroDivisionError) as why:
            raise StudyError(f"the mixed model cannot be fitted to this table: {why}") from None
    if (
        not np.isfinite(np.asarray(fit.fe_params, dtype=float)).all()
        or not np.isfinite(errors).all()
    ):
        raise StudyError(
            "the mixed model has no finite standard errors for this table: too few scores for its "
            "three variances"
        )
    return model, fit, sorted({str(w.message) for w in caught})


def _check(frame: pd.DataFrame, baseline: str) -> None:
    methods = frame["method"].unique()
    if baseline not in methods:
        raise StudyError(f"no rows of method {baseline!r}; {nearest(baseline, methods)}")
    if frame["backbone"].nunique() < 2:
        raise StudyError("a mixed model over backbones needs at least two of them")
    bad = int((~frame["score"].astype(float).map(math.isfinite)).sum())
    if bad:
        raise StudyError(f"{bad} scores are not finite: complete diverged runs first")
