"""The patch-size study: Table 5's settings over one training epoch (section VI.B, Figure 5).

Twice: as the paper did it, where a step sees all patches of its radiographs, 24 of the largest and
1,200 of the smallest; and with as many patches a step for all, from the same features.
"""

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
from boneage_lib.training.plan import draw_epochs
from boneage_lib.training.settings import Settings
from boneage_lib.training.train import Trained, train, train_seeds

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
    """Train ResNet50 for one epoch with each number and size of patches, as the paper did.

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
        validation radiograph's absolute error), ``seconds`` (spent now on ``features`` and
        ``head``); and the curves of Figure 5, ``patch_count``, ``patch_size``, ``step`` (from 1),
        ``loss`` (z², mean of the steps since the row before).
    """
    rows, curves = [], []
    for count, size in patches:
        losses, trained = train_patches(
            cohort, settings, count, size, bank_folder, weights, progress, checkpoints
        )
        rows.append(_row(cohort, trained))
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


def fair_patch_study(
    cohort: Cohort,
    settings: Settings,
    seeds: int,
    patches: tuple[tuple[int, int], ...],
    bank_folder: Path,
    weights: str | Path | None = None,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> pd.DataFrame:
    """The same with equal numbers of updates and of patches a step, over several seeds.

    A step sees ``settings.patches_a_step`` patches, shared out among its radiographs: of each, some
    of its patches, drawn anew every time. So all settings make the same updates on the same
    radiographs in the same order with equally noisy gradients, and read whole validation
    radiographs. What a patch shows stays different, and with it the pixels a step.

    Args:
        cohort: see `patch_study`.
        settings: of the first training; the others count its seed up.
        seeds: trainings of each setting, 1 or more.
        patches: see `patch_study`, also for all further arguments.
        bank_folder: the banks are `patch_study`'s.
        weights: see `patch_study`.
        progress: see `patch_study`.
        checkpoints: see `patch_study`.

    Returns:
        A row for each setting and seed: what `patch_study` gives, ``seed``, ``updates``, and
        ``pixels_a_step``.

    Raises:
        InputError: patches a step that the radiographs of a step cannot share evenly, or more of
            them than a setting has.
    """
    return pd.DataFrame(
        [
            _row(cohort, trained)
            for count, size in patches
            for trained in train_patches_fairly(
                cohort, settings, seeds, count, size, bank_folder, weights, progress, checkpoints
            )
        ]
    )


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
        replace(with_patches(settings, count, size), patches_a_step=0),
        bank_folder,
        weights,
        splits=("validation",),
        extra_callbacks=[curve],
        verbose=False,
        progress=progress,
        checkpoints=checkpoints,
    )
    return curve.remembered[0], trained


def train_patches_fairly(
    cohort: Cohort,
    settings: Settings,
    seeds: int,
    count: int,
    size: int,
    bank_folder: Path,
    weights: str | Path | None = None,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> list[Trained]:
    """One setting of `fair_patch_study`: its training of every seed."""
    return train_seeds(
        "resnet50_patches",
        cohort,
        with_patches(settings, count, size),
        seeds,
        bank_folder,
        weights,
        splits=("validation",),
        verbose=False,
        progress=progress,
        checkpoints=checkpoints,
    )


def with_patches(settings: Settings, count: int, size: int) -> Settings:
    """Settings of the fair study with ``count`` patches of ``size`` pixels a side: one epoch."""
    return replace(settings, epochs=1, patch_count=count, patch_size=size, evaluation_patches=count)


def _row(cohort: Cohort, trained: Trained) -> dict[str, Any]:
    """What a training of the study gave; ``seed`` and the like only where it is the fair one."""
    settings, predictions = trained.settings, trained.predictions
    count, size = settings.patch_count, settings.patch_size
    error = (predictions["predicted_months"] - predictions["boneage_months"]).abs()
    pixels, budget = pixel_budget(count, size, cohort.size)
    row: dict[str, Any] = {"patch_count": count, "patch_size": size}
    if settings.patches_a_step:
        draws = len(draw_epochs(cohort, settings)[0])
        row |= {"seed": settings.seed, "updates": math.ceil(draws / settings.batch_size)}
    row |= {
        "pixels": pixels,
        "budget": budget,
        "patches_a_step": settings.patches_a_step or count * settings.batch_size,
    }
    if settings.patches_a_step:
        row["pixels_a_step"] = settings.patches_a_step * size**2
    return row | {
        "loss": float(trained.history["loss"].iloc[-1]),
        "val_loss": float(trained.history["val_loss"].iloc[-1]),
        "mae_months": float(error.mean()),
        "errors_months": error.to_numpy(),
        "seconds": trained.provenance["seconds"],
    }
