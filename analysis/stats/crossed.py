"""A mean difference and its variance when both the seeds and the test images are a sample.

In: rows, one per seed, with the difference of two arms on every image. Out: a `Crossed` estimate,
whose p and intervals are about images like these, not about these images alone. A row is added and
forgotten: what is kept grows with the images and with the seeds, not with their product.

Every seed is tested on every image, so the two are crossed (Searle, Casella, McCulloch, Variance
Components, 1992, chapter 4): d[s, i] = mean + seed_s + image_i + residual_si. Resampling both rows
and columns instead counts the residual three times (Owen, The pigeonhole bootstrap, 2007).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.stats.t_estimate import TEstimate

ROUNDING = 64 * np.finfo(float).eps


class ImageSet:
    """Differences on one set of images, gathered a row at a time.

    Every row is taken apart into its mean and what is left around it; of the latter only the
    running mean and the sum of squares around that are kept (Welford's recurrence, image by image).

    Parameters
    ----------
    images : int
        Length of every row.
    weight : float
        Share of this set in the outcome. Conditions that are made of the same images are averaged
        before they come here; of k conditions among K its weight is k / K.
    """

    def __init__(self, images: int, weight: float = 1.0):
        if images < 2:
            raise ValueError(f"a set of {images} image has no variance between images")
        self.images, self.weight = images, weight
        self.means: list[float] = []
        self.largest = 0.0
        self._around = np.zeros(images)
        self._residual = 0.0

    def add(self, row: np.ndarray) -> None:
        """Take the next seed's differences, (images,)."""
        row = np.asarray(row, dtype=float)
        if row.shape != (self.images,):
            raise ValueError(f"a row of {self.images} images was expected, not {row.shape}")
        mean = float(row.mean())
        self.means.append(mean)
        self.largest = max(self.largest, float(np.abs(row).max()))
        centred = row - mean
        step = centred - self._around
        self._around += step / len(self.means)
        self._residual += float(step @ (centred - self._around))

    def of_images(self) -> float:
        """Variance of the mean as the image means show it: of images, and residual / seeds."""
        return float(self._around @ self._around) / (self.images - 1) / self.images

    def of_residual(self) -> float:
        """Variance of the mean that comes from the residual alone."""
        cells = self.images * len(self.means)
        return self._residual / ((len(self.means) - 1) * (self.images - 1)) / cells


@dataclass(frozen=True)
class Crossed(TEstimate):
    """The estimate of a crossed table; the three parts are variances of the mean.

    ``seeds`` is what the seed means show (with a share of the residual in it), ``images`` what the
    image means show (with the same share in it), ``residual`` that share.
    """

    seeds: float
    images: float
    residual: float


def crossed(sets: Sequence[ImageSet]) -> Crossed:
    """Mean difference of an outcome over its image sets, seeds and images drawn anew.

    Parameters
    ----------
    sets : sequence of ImageSet
        With the same seeds in the same order; their weights sum to one. The seeds are shared, so
        their part is taken from the outcome's mean per seed; images of different sets are
        different images, so their parts add.

    Returns
    -------
    Crossed
        The variance is seeds + images - residual, never less than that of seeds or of images alone
        (an estimated share of the residual may exceed either). Degrees of freedom by Satterthwaite
        (Biometrics Bulletin 2, 1946), kept between the fewest and the most that any part has.

    Raises
    ------
    ValueError
        For fewer than two seeds, sets of different numbers of seeds, or weights of another sum.
    """
    counts = {len(s.means) for s in sets}
    if len(counts) != 1 or min(counts) < 2:
        raise ValueError(f"sets with the same two or more seeds are needed, not {sorted(counts)}")
    if abs(sum(s.weight for s in sets) - 1) > 1e-9:
        raise ValueError(f"the weights {[s.weight for s in sets]} do not sum to one")
    count = counts.pop()
    by_seed: np.ndarray = np.sum([s.weight * np.array(s.means) for s in sets], axis=0)
    seeds = float(np.var(by_seed, ddof=1)) / count
    images = [s.weight**2 * s.of_images() for s in sets]
    residual = [s.weight**2 * s.of_residual() for s in sets]
    variance = max(seeds + sum(images) - sum(residual), seeds, sum(images))
    if variance <= (ROUNDING * max(s.largest for s in sets)) ** 2:
        return Crossed(float(by_seed.mean()), 0.0, count - 1, 0.0, 0.0, 0.0)
    spread = seeds**2 / (count - 1)
    for s, image, rest in zip(sets, images, residual, strict=True):
        spread += image**2 / (s.images - 1) + rest**2 / ((count - 1) * (s.images - 1))
    fewest = min(count - 1, *(s.images - 1 for s in sets))
    most = sum(s.images - 1 for s in sets)
    df = min(max(variance**2 / spread, fewest), most)
    parts = seeds, sum(images), sum(residual)
    return Crossed(float(by_seed.mean()), float(np.sqrt(variance)), float(df), *parts)


def crossed_table(rows: Iterable[np.ndarray]) -> Crossed:
    """One set of images: rows of a (seeds, images) table of differences, one after the other."""
    found: ImageSet | None = None
    for row in rows:
        found = found or ImageSet(len(row))
        found.add(row)
    if found is None:
        raise ValueError("a table of differences without rows")
    return crossed([found])
