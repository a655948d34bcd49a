"""Uniform resampling over age and sex, as indices, and the normalizer of bone age (section IV)."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from boneage_lib.errors import InputError

AGE_BINS = 10


def age_bins(boneage_months: np.ndarray, bins: int = AGE_BINS) -> np.ndarray:
    """Bin number, 0 to ``bins`` - 1, of every age; equal widths between the youngest and oldest."""
    ages = np.asarray(boneage_months, dtype=float)
    edges = np.linspace(ages.min(), ages.max(), bins + 1)
    numbers: np.ndarray = np.digitize(ages, edges[1:-1])
    return numbers


def resample_uniformly(
    boneage_months: np.ndarray,
    female: np.ndarray,
    draws_per_cell: int = 500,
    bins: int = AGE_BINS,
    seed: int = 0,
) -> np.ndarray:
    """Indices that make age and sex uniform (section IV, Figure 2b).

    Ages are cut into ``bins`` equal widths; from every cell (age bin × sex) that holds anyone, the
    same number is drawn with replacement. Nothing is copied: the result indexes the arguments.

    Args:
        boneage_months: (n,) bone ages, months.
        female: (n,) 0 male, 1 female.
        draws_per_cell: draws from each cell; 500 gives 10,000 on a full 10 × 2 grid.
        bins: number of age bins.
        seed: seed of the draw.

    Returns:
        int64 indices of shape (occupied cells × ``draws_per_cell``,), shuffled.

    Raises:
        InputError: nothing to draw from, or fewer than one draw asked for.
    """
    if len(boneage_months) == 0 or draws_per_cell < 1:
        raise InputError(
            f"Found {len(boneage_months)} labels and draws_per_cell={draws_per_cell}; expected at "
            "least one of each."
        )
    cell = 2 * age_bins(boneage_months, bins) + np.asarray(female)
    rng = np.random.default_rng(seed)
    drawn = [
        rng.choice(np.flatnonzero(cell == c), size=draws_per_cell, replace=True)
        for c in np.unique(cell)
    ]
    return rng.permutation(np.concatenate(drawn))


def effective_sample_size(indices: np.ndarray) -> float:
    """Kish's effective sample size of a draw with repeats: (Σw)² / Σw², w the repeat counts."""
    repeats = np.bincount(indices)
    return float(repeats.sum() ** 2 / (repeats.astype(float) ** 2).sum())


def expected_draw(cell_sizes: np.ndarray, draws_per_cell: int) -> dict[str, float]:
    """What uniform resampling gives in the long run, without drawing.

    A radiograph of a cell of c is missed by one draw with probability 1 - 1/c, so that d draws
    find c (1 - (1 - 1/c)^d) different ones, and its expected squared repeat count is
    d/c + d(d - 1)/c².

    Args:
        cell_sizes: radiographs in each occupied cell, 1 or more.
        draws_per_cell: draws from each of them.

    Returns:
        ``distinct``: expected number of different radiographs among the draws; ``effective``:
        Kish's effective sample size with the sum of squares at its expected value.

    Raises:
        InputError: no cell, an empty one, or fewer than one draw asked for.
    """
    cells = np.asarray(cell_sizes, dtype=float)
    if len(cells) == 0 or cells.min() < 1 or draws_per_cell < 1:
        raise InputError(
            f"Found cell_sizes={cells.tolist()} and draws_per_cell={draws_per_cell}; expected "
            "cells of one radiograph or more and at least one draw."
        )
    squares = draws_per_cell + draws_per_cell * (draws_per_cell - 1) / cells
    return {
        "distinct": float(np.sum(cells * (1 - (1 - 1 / cells) ** draws_per_cell))),
        "effective": float((draws_per_cell * len(cells)) ** 2 / squares.sum()),
    }


@dataclass(frozen=True)
class AgeNormalizer:
    """Months to z-scores and back: z = (months - mean) / std (section IV).

    Attributes:
        mean_months: mean of the ages it was fitted on.
        std_months: their standard deviation (ddof=1), above zero.
    """

    mean_months: float
    std_months: float

    @classmethod
    def fit(cls, boneage_months: np.ndarray) -> AgeNormalizer:
        """Fit on (n,) ages in months; raises InputError when fewer than two differ."""
        ages = np.asarray(boneage_months, dtype=float)
        if len(np.unique(ages)) < 2:
            raise InputError("Normalizing bone age needs at least two different ages in train.")
        return cls(float(ages.mean()), float(ages.std(ddof=1)))

    def to_z(self, months: np.ndarray) -> np.ndarray:
        """Months to z-scores, any shape."""
        return (np.asarray(months, dtype=float) - self.mean_months) / self.std_months

    def to_months(self, z: np.ndarray) -> np.ndarray:
        """Z-scores to months, any shape."""
        return np.asarray(z, dtype=float) * self.std_months + self.mean_months

    def as_dict(self) -> dict[str, float]:
        """Plain numbers for JSON."""
        return asdict(self)
