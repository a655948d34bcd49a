"""What normalizing ages set by set costs: the error of a predictor that knows every age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from boneage_lib.data.cohort import SPLITS
from boneage_lib.data.resampling import age_bins, expected_draw
from boneage_lib.errors import InputError


@dataclass(frozen=True)
class Ages:
    """The ages of one split, as counted and with every cell (age bin × sex) weighing the same.

    Attributes:
        months: (k,) distinct age and sex pairs' ages, months.
        raw: (k,) their shares of the split, summing to 1.
        uniform: (k,) their expected shares after resampling, summing to 1.
        cells: (c,) radiographs in each occupied cell.
    """

    months: np.ndarray
    raw: np.ndarray
    uniform: np.ndarray
    cells: np.ndarray

    @classmethod
    def of(cls, histogram: pd.DataFrame, split: str) -> Ages:
        """From a histogram with the columns split, female, months and count.

        Raises:
            InputError: no labels of that split.
        """
        rows = histogram[histogram["split"] == split]
        if rows.empty:
            raise InputError(
                f"Found no labels with split={split!r}; expected one of "
                f"{', '.join(histogram['split'].unique())}."
            )
        months = rows["months"].to_numpy(dtype=float)
        count = rows["count"].to_numpy(dtype=float)
        cell = 2 * age_bins(months) + rows["female"].to_numpy()
        cells = np.bincount(cell, weights=count)
        uniform = count / cells[cell] / np.count_nonzero(cells)
        return cls(months, count / count.sum(), uniform, cells[cells > 0])

    def weights(self, resampled: bool) -> np.ndarray:
        """(k,) shares of the ages, as counted or after resampling."""
        return self.uniform if resampled else self.raw

    def moments(self, resampled: bool) -> tuple[float, float]:
        """Mean and standard deviation, months."""
        weights = self.weights(resampled)
        mean = float(np.average(self.months, weights=weights))
        return mean, float(np.sqrt(np.average((self.months - mean) ** 2, weights=weights)))

    def distinct(self, draws_per_cell: int) -> float:
        """Expected number of different radiographs among the draws."""
        return expected_draw(self.cells, draws_per_cell)["distinct"]


def perfect_errors_z(train: Ages, other: Ages, resampled: tuple[bool, bool]) -> np.ndarray:
    """Errors, in z, of a network that knows every age, when each set is normalized by itself.

    It answers in z-scores of train; its labels are z-scores of the other set. ``resampled`` says
    which of the two, train and other, was made uniform first. The error is a straight line in age
    that vanishes only where both rulers agree.

    Returns:
        (k,) one error for every entry of ``other.months``.
    """
    mean_train, std_train = train.moments(resampled[0])
    mean_other, std_other = other.moments(resampled[1])
    answer = (other.months - mean_train) / std_train
    label = (other.months - mean_other) / std_other
    errors: np.ndarray = answer - label
    return errors


def perfect_predictor_floor(train: Ages, other: Ages, resampled: tuple[bool, bool]) -> float:
    """Root mean square of `perfect_errors_z` over the other set, z."""
    errors = perfect_errors_z(train, other, resampled)
    return float(np.sqrt(np.average(errors**2, weights=other.weights(resampled[1]))))


def normalization_floor(histogram: pd.DataFrame) -> pd.DataFrame:
    """What a perfect predictor scores under every way to normalize and resample (section IV).

    "Own" normalizes every set by its own mean and standard deviation, "train's" all sets by
    train's. A z-error times the standard deviation that its labels were divided by, the scored
    set's own or train's, is the error in months that a reader of the z-score would compute.
    Resampled sets are weighted as uniform resampling draws them in the long run.

    Args:
        histogram: columns ``split``, ``female``, ``months`` and ``count``, as `load_histogram`
            gives it.

    Returns:
        One row a scored split other than train, normalization, and resampling of train and of the
        scored split: ``split``, ``normalization`` (own or train's), ``train_resampled``,
        ``split_resampled``, ``rmse_z``, ``mae_z``, ``std_months``, ``rmse_months``, ``mae_months``.

    Raises:
        InputError: no labels of train.
    """
    train, rows = Ages.of(histogram, "train"), []
    for split in [name for name in SPLITS[1:] if name in set(histogram["split"])]:
        other = Ages.of(histogram, split)
        for normalization in ("own", "train's"):
            for resampled in ((False, False), (False, True), (True, False), (True, True)):
                own = normalization == "own"
                errors = perfect_errors_z(train, other, resampled) if own else 0 * other.months
                std = other.moments(resampled[1])[1] if own else train.moments(resampled[0])[1]
                weights = other.weights(resampled[1])
                rmse = float(np.sqrt(np.average(errors**2, weights=weights)))
                mae = float(np.average(np.abs(errors), weights=weights))
                rows.append(
                    {
                        "split": split,
                        "normalization": normalization,
                        "train_resampled": resampled[0],
                        "split_resampled": resampled[1],
                        "rmse_z": rmse,
                        "mae_z": mae,
                        "std_months": std,
                        "rmse_months": rmse * std,
                        "mae_months": mae * std,
                    }
                )
    return pd.DataFrame(rows)
