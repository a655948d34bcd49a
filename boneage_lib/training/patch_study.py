"""The patch-size study: Table 5's settings over one training epoch (section VI.B, Figure 5)."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from boneage_lib.data import Cohort
from boneage_lib.inputs import pixel_budget
from boneage_lib.training.feature_bank import Progress
from boneage_lib.training.settings import Settings
from boneage_lib.training.train import Trained, train

#: Points that a loss curve is thinned to.
CURVE_POINTS = 200


class LossCurve(keras.callbacks.Callback):
    """The training loss of every step of an epoch; Keras itself tells the mean so far."""

    def __init__(self) -> None:
        super().__init__()
        self.remembered = [np.zeros(0)]
        self.total = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """An epoch that a kill cut off starts anew."""
        self.losses: list[float] = []
        self.total = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Note this step's loss."""
        total = (batch + 1) * float((logs or {})["loss"])
        self.losses.append(total - self.total)
        self.total = total

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Hand the curve over, before a checkpoint is written."""
        self.remembered = [np.array(self.losses)]


def patch_study(
    cohort: Cohort,
    settings: Settings,
    patches: tuple[tuple[int, int], ...],
    bank_folder: Path,
    weights: str | Path | None = None,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train ResNet50 for one epoch with each number and size of patches.

    Everything but the patches is the same for all: draws, radiographs a step, initial weights.
    The paper compares the training loss, a loss of single patches; beside it stands what matters
    to a reader, the error of a validation radiograph's averaged patches. The test set is not
    touched.

    Args:
        cohort: with train and validation radiographs.
        settings: of the training; its epochs and patches are overridden.
        patches: (number of patches, side in pixels).
        bank_folder: see `boneage_lib.training.fill_bank`.
        weights: see `boneage_lib.bases.find_weights`.
        progress: called with (views done, views in all).
        checkpoints: folder for finished trainings, which are then not done again.

    Returns:
        A table with a row for each setting, ``patch_count``, ``patch_size``, ``pixels``,
        ``budget`` (share of the radiograph), ``patches_a_step``, ``loss`` and ``val_loss`` (z², of
        single patches, after the epoch), ``mae_months`` and ``errors_months`` (mean and each
        validation radiograph's absolute error); and the curves of Figure 5, ``patch_count``,
        ``patch_size``, ``step`` (from 1), ``loss`` (z², mean of the steps since the row before).
    """
    rows, curves = [], []
    for count, size in patches:
        losses, trained = train_patches(
            cohort, settings, count, size, bank_folder, weights, progress, checkpoints
        )
        predictions = trained.predictions
        error = (predictions["predicted_months"] - predictions["boneage_months"]).abs()
        pixels, budget = pixel_budget(count, size, cohort.size)
        rows.append(
            {
                "patch_count": count,
                "patch_size": size,
                "pixels": pixels,
                "budget": budget,
                "patches_a_step": count * settings.batch_size,
                "loss": float(trained.history["loss"].iloc[-1]),
                "val_loss": float(trained.history["val_loss"].iloc[-1]),
                "mae_months": float(error.mean()),
                "errors_months": error.to_numpy(),
            }
        )
        every = math.ceil(len(losses) / CURVE_POINTS)
        thinned = [np.mean(losses[k : k + every]) for k in range(0, len(losses), every)]
        curves.append(
            pd.DataFrame(
                {
                    "patch_count": count,
                    "patch_size": size,
                    "step": np.minimum(np.arange(1, len(thinned) + 1) * every, len(losses)),
                    "loss": thinned,
                }
            )
        )
    return pd.DataFrame(rows), pd.concat(curves, ignore_index=True)


def train_patches(
    cohort: Cohort,
    settings: Settings,
    count: int,
    size: int,
    bank_folder: Path,
    weights: str | Path | None = None,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> tuple[np.ndarray, Trained]:
    """One setting of `patch_study`: the training loss of each step, and the training."""
    curve = LossCurve()
    trained = train(
        "resnet50_patches",
        cohort,
        replace(settings, epochs=1, patch_count=count, patch_size=size, evaluation_patches=count),
        bank_folder,
        weights,
        splits=("validation",),
        extra_callbacks=[curve],
        verbose=False,
        progress=progress,
        checkpoints=checkpoints,
    )
    return curve.remembered[0], trained
