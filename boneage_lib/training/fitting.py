"""Fit a head on a bank of features with Keras' own loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pandas as pd

from boneage_lib.data import AgeNormalizer
from boneage_lib.errors import InputError
from boneage_lib.networks import FeatureScale
from boneage_lib.training.extraction import jit_compile
from boneage_lib.training.schedules import callbacks
from boneage_lib.training.settings import Settings


class BankBatches(keras.utils.PyDataset):
    """Batches of (features, female) and z-scored ages, gathered from a bank.

    Args:
        features: (places, looks, *feature shape), usually memory-mapped.
        places: (epochs, draws) place of every draw; epochs come round again.
        female: (epochs, draws) 0 or 1.
        age_z: (epochs, draws) z-scores.
        batch_size: radiographs a batch; all looks of a radiograph are in the same batch.
        scale: applied to the features, for random bases.
    """

    def __init__(
        self,
        features: np.ndarray,
        places: np.ndarray,
        female: np.ndarray,
        age_z: np.ndarray,
        batch_size: int,
        scale: FeatureScale | None = None,
    ) -> None:
        super().__init__()
        self.features, self.places, self.scale = features, places, scale
        self.female, self.age_z = female.astype("float32"), age_z.astype("float32")
        self.batch_size = batch_size
        self.epoch = 0

    def __len__(self) -> int:
        return math.ceil(self.places.shape[1] / self.batch_size)

    def __getitem__(self, step: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Batch ``step`` of the current epoch."""
        chosen = slice(step * self.batch_size, (step + 1) * self.batch_size)
        row = self.epoch % len(self.places)
        features = take(self.features, self.places[row, chosen], self.scale)
        looks = self.features.shape[1]
        female = np.repeat(self.female[row, chosen], looks)[:, None]
        return (features, female), np.repeat(self.age_z[row, chosen], looks)[:, None]


def take(features: np.ndarray, places: np.ndarray, scale: FeatureScale | None) -> np.ndarray:
    """Features at ``places``, their looks one after another: float32 (places × looks, *shape)."""
    taken = np.asarray(features[places], dtype="float32")
    taken = taken.reshape(-1, *features.shape[2:])
    if scale is not None:
        taken = scale(taken)
    return taken


def fit_head(
    head: keras.Model,
    train: BankBatches,
    validation: BankBatches,
    normalizer: AgeNormalizer,
    settings: Settings,
    verbose: bool = True,
    extra_callbacks: Sequence[keras.callbacks.Callback] = (),
) -> pd.DataFrame:
    """Train a head: Adam, mean squared error, mean absolute error in months (section III).

    Returns:
        The history, one row an epoch: ``epoch`` (from 1), ``loss`` and ``val_loss`` (z²),
        ``mae_months`` and ``val_mae_months``, ``learning_rate``, and ``kept`` (True for the
        epoch whose weights were kept).

    Raises:
        InputError: the loss became infinite or not a number before an epoch ended.
    """
    head.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss="mse",
        metrics=["mae"],
        jit_compile=jit_compile(),
    )
    reporters = [EpochLines(settings.epochs, normalizer.std_months)] if verbose else []
    keepers = callbacks(settings, len(train))
    fitted = head.fit(
        train,
        validation_data=validation,
        epochs=settings.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[*keepers, RateLog(), NextDraws(train), *reporters, *extra_callbacks],
    )
    history = pd.DataFrame(fitted.history)
    if "val_loss" not in history or not np.isfinite(history["val_loss"]).any():
        raise InputError(
            f"Training {head.name} diverged: the loss is no longer a number. Lower learning_rate "
            f"(now {settings.learning_rate})."
        )
    kept = keepers[-1].epoch
    return pd.DataFrame(
        {
            "epoch": np.arange(1, len(history) + 1),
            "loss": history["loss"],
            "val_loss": history["val_loss"],
            "mae_months": history["mae"] * normalizer.std_months,
            "val_mae_months": history["val_mae"] * normalizer.std_months,
            "learning_rate": history["rate"],
            "kept": np.arange(len(history)) == kept,
        }
    )


class NextDraws(keras.callbacks.Callback):
    """Give each epoch its own draws; Keras' own hook also fires once before training."""

    def __init__(self, train: BankBatches) -> None:
        super().__init__()
        self.train = train

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Turn to this epoch's draws."""
        self.train.epoch = epoch


class RateLog(keras.callbacks.Callback):
    """Put the learning rate that an epoch began with into the logs."""

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Read the rate of the epoch's first step."""
        if batch == 0:
            self.rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add it to this epoch's row of the history."""
        if logs is not None:
            logs["rate"] = self.rate


class EpochLines(keras.callbacks.Callback):
    """One plain line an epoch, without times: the same text on every machine of a kind."""

    def __init__(self, epochs: int, std_months: float) -> None:
        super().__init__()
        self.epochs, self.std_months = epochs, std_months

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the epoch's losses and errors."""
        logs = logs or {}
        print(
            f"epoch {epoch + 1}/{self.epochs}  loss {logs['loss']:.3f}  "
            f"validation loss {logs['val_loss']:.3f}  "
            f"validation error {logs['val_mae'] * self.std_months:.1f} months",
            flush=True,
        )
