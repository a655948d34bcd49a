"""Which test radiographs a costly look at a network is taken on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from boneage_lib.data import Cohort
from boneage_lib.errors import InputError
from boneage_lib.evaluation.predictions import validate_predictions

#: Grey radiographs, uint8 (n, size, size), and their labels, n rows of id, female, boneage_months.
Radiographs = tuple[np.ndarray, pd.DataFrame]
LABELS = ["id", "female", "boneage_months"]


def spread_over_ages(cohort: Cohort, count: int = 0) -> Radiographs:
    """Test radiographs evenly spread over the sorted ages, so that a few still span all of them.

    Args:
        cohort: where they are.
        count: how many; 0, or more than there are, takes all.

    Raises:
        InputError: a negative count.
    """
    if count < 0:
        raise InputError(f"Found {count} radiographs; expected 1 or more, or 0 for all.")
    rows = cohort.rows("test")
    ages = cohort.labels["boneage_months"].to_numpy()[rows]
    rows = rows[np.argsort(ages, kind="stable")]
    if 0 < count < len(rows):
        # The middle ones of `count` equal parts.
        rows = rows[((np.arange(count) + 0.5) * len(rows) / count).astype(int)]
    return _taken(cohort, rows)


def worst_radiographs(cohort: Cohort, predictions: pd.DataFrame, count: int) -> Radiographs:
    """The test radiographs that a network errs on most, worst first.

    Args:
        cohort: where they are.
        predictions: of the test radiographs, see `validate_predictions`.
        count: how many, 1 or more.

    Raises:
        InputError: fewer than one, a bad table, or ids that are not in the cohort.
    """
    if count < 1:
        raise InputError(f"Found {count} cases; expected 1 or more.")
    table = validate_predictions(predictions)
    error = (table["predicted_months"] - table["boneage_months"]).abs()
    worst = table["id"].to_numpy()[np.argsort(-error.to_numpy(), kind="stable")[:count]]
    rows = pd.Index(cohort.labels["id"]).get_indexer(pd.Index(worst))
    if (rows < 0).any():
        raise InputError(f"Found no radiograph {worst[rows < 0][0]} in the cohort.")
    return _taken(cohort, rows)


def check_radiographs(images: np.ndarray, labels: pd.DataFrame) -> None:
    """Raise InputError unless ``images`` are grey bytes, each with its row of ``labels``."""
    if images.ndim != 3 or images.dtype != np.uint8 or 0 in images.shape:
        raise InputError(
            f"Found images of shape {images.shape} and type {images.dtype}; expected uint8 "
            "(n, size, size) with at least one image."
        )
    if images.shape[1] != images.shape[2]:
        raise InputError(f"Found images of {images.shape[1:]} pixels; expected squares.")
    if missing := [name for name in LABELS if name not in labels]:
        raise InputError(f"The labels lack {', '.join(missing)}; found {list(labels.columns)}.")
    if len(labels) != len(images):
        raise InputError(f"Found {len(images)} images and {len(labels)} labels; expected as many.")


def _taken(cohort: Cohort, rows: np.ndarray) -> Radiographs:
    return np.asarray(cohort.images[rows]), cohort.labels.iloc[rows][LABELS].reset_index(drop=True)
