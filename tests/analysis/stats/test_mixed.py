"""The mixed model: the closed form on balanced grids, missing cells, boundaries, mistakes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from afn.common.errors import StudyError
from analysis.stats.models.mixed import mixed


def grid(backbones=5, seeds=6, tau=1.0, effect=0.5, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for b in range(backbones):
        level, own = rng.normal(80, 3), rng.normal(0, tau)
        for s in range(seeds):
            common = rng.normal(0, 1)
            for method, gain in (("base", 0.0), ("new", effect + own)):
                score = level + common + gain + rng.normal(0, 0.5)
                rows.append({"method": method, "backbone": f"b{b}", "seed": s, "score": score})
    return pd.DataFrame(rows)


def gaps(frame: pd.DataFrame) -> np.ndarray:
    means = frame.pivot_table(index="backbone", columns="method", values="score")
    return (means["new"] - means["base"]).to_numpy()


@pytest.mark.parametrize("seed", [0, 1])
def test_a_balanced_grid_gives_the_t_test_on_cell_means(seed):
    frame = grid(seed=seed)
    found = mixed(frame, "base")
    (contrast,) = found["contrasts"]
    theirs = stats.ttest_1samp(gaps(frame), 0)
    assert contrast["estimate"] == pytest.approx(gaps(frame).mean(), abs=1e-4)
    assert contrast["df"] == 4
    assert contrast["p"] == pytest.approx(theirs.pvalue, rel=0.03)
    assert contrast["ci"] == pytest.approx(list(theirs.confidence_interval(0.95)), abs=0.02)
    assert found["converged"]
    assert set(found["variances"]) == {"backbone", "backbone:method", "backbone:seed", "residual"}


@pytest.mark.seconds
def test_variances_are_found():
    """Balanced, so the mean squares give them: var(gap of cell means) = 2 (v + residual / S)."""
    frame = grid(backbones=14, seeds=12, tau=1.0, seed=3)
    found = mixed(frame, "base")["variances"]
    assert found["residual"] == pytest.approx(0.25, rel=0.3)
    expected = gaps(frame).var(ddof=1) / 2 - found["residual"] / 12
    assert found["backbone:method"] == pytest.approx(expected, rel=0.02)
    assert found["backbone:seed"] == pytest.approx(1.0, rel=0.3)


def test_missing_cells_are_allowed():
    frame = grid(tau=0.0)
    frame = frame[~((frame.backbone == "b1") & (frame.method == "new"))].sample(
        frac=0.9, random_state=0
    )
    found = mixed(frame, "base")
    assert found["contrasts"][0]["df"] == 3
    assert found["contrasts"][0]["estimate"] == pytest.approx(0.5, abs=0.4)


@pytest.mark.parametrize("seed", range(8))
def test_a_variance_at_zero_is_found_where_the_mean_squares_say_so(seed):
    """Half of these grids have a negative estimate from mean squares; gradients get lost there."""
    frame = grid(tau=0.0, seed=seed)
    found = mixed(frame, "base")
    expected = gaps(frame).var(ddof=1) / 2 - found["variances"]["residual"] / 6
    assert found["converged"]
    assert ("backbone:method" in found["boundary"]) == (expected < 0)
    assert found["variances"]["backbone:method"] == pytest.approx(max(0.0, expected), abs=5e-4)


def test_mistakes_are_told():
    frame = grid(seeds=2)
    with pytest.raises(StudyError, match="did you mean 'base'"):
        mixed(frame, "bas")
    with pytest.raises(StudyError, match="at least two"):
        mixed(frame[frame.backbone == "b0"], "base")
    with pytest.raises(StudyError, match="1 scores are not finite"):
        mixed(frame.assign(score=frame.score.where(frame.index != 2)), "base")
