"""Learning-rate schedules and callbacks of section III."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from boneage_lib.training.settings import DECAY, Settings


class DecayPerStep(keras.callbacks.Callback):
    """Exponential decay of the learning rate from `DECAY`'s first to its second value.

    Args:
        steps: steps an epoch.
        epochs: epochs that one decay lasts: 1 for the sawtooth "within each epoch" of section III.
    """

    def __init__(self, steps: int, epochs: int) -> None:
        super().__init__()
        self.length = max(steps * epochs - 1, 1)
        self.steps = steps
        self.epochs = epochs
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember where in the saw's tooth this epoch lies."""
        self.epoch = epoch % self.epochs

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of this step."""
        share = (self.epoch * self.steps + batch) / self.length
        self.model.optimizer.learning_rate = DECAY[0] * (DECAY[1] / DECAY[0]) ** min(share, 1.0)


class KeepBest(keras.callbacks.Callback):
    """End the training with the weights of the epoch whose validation loss was lowest.

    Args:
        head: what is trained.
    """

    def __init__(self, head: keras.Model) -> None:
        super().__init__()
        self.head = head
        self.best = np.inf
        self.epoch = 0
        self.remembered: list[np.ndarray] = []  # the best weights

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Copy the weights when this epoch is the best so far."""
        loss = (logs or {})["val_loss"]
        if loss < self.best:
            self.best, self.epoch = loss, epoch
            self.remembered = self.head.get_weights()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the best weights back."""
        if self.remembered:
            self.head.set_weights(self.remembered)


def callbacks(settings: Settings, steps: int, head: keras.Model) -> list[keras.callbacks.Callback]:
    """The callbacks of a training of ``steps`` steps an epoch; the last keeps the best weights."""
    chosen: list[keras.callbacks.Callback] = [keras.callbacks.TerminateOnNaN()]
    if settings.schedule == "plateau":
        chosen.append(
            keras.callbacks.ReduceLROnPlateau(
                factor=0.5, patience=settings.plateau_patience, min_lr=DECAY[1]
            )
        )
    elif settings.schedule in ("sawtooth", "exponential"):
        epochs = 1 if settings.schedule == "sawtooth" else settings.epochs
        chosen.append(DecayPerStep(steps, epochs))
    if settings.stop_patience:
        chosen.append(keras.callbacks.EarlyStopping(patience=settings.stop_patience))
    return [*chosen, KeepBest(head)]
