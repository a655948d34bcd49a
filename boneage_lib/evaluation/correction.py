"""A straight line through validation radiographs that takes a network's bias out of its answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from boneage_lib.errors import InputError

#: Parts that radiographs are cut into, so that none is corrected by a line through itself.
FOLDS = 5


@dataclass(frozen=True)
class Correction:
    """What a network's answers are made into.

    Attributes:
        slope: corrected months by month of the answer.
        intercept: corrected months of an answer of zero.
    """

    slope: float
    intercept: float

    @classmethod
    def fit(cls, predicted_months: np.ndarray, boneage_months: np.ndarray) -> Correction:
        """The least-squares line from answers to reference ages, of validation radiographs.

        Args:
            predicted_months: (n,) answers.
            boneage_months: (n,) reference ages.

        Raises:
            InputError: fewer than two different answers.
        """
        answers = np.asarray(predicted_months, dtype=float)
        if len(np.unique(answers)) < 2:
            raise InputError("A straight line needs two different answers or more.")
        slope, intercept = np.polyfit(answers, np.asarray(boneage_months, dtype=float), 1)
        return cls(float(slope), float(intercept))

    def __call__(self, predicted_months: np.ndarray) -> np.ndarray:
        """Corrected answers, months, of the shape given."""
        return self.slope * np.asarray(predicted_months, dtype=float) + self.intercept


def cross_fitted(predicted_months: np.ndarray, boneage_months: np.ndarray) -> np.ndarray:
    """Answers corrected by lines through others: each of `FOLDS` parts by one through the rest.

    Args:
        predicted_months: (n,) answers.
        boneage_months: (n,) reference ages.

    Returns:
        Corrected answers, months (n,).

    Raises:
        InputError: fewer than two different answers among the rest of a part.
    """
    part = np.arange(len(predicted_months)) % FOLDS
    corrected = np.empty(len(predicted_months))
    for number in range(FOLDS):
        rest = part != number
        line = Correction.fit(predicted_months[rest], boneage_months[rest])
        corrected[~rest] = line(predicted_months[~rest])
    return corrected
