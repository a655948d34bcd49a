"""Learning-rate schedules and callbacks of section III."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from boneage_lib.training.settings import DECAY, Settings


@keras.saving.register_keras_serializable(package="boneage")
class DecayPerStep(keras.optimizers.schedules.LearningRateSchedule):
    """Exponential decay of the learning rate from `DECAY`'s first to its second value.

    Args:
        steps: that one decay lasts: an epoch's for the sawtooth "within each epoch" of section III.
            The next step begins at the first value again.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __call__(self, step: Any) -> Any:
        """The rate of a training's step, counted from 0."""
        share = ops.cast(ops.mod(step, self.steps), "float32") / max(self.steps - 1, 1)
        return DECAY[0] * ops.power(DECAY[1] / DECAY[0], share)

    def get_config(self) -> dict[str, Any]:
        """Arguments for loading it again."""
        return {"steps": self.steps}


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


def learning_rate(settings: Settings, steps: int) -> float | DecayPerStep:
    """The rate, or what it follows step by step, of a training of ``steps`` steps an epoch."""
    match settings.schedule:
        case "sawtooth":
            return DecayPerStep(steps)
        case "exponential":
            return DecayPerStep(steps * settings.epochs)
        case _:
            return settings.learning_rate


def callbacks(settings: Settings, head: keras.Model) -> list[keras.callbacks.Callback]:
    """The callbacks of a training; the last keeps the best weights."""
    chosen: list[keras.callbacks.Callback] = [keras.callbacks.TerminateOnNaN()]
    if settings.schedule == "plateau":
        chosen.append(
            keras.callbacks.ReduceLROnPlateau(
                factor=0.5, patience=settings.plateau_patience, min_lr=DECAY[1]
            )
        )
    if settings.stop_patience:
        chosen.append(keras.callbacks.EarlyStopping(patience=settings.stop_patience))
    return [*chosen, KeepBest(head)]
