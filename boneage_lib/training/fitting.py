"""Fit a head with Keras' own loop, on whatever batches an engine gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from boneage_lib.data import AgeNormalizer
from boneage_lib.errors import Diverged
from boneage_lib.training.adam import adam
from boneage_lib.training.checkpoints import Checkpoint
from boneage_lib.training.datasets import Batches
from boneage_lib.training.extraction import jit_compile
from boneage_lib.training.progress import reporter
from boneage_lib.training.runtimes import enough_memory
from boneage_lib.training.schedules import callbacks, learning_rate
from boneage_lib.training.settings import Settings

#: Steps of a head that the backend does by itself before Keras looks at them again: a step of a
#: small head takes less time than Keras' look.
STEPS_AT_ONCE = 20


def fit_head(
    head: keras.Model,
    train: Batches,
    validation: Batches,
    normalizer: AgeNormalizer,
    settings: Settings,
    verbose: bool = True,
    extra_callbacks: Sequence[keras.callbacks.Callback] = (),
    model: keras.Model | None = None,
    checkpoints: Path | None = None,
    record: Any = None,
    loss: str = "mse",
    optimizer: keras.optimizers.Optimizer | None = None,
) -> pd.DataFrame:
    """Train a head: Adam, mean squared error, mean absolute error in months (section III).

    Args:
        head: what changes.
        train: training batches.
        validation: validation batches.
        normalizer: between months and z-scores.
        settings: see `Settings`.
        verbose: print a line an epoch.
        extra_callbacks: more Keras callbacks; arrays that one keeps in a list called ``remembered``
            are part of a checkpoint.
        model: what is fitted, when it is more than the head: a frozen base with the head.
        checkpoints: folder for the state after every epoch, from which a killed training goes on.
        record: everything the training depends on, as plain data; another one starts anew.
        loss: ``"mse"`` or ``"mae"``, of z-scores.
        optimizer: in place of Adam at the rate that the settings give.

    Returns:
        The history, one row an epoch: ``epoch`` (from 1), ``loss`` and ``val_loss`` (z², or z),
        ``mae_months`` and ``val_mae_months``, ``learning_rate``, and ``kept`` (True for the
        epoch whose weights were kept).

    Raises:
        Diverged: the loss became infinite or not a number before an epoch ended.
    """
    model = model or head
    # Whole networks come with an optimizer of their own, and heads with none.
    small = model is head and optimizer is None and not _watched(extra_callbacks)
    model.compile(
        optimizer=optimizer or adam(learning_rate(settings, len(train))),
        loss=loss,
        metrics=["mae"],
        jit_compile=jit_compile(),
        steps_per_execution=STEPS_AT_ONCE if small else 1,
    )
    _make_state(model)
    lines = EpochLines(settings.epochs, normalizer.std_months)
    own = callbacks(settings, head)
    best = own[-1]
    keepers = [*own, *(extra for extra in extra_callbacks if hasattr(extra, "remembered"))]
    told = Told(head.name, len(train), settings.epochs)
    watching = [
        *own,
        *extra_callbacks,
        RateLog(),
        NextDraws(train),
        told,
        *([lines] if verbose else []),
    ]
    done, stopped, found = 0, False, {}
    if checkpoints is not None:
        checkpoint = Checkpoint(checkpoints, record, head, keepers)
        watching.append(checkpoint)
        done, stopped, found = checkpoint.epochs_done, checkpoint.stopped, checkpoint.history
        for epoch in range(done if verbose else 0):
            lines.on_epoch_end(epoch, {key: values[epoch] for key, values in found.items()})
    # Even a training that has ended is entered: its callbacks put the best weights back.
    with enough_memory(f"training {head.name} with {train.batch_size} radiographs a step"):
        fitted = model.fit(
            train,
            validation_data=validation,
            initial_epoch=settings.epochs if stopped else done,
            epochs=settings.epochs,
            shuffle=False,
            verbose=0,
            callbacks=watching,
        )
    history = pd.DataFrame(found if checkpoints is not None else fitted.history)
    if "val_loss" not in history or not np.isfinite(history["val_loss"]).any():
        raise Diverged(
            f"Training {head.name} diverged: the loss is no longer a number. Lower learning_rate "
            f"(now {settings.learning_rate})."
        )
    kept = best.epoch
    if not np.isfinite(history["loss"].iloc[-1]):
        print(
            f"The loss is no longer a number in epoch {len(history)}: training ends with the "
            f"weights of epoch {kept + 1}. A lower learning_rate may help."
        )
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


def predict(model: keras.Model, batches: Batches) -> np.ndarray:
    """Z-scores of every look of the first epoch's draws, float32 (draws, looks)."""
    batches.epoch = 0
    answers = []
    for step in range(len(batches)):
        (seen, female), _ = batches[step]
        answers.append(np.asarray(model.predict_on_batch([seen, female])))
    return np.concatenate(answers).reshape(-1, batches.looks)


def _make_state(model: keras.Model) -> None:
    """Make the variables of optimizer and metrics now.

    Keras leaves them to the first step, and a step that makes variables is traced twice by
    TensorFlow, each time for as long as many steps of a small head take.
    """
    model.optimizer.build(model.trainable_variables)
    answers = keras.ops.zeros((1, 1))
    model.compute_metrics(None, answers, answers, None)
    model.reset_metrics()


def _watched(callbacks: Sequence[keras.callbacks.Callback]) -> bool:
    """True when one of them looks at every step."""
    return any(
        getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook)
        for callback in callbacks
        for hook in ("on_train_batch_begin", "on_train_batch_end")
    )


class NextDraws(keras.callbacks.Callback):
    """Give each epoch its own draws; Keras' own hook also fires once before training."""

    def __init__(self, train: Batches) -> None:
        super().__init__()
        self.train = train

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Turn to this epoch's draws."""
        self.train.epoch = epoch


class Told(keras.callbacks.Callback):
    """Tell whoever runs the notebook how far the training is, in steps.

    Args:
        what: is trained.
        steps: an epoch.
        epochs: in all.
    """

    def __init__(self, what: str, steps: int, epochs: int) -> None:
        super().__init__()
        self.tell, self.steps, self.epochs = reporter(f"steps of {what}"), steps, epochs

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the epoch."""
        self.now = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Tell; nothing happens where nobody listens."""
        if self.tell:
            # Of several steps at once Keras names the last, which may lie beyond the epoch's end.
            done = min(batch + 1, self.steps)
            self.tell(self.now * self.steps + done, self.epochs * self.steps)


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
